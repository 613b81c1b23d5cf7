import { Command } from 'commander';
import { TargetError } from '../../engine/errors.js';
import { nameList, wholeNumber } from '../shared/program.js';
import { microCases } from './cases/index.js';
import type { MicroCase } from './model.js';
import type { MicroSettings } from './runner.js';

export interface MicroPlan {
  readonly cases: readonly MicroCase[];
  readonly settings: MicroSettings;
  readonly list: boolean;
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  readonly save: boolean;
}

interface RawOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly roundMs?: number;
  readonly only: readonly string[];
  readonly list?: boolean;
  readonly json?: string;
  readonly markdown?: string;
  readonly save?: boolean;
}

const QUICK = { rounds: 3, roundMs: 40, warmUpMs: 60 } as const;
const USUAL = { rounds: 9, roundMs: 100, warmUpMs: 200 } as const;
const BATCH_MICROS = 200;
const ROUNDS_MAX = 1000;
const ROUND_MS_MAX = 60_000;

/** Parses the command line. Throws commander's `CommanderError` (help, misspelt options) and `TargetError` `BENCH_USAGE`. */
export function parseMicroPlan(argv: readonly string[]): MicroPlan {
  const raw = buildCommand()
    .parse([...argv], { from: 'user' })
    .opts<RawOptions>();
  const usual = raw.quick === true ? QUICK : USUAL;
  const roundMs = raw.roundMs ?? usual.roundMs;
  return {
    cases: chooseCases(raw.only),
    settings: { rounds: raw.rounds ?? usual.rounds, roundMs, warmUpMs: Math.min(usual.warmUpMs, 2 * roundMs), batchMicros: BATCH_MICROS },
    list: raw.list === true,
    jsonFile: raw.json ?? null,
    markdownFile: raw.markdown ?? null,
    save: raw.save === true,
  };
}

function chooseCases(only: readonly string[]): readonly MicroCase[] {
  for (const part of only) {
    if (microCases.some(({ name }) => name.includes(part))) continue;
    const groups = [...new Set(microCases.map(({ name }) => name.slice(0, name.indexOf('/'))))];
    throw new TargetError('BENCH_USAGE', `no case has ${part} in its name; there are ${groups.join(', ')}, and --list shows all`);
  }
  return only.length === 0 ? microCases : microCases.filter(({ name }) => only.some((part) => name.includes(part)));
}

function buildCommand(): Command {
  return new Command('bench:micro')
    .description('Measures the small parts of the engine, one by one, in interleaved rounds.')
    .option('--quick', `${QUICK.rounds} rounds of ${QUICK.roundMs} ms a case instead of ${USUAL.rounds} of ${USUAL.roundMs} ms`)
    .option('--rounds <n>', 'rounds', wholeNumber(1, ROUNDS_MAX))
    .option('--round-ms <ms>', 'length of one round of one case', wholeNumber(1, ROUND_MS_MAX))
    .option('--only <parts>', 'cases with one of these in their name, with commas between them; repeatable', nameList, [])
    .option('--list', 'show the cases and measure nothing')
    .option('--json <file>', 'write the results')
    .option('--markdown <file>', 'write the table')
    .option('--save', 'write both to bench/results/')
    .addHelpText('after', '\ndocs/microbenchmarks.md tells what is measured.')
    .allowExcessArguments(false)
    .exitOverride();
}
