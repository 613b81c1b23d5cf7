import { dirname, resolve } from 'node:path';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml';
import { ConfigError, type ConfigOrigin, type ConfigPath, type ConfigProblem, inReadingOrder, type LocatedProblem, locateProblem } from './problem.js';

/** A raw configuration and the way back from a place in it to where a person wrote it. */
export interface ConfigSource {
  readonly raw: unknown;
  /** Where relative `file:` paths start. */
  readonly baseDirectory: string;
  /** What was wrong already on the way to `raw`. */
  readonly problems: readonly LocatedProblem[];
  locate(path: ConfigPath, at: 'value' | 'key'): ConfigOrigin;
}

/** What the `yaml` package says in the words of its own API. */
const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'expected one YAML document, found a second one',
  RESOURCE_EXHAUSTION: 'nested too deeply',
};

/**
 * The values of a YAML file with their lines and columns. `fileName` is printed as given. Throws `ConfigError` with
 * `CONFIG_SYNTAX` and every syntax error and alias; duplicate keys and unknown tags are problems of the answer instead,
 * since the rest can be checked beside them.
 */
export function parseYamlSource(text: string, fileName: string): ConfigSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error', strict: true });
  const originAt = (offset: number): ConfigOrigin => {
    const { line, col } = lineCounter.linePos(offset);
    return { kind: 'file', file: fileName, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = document.errors.map((error) => syntaxProblem(syntaxMessage(error, text), originAt(error.pos[0])));
  // Out of stack, the reader repeats itself once a level.
  if (document.errors[0]?.code === 'RESOURCE_EXHAUSTION') throw new ConfigError(problems.slice(0, 1));
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) throw new ConfigError(inReadingOrder(problems));
  for (const warning of document.warnings) problems.push(syntaxProblem(lowerFirst(warning.message), originAt(warning.pos[0])));
  const aliases = aliasProblems(document, originAt);
  // Values of a document with aliases are not worth having: each alias must be mended first.
  if (aliases.length > 0) throw new ConfigError(inReadingOrder([...problems, ...aliases]));
  return {
    raw: document.toJS({ maxAliasCount: 0 }),
    baseDirectory: dirname(resolve(fileName)),
    problems,
    locate: (path, at) => originAt(offsetOf(document, path, at)),
  };
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function syntaxProblem(message: string, origin: ConfigOrigin): LocatedProblem {
  const problem: ConfigProblem = { code: 'CONFIG_SYNTAX', path: [], at: 'value', message };
  return locateProblem(problem, origin);
}

function syntaxMessage(error: YAMLError, text: string): string {
  const offset = error.pos[0];
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^["']?([\w-]{1,64})/.exec(text.slice(offset, offset + 66))?.[1];
    return key === undefined ? 'a key is there twice in one mapping' : `the key ${key} is there twice in one mapping`;
  }
  const message = SYNTAX_MESSAGES[error.code] ?? lowerFirst(error.message);
  return isBarePortal(text, offset) ? `${message}; put an IPv6 portal in quotes: "[::1]:3260"` : message;
}

/** `- [::1]:3260` opens a list in YAML, and what the reader says of it helps nobody. */
function isBarePortal(text: string, offset: number): boolean {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /\[[0-9a-f:.]*:[0-9a-f:.]*\]:[0-9]/i.test(text.slice(start, start + 200).split('\n', 1)[0] ?? '');
}

/** Aliases would let one line stand for many (and a short file for a huge one); nothing here is long enough to need them. */
function aliasProblems(document: Document, originAt: (offset: number) => ConfigOrigin): LocatedProblem[] {
  const problems: LocatedProblem[] = [];
  visit(document, {
    Alias(_key, node) {
      problems.push(
        syntaxProblem(`expected a value, found the alias *${node.source}; aliases are not taken, write the value out`, originAt(node.range?.[0] ?? 0)),
      );
    },
  });
  return problems;
}

/** Offset of the value or key at `path`; of the nearest node above it when there is none, as for a missing key. */
function offsetOf(document: Document, path: ConfigPath, at: 'value' | 'key'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const isLast = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.findLast((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      // A key without a value has a value node of no width behind it: the key is what a person sees.
      const keyOffset = startOf(pair.key) ?? offset;
      node = pair.value;
      offset = (isLast && at === 'key') || isEmptyNode(node) ? keyOffset : (startOf(node) ?? keyOffset);
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) && !isAlias(node) ? (node as Node).range?.[0] : undefined;
}

function isEmptyNode(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.range !== undefined && node.range !== null && node.range[0] === node.range[1]);
}
