import { closeSync, openSync } from 'node:fs';
import { describeReadFault, readUpTo } from './file-reading.js';
import { ConfigError, locateProblem } from './problem.js';

/** The text of a file that is to be YAML, of at most so many bytes. Throws `ConfigError` `CONFIG_NOT_READABLE`. */
export function readYamlText(fileName: string, lengthBytesMax: number): string {
  let bytes: Buffer;
  try {
    // One byte more than allowed tells a file that ends there from one that goes on.
    bytes = readFile(fileName, lengthBytesMax + 1);
  } catch (error) {
    throw notReadable(fileName, describeReadFault(error));
  }
  if (bytes.length > lengthBytesMax) throw notReadable(fileName, `expected at most ${lengthBytesMax} bytes, found more`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notReadable(fileName, 'expected UTF-8 text, found other bytes');
  }
}

function readFile(fileName: string, lengthBytesMax: number): Buffer {
  const fd = openSync(fileName, 'r');
  try {
    return readUpTo(fd, lengthBytesMax);
  } finally {
    closeSync(fd);
  }
}

function notReadable(fileName: string, message: string): ConfigError {
  return new ConfigError([locateProblem({ code: 'CONFIG_NOT_READABLE', path: [], at: 'value', message }, { kind: 'whole', name: fileName })]);
}
