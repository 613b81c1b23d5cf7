import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { limitTable } from '../limits.js';
import { ChapSecret, type ParsedSecret } from '../login/index.js';
import type { SecretSource } from './engine-config.js';
import { describeReadFault, readUpTo } from './file-reading.js';
import type { Parsed } from './parsed.js';

/** Permission bits of everybody but the owner. */
const OTHERS_MODE = 0o077;
const ROOT_UID = 0;
/** With room for the end of a line behind the secret, and a byte more that tells a longer file. */
const FILE_LENGTH_BYTES_MAX = limitTable.secretBytesMax.value + 3;

/** The secret that stands in a file or in the environment. A fault says where and why, and repeats nothing of what stands there. */
export function readSecret(source: SecretSource): ParsedSecret {
  const bytes = 'file' in source ? readFile(source.file) : readVariable(source.env);
  if (typeof bytes === 'string') return { fault: bytes };
  const { secretBytesMax } = limitTable;
  const where = 'file' in source ? source.file : `the environment variable ${source.env}`;
  if (bytes.length > secretBytesMax.value) return { fault: `${where}: expected a secret of at most ${secretBytesMax.value} bytes, found more` };
  const parsed = ChapSecret.parse(bytes);
  return parsed.fault === undefined ? parsed : { fault: `${where}: ${parsed.fault}` };
}

/** The secret as it is written there, for those who log in elsewhere with it. Faults are those of `readSecret`. */
export function readSecretText(source: SecretSource): Parsed<string> {
  const bytes = 'file' in source ? readFile(source.file) : readVariable(source.env);
  if (typeof bytes === 'string') return { fault: bytes };
  const parsed = readSecret(source);
  return parsed.fault === undefined ? { value: bytes.toString() } : { fault: parsed.fault };
}

function readVariable(name: string): Buffer | string {
  const value = process.env[name];
  return value === undefined ? `the environment variable ${name} is not set` : Buffer.from(value);
}

/** The bytes of the file without the end of the line that editors put there, or what is wrong with it. */
function readFile(path: string): Buffer | string {
  let fd: number;
  try {
    // Whatever it is, opening it must not wait: a FIFO would until somebody writes.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return `${path}: ${describe(error)}`;
  }
  try {
    const fault = faultOfFile(fd);
    return fault === null ? withoutLineEnd(readUpTo(fd, FILE_LENGTH_BYTES_MAX)) : `${path}: ${fault}`;
  } catch (error) {
    return `${path}: ${describe(error)}`;
  } finally {
    closeSync(fd);
  }
}

function describe(error: unknown): string {
  // What a socket or a FIFO answers to who will not wait.
  return (error as NodeJS.ErrnoException).code === 'ENXIO' ? 'expected a regular file' : describeReadFault(error);
}

/** Asks the open file, not its name, so that it cannot become another in between. */
function faultOfFile(fd: number): string | null {
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return 'expected a file, found a directory';
  if (!stat.isFile()) return 'expected a regular file';
  const ownUid = process.getuid?.();
  if (ownUid === undefined) return null;
  if (stat.uid !== ownUid && stat.uid !== ROOT_UID) return 'the file belongs to another user, who can read and change the secret';
  if ((stat.mode & OTHERS_MODE) === 0) return null;
  return `others than its owner may use the file (mode ${(stat.mode & 0o777).toString(8).padStart(4, '0')}); chmod 600 it`;
}

function withoutLineEnd(bytes: Buffer): Buffer {
  const LINE_FEED = 0x0a;
  const CARRIAGE_RETURN = 0x0d;
  let length = bytes.length;
  if (bytes[length - 1] === LINE_FEED) length -= bytes[length - 2] === CARRIAGE_RETURN ? 2 : 1;
  return bytes.subarray(0, length);
}
