import type { AccessControlOptions } from '../access/index.js';
import { limitTable } from '../limits.js';
import { documentOf, readConfigDocument } from './config-document.js';
import type { EngineConfig } from './engine-config.js';
import { readAccess } from './load-access.js';
import { ConfigError, inReadingOrder, locateProblem } from './problem.js';
import { type ConfigSource, parseYamlSource } from './yaml-source.js';
import { readYamlText } from './yaml-text.js';

/** A YAML configuration file as an `EngineConfig`. Throws `ConfigError` with every problem. */
export function loadConfigFile(fileName: string): EngineConfig {
  return resolveConfig(readConfigSource(fileName));
}

/** Reads and parses a YAML file. Throws `ConfigError`: `CONFIG_NOT_READABLE`, or `CONFIG_SYNTAX` with every syntax error. */
export function readConfigSource(fileName: string): ConfigSource {
  return parseYamlSource(readYamlText(fileName, limitTable.configFileBytesMax.value), fileName);
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
