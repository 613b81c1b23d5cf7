import { Bench } from 'tinybench';
import { assert, TargetError } from '../../engine/errors.js';
import { quantile, summarize } from '../compare/statistics.js';
import type { MicroCase, MicroResult, OpenCase } from './model.js';

export interface MicroSettings {
  readonly rounds: number;
  /** Of one case in one round. */
  readonly roundMs: number;
  /** Of each case before the first round: compiling, and finding the size of a batch. */
  readonly warmUpMs: number;
  /** A batch takes about this long: well above the clock's 50 ns, well below a time slice of the scheduler. */
  readonly batchMicros: number;
}

const NS_PER_MS = 1e6;
const BATCH_COUNT_MAX = 1 << 20;
const SAMPLE_COUNT_MIN = 4;

interface Entrant {
  readonly micro: MicroCase;
  readonly open: OpenCase;
  readonly batchCount: number;
  readonly rounds: { readonly p50: number; readonly p75: number; readonly p99: number; readonly count: number }[];
}

/** Takes answers of cases, so that their work is not in vain. */
let answers = 0;

/** Runs the cases in turn, round after round, so that what slows the machine for a while slows all of them. `say` hears how it goes. */
export async function measureCases(cases: readonly MicroCase[], settings: MicroSettings, say: (line: string) => void): Promise<MicroResult[]> {
  const entrants: Entrant[] = [];
  try {
    for (const micro of cases) {
      const open = await micro.open();
      const entrant: Entrant = { micro, open, batchCount: 0, rounds: [] };
      entrants.push(entrant);
      entrants[entrants.length - 1] = { ...entrant, batchCount: warmUp(open, settings) };
    }
    say(`${entrants.length} cases are warm`);
    for (let round = 1; round <= settings.rounds; round++) {
      // Every other round backwards: nobody always comes after the same neighbour.
      for (const entrant of round % 2 === 0 ? entrants.toReversed() : entrants) runRound(entrant, settings);
      say(`round ${round} of ${settings.rounds}`);
    }
  } finally {
    for (const { open } of entrants) await open.close?.();
  }
  return entrants.map(resultOf);
}

/** Runs the case until it is compiled; answers how many operations fill a batch. */
function warmUp(open: OpenCase, { warmUpMs, batchMicros }: MicroSettings): number {
  const until = performance.now() + warmUpMs;
  let count = 1;
  do {
    const start = performance.now();
    answers += open.run(count);
    const micros = (performance.now() - start) * 1000;
    // Halfway to the estimate, since the first batches are interpreted and one of them may have met a hiccup.
    const wanted = micros > 0 ? (count * batchMicros) / micros : count * 2;
    count = Math.max(1, Math.min(BATCH_COUNT_MAX, count * 2, Math.round((count + wanted) / 2)));
  } while (performance.now() < until);
  return count;
}

function runRound({ micro, open, batchCount, rounds }: Entrant, { roundMs }: MicroSettings): void {
  const bench = new Bench({ time: roundMs, iterations: SAMPLE_COUNT_MIN, warmup: false, throws: true });
  bench.add(
    micro.name,
    () => {
      const start = performance.now();
      answers += open.run(batchCount);
      const elapsedMs = performance.now() - start;
      return { overriddenDuration: elapsedMs / batchCount, overriddenIterationCost: elapsedMs };
    },
    { async: false },
  );
  const [task] = bench.runSync();
  assert(task !== undefined && !Number.isNaN(answers), `${micro.name} answered no number`);
  if (!('latency' in task.result)) throw new TargetError('BENCH_RUN', `${micro.name} was not measured: ${task.result.state}`);
  const { p50, p75, p99, samplesCount } = task.result.latency;
  rounds.push({ p50: p50 * NS_PER_MS, p75: p75 * NS_PER_MS, p99: p99 * NS_PER_MS, count: samplesCount });
}

function resultOf({ micro, batchCount, rounds }: Entrant): MicroResult {
  const roundNs = rounds.map(({ p50 }) => p50);
  const ns = summarize(roundNs);
  assert(ns !== null, 'a case was measured in no round');
  const median = (values: number[]): number =>
    quantile(
      values.sort((a, b) => a - b),
      0.5,
    );
  return {
    name: micro.name,
    title: micro.title,
    bytes: micro.bytes ?? null,
    batchCount,
    sampleCount: rounds.reduce((sum, { count }) => sum + count, 0),
    ns,
    p75Ns: median(rounds.map(({ p75 }) => p75)),
    p99Ns: median(rounds.map(({ p99 }) => p99)),
    roundNs,
  };
}
