import { closeSync, openSync, readSync } from 'node:fs';
import type { AccessControlOptions } from '../access/index.js';
import { limitTable } from '../limits.js';
import { documentOf, readConfigDocument } from './config-document.js';
import type { EngineConfig } from './engine-config.js';
import { readAccess } from './load-access.js';
import { ConfigError, inReadingOrder, locateProblem } from './problem.js';
import { type ConfigSource, parseYamlSource } from './yaml-source.js';

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'expected a file, found a directory',
  EACCES: 'the file may not be read (EACCES)',
};

/** A YAML configuration file as an `EngineConfig`. Throws `ConfigError` with every problem. */
export function loadConfigFile(fileName: string): EngineConfig {
  return resolveConfig(readConfigSource(fileName));
}

/** Reads and parses a YAML file. Throws `ConfigError`: `CONFIG_NOT_READABLE`, or `CONFIG_SYNTAX` with every syntax error. */
export function readConfigSource(fileName: string): ConfigSource {
  return parseYamlSource(readConfigText(fileName), fileName);
}

/**
 * The complete configuration of a source. Throws `ConfigError` with every problem in reading order; secrets are looked at when
 * nothing else is wrong, and not kept.
 */
export function resolveConfig(source: ConfigSource): EngineConfig {
  const { config, problems: documentProblems } = readConfigDocument(source.raw, source.baseDirectory);
  const problems = config === null ? documentProblems : readAccess(config).problems;
  const located = [...source.problems, ...problems.map((problem) => locateProblem(problem, source.locate(problem.path, problem.at)))];
  if (config === null || located.length > 0) throw new ConfigError(inReadingOrder(located));
  return config;
}

/**
 * Holds a configuration that the API was given against the rules of the file, `refuseOpenPortals` among them.
 * Throws `ConfigError`; its paths use the file's words (`block-size` for `blockLengthBytes`).
 */
export function checkEngineConfig(config: EngineConfig): void {
  const { problems } = readConfigDocument(documentOf(config), process.cwd());
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => locateProblem(problem, { kind: 'whole', name: '' })));
}

/**
 * Who may log in to what, with the secrets of a checked configuration. Throws `ConfigError` with every secret that is missing, too
 * short, open to others or used in both directions.
 */
export function loadAccess(config: EngineConfig): Omit<AccessControlOptions, 'limits'> {
  const { access, problems } = readAccess(config);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => locateProblem(problem, { kind: 'whole', name: '' })));
  return access;
}

function readConfigText(fileName: string): string {
  const lengthBytesMax = limitTable.configFileBytesMax.value;
  let bytes: Buffer;
  try {
    // One byte more than allowed tells a file that ends there from one that goes on.
    bytes = readUpTo(fileName, lengthBytesMax + 1);
  } catch (error) {
    throw notReadable(fileName, READ_FAULTS[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message);
  }
  if (bytes.length > lengthBytesMax) throw notReadable(fileName, `expected at most ${lengthBytesMax} bytes, found more`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notReadable(fileName, 'expected UTF-8 text, found other bytes');
  }
}

/** The first bytes of a file; pipes and `/dev/stdin` have no size to ask for, so it is read until it ends. */
function readUpTo(fileName: string, lengthBytesMax: number): Buffer {
  const bytes = Buffer.alloc(lengthBytesMax);
  const fd = openSync(fileName, 'r');
  try {
    let lengthBytes = 0;
    while (lengthBytes < bytes.length) {
      const count = readSync(fd, bytes, lengthBytes, bytes.length - lengthBytes, null);
      if (count === 0) break;
      lengthBytes += count;
    }
    return bytes.subarray(0, lengthBytes);
  } finally {
    closeSync(fd);
  }
}

function notReadable(fileName: string, message: string): ConfigError {
  return new ConfigError([locateProblem({ code: 'CONFIG_NOT_READABLE', path: [], at: 'value', message }, { kind: 'whole', name: fileName })]);
}
