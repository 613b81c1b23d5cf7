import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, InvalidArgumentError } from 'commander';
import { TargetError } from '../../engine/errors.js';
import { InitiatorError } from '../../initiator/index.js';
import type { Environment } from '../compare/environment.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const RESULTS_FOLDER = 'bench/results';
const MIB = 1024 * 1024;

/** Progress and remarks go to stderr, results to stdout. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs a bench and sets the exit code: 0, 1 when something failed, 2 usage. */
export async function runProgram(name: string, main: (argv: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    // Commander has printed its own message, or the help that was asked for.
    if (!(error instanceof CommanderError)) say(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  const isUsage = (error instanceof TargetError && error.code === 'BENCH_USAGE') || (error instanceof InitiatorError && error.code === 'URL_INVALID');
  return isUsage ? EXIT_USAGE : EXIT_FAILED;
}

/** Parses the value of an option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Collects the values of an option with commas between them, over its repetitions. */
export function nameList(text: string, previous: readonly string[]): readonly string[] {
  return [...previous, ...text.split(',').filter((name) => name !== '')];
}

/** Two lines that say where and with what something was measured. */
export function describeOrigin({ date, commit, isModified, node, cpuCount, cpu, memoryBytes, system }: Environment): readonly string[] {
  const version = commit === null ? 'no commit' : `commit ${commit}${isModified ? ' with changes' : ''}`;
  return [`${date}, ${version}, Node ${node}`, `${cpuCount} × ${cpu}, ${Math.round(memoryBytes / MIB).toLocaleString('en-US')} MiB, ${system}`];
}

/** Writes `bench/results/<bench>-<date>-<commit>.<extension>` for each of `texts`, by extension. */
export function saveResults(bench: string, { date, commit }: Environment, texts: Readonly<Record<string, string>>): void {
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const name = join(RESULTS_FOLDER, `${bench}-${date.slice(0, 19).replaceAll(':', '')}-${commit ?? 'uncommitted'}`);
  for (const [extension, text] of Object.entries(texts)) writeFileSync(`${name}.${extension}`, text);
  say(`saved ${name}.{${Object.keys(texts).join(',')}}`);
}
