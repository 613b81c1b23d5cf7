import { Command } from 'commander';
import { TargetError } from '../../engine/errors.js';
import { defaultLimits } from '../../engine/limits.js';
import { nameList, wholeNumber } from '../shared/program.js';
import { type DispatchSettings, defaultWorkerCount } from './measure.js';
import { operations } from './operations.js';

export interface DispatchPlan {
  readonly settings: DispatchSettings;
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  readonly svgFile: string | null;
  readonly save: boolean;
}

interface RawOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly sliceMs?: number;
  readonly workers: number;
  readonly only: readonly string[];
  readonly json?: string;
  readonly markdown?: string;
  readonly svg?: string;
  readonly save?: boolean;
}

const QUICK = { rounds: 3, sliceMs: 20 } as const;
const USUAL = { rounds: 9, sliceMs: 60 } as const;
const ROUNDS_MAX = 1000;
const SLICE_MS_MAX = 60_000;

/** Parses the command line. Throws commander's `CommanderError` (help, misspelt options) and `TargetError` `BENCH_USAGE`. */
export function parseDispatchPlan(argv: readonly string[]): DispatchPlan {
  const raw = buildCommand()
    .parse([...argv], { from: 'user' })
    .opts<RawOptions>();
  const usual = raw.quick === true ? QUICK : USUAL;
  const names = operations.map(({ name }) => name);
  const unknown = raw.only.find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TargetError('BENCH_USAGE', `no operation is named ${unknown}; there are ${names.join(', ')}`);
  return {
    settings: {
      rounds: raw.rounds ?? usual.rounds,
      sliceMs: raw.sliceMs ?? usual.sliceMs,
      operations: raw.only.length === 0 ? names : names.filter((name) => raw.only.includes(name)),
      workerCount: raw.workers,
    },
    jsonFile: raw.json ?? null,
    markdownFile: raw.markdown ?? null,
    svgFile: raw.svg ?? null,
    save: raw.save === true,
  };
}

function buildCommand(): Command {
  return new Command('bench:dispatch')
    .description('Where should a command run? Inline, over the ring and as a Piscina task, in interleaved rounds.')
    .option('--quick', `${QUICK.rounds} rounds of ${QUICK.sliceMs} ms instead of ${USUAL.rounds} of ${USUAL.sliceMs} ms`)
    .option('--rounds <n>', 'rounds that count', wholeNumber(1, ROUNDS_MAX))
    .option('--slice-ms <ms>', 'length of one round of one variant', wholeNumber(1, SLICE_MS_MAX))
    .option('--workers <n>', 'worker threads of ring and Piscina', wholeNumber(1, defaultLimits.workerCountMax), defaultWorkerCount)
    .option('--only <operations>', `of ${operations.map(({ name }) => name).join(', ')}, with commas between them; repeatable`, nameList, [])
    .option('--json <file>', 'write the results')
    .option('--markdown <file>', 'write the tables')
    .option('--svg <file>', 'draw the chart')
    .option('--save', 'write all three to bench/results/')
    .addHelpText('after', '\ndocs/microbenchmarks.md tells what is measured.')
    .allowExcessArguments(false)
    .exitOverride();
}
