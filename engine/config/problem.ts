import { TargetError } from '../errors.js';

/** Keys and list indexes from the root of the configuration to a value. */
export type ConfigPath = readonly (string | number)[];

export type ConfigProblemCode = 'CONFIG_INVALID' | 'CONFIG_OPEN_PORTAL' | 'CONFIG_SYNTAX' | 'CONFIG_NOT_READABLE' | 'CONFIG_SECRET';

/** Something wrong with a value (or, with `at: 'key'`, with the key itself), before it is known where that was written. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  readonly path: ConfigPath;
  readonly at: 'value' | 'key';
  /** What was expected and what was found. */
  readonly message: string;
}

/** Where a value was written. Lines and columns count from 1. */
export type ConfigOrigin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  /** `depth` path elements are spelled by the option text itself; what follows them is still worth printing. */
  | { readonly kind: 'option'; readonly option: string; readonly depth: number }
  /** A value of the API, or a whole file: nothing to point into. */
  | { readonly kind: 'whole'; readonly name: string };

export interface LocatedProblem extends ConfigProblem {
  readonly origin: ConfigOrigin;
  /** One line for a person: `lab.yaml:7:14: targets[0].luns[1].block-size: expected 512 or 4096, found 1024`. */
  readonly text: string;
}

/**
 * Everything that is wrong with a configuration, all at once. `code` is the problems' own when they agree,
 * `CONFIG_INVALID` otherwise; the message holds one line a problem.
 */
export class ConfigError extends TargetError {
  readonly problems: readonly LocatedProblem[];
  constructor(problems: readonly LocatedProblem[]) {
    const first = problems[0]?.code ?? 'CONFIG_INVALID';
    super(problems.every((problem) => problem.code === first) ? first : 'CONFIG_INVALID', problems.map((problem) => problem.text).join('\n'));
    this.problems = problems;
  }
}

export function locateProblem(problem: ConfigProblem, origin: ConfigOrigin): LocatedProblem {
  const path = formatPath(origin.kind === 'option' ? problem.path.slice(origin.depth) : problem.path);
  const parts = [formatOrigin(origin), path, problem.message].filter((part) => part !== '');
  return { ...problem, origin, text: parts.join(': ') };
}

function formatOrigin(origin: ConfigOrigin): string {
  if (origin.kind === 'file') return `${origin.file}:${origin.line}:${origin.column}`;
  return origin.kind === 'option' ? origin.option : origin.name;
}

/** `targets[0].luns[1].block-size`; keys that are no plain words are quoted. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]{1,64}$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step.slice(0, 64))}]`;
  }
  return text;
}

/** Problems in the order a reader meets them: options first, then down the file. */
export function inReadingOrder(problems: readonly LocatedProblem[]): LocatedProblem[] {
  const rank = (problem: LocatedProblem): readonly [number, number] => (problem.origin.kind === 'file' ? [problem.origin.line, problem.origin.column] : [0, 0]);
  return problems.toSorted((a, b) => {
    const [lineA, columnA] = rank(a);
    const [lineB, columnB] = rank(b);
    return lineA - lineB || columnA - columnB;
  });
}
