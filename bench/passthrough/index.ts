import { Command } from 'commander';
import { killChildren } from '../compare/child-process.js';
import { coreInitiator, probeMedium } from '../compare/core-initiator.js';
import { describeEnvironment } from '../compare/environment.js';
import type { Workload } from '../compare/model.js';
import { pairedRatios, summarize } from '../compare/statistics.js';
import { describeOrigin, runProgram, say, wholeNumber } from '../shared/program.js';
import { QuietCheck } from '../shared/quiet-check.js';
import { formatFigure, NOTHING, renderTextTable } from '../shared/table.js';
import { type BenchedTarget, startChain } from './targets.js';

/**
 * `npm run bench:passthrough`: what a passthrough unit adds to the time of a command. Every round asks the unit itself and each way to it, one right after the
 * other and in an order that turns, so that what slows the machine for a while slows all alike; ratios are of the same round. docs/devices/passthrough.md.
 */

const KIB = 1024;
const QUIET_MS = 500;
const SEED = 20_261_123;
const EXIT_INTERRUPTED = 130;
const common = { initiator: 'core', runs: 'always' } as const;
const workloads: readonly Workload[] = [1, 32].flatMap((depth): Workload[] => [
  { ...common, name: `tur-qd${depth}`, title: `TEST UNIT READY, QD ${depth}`, operation: 'test-unit-ready', lengthBytes: 0, depth },
  { ...common, name: `read-4k-qd${depth}`, title: `read 4 KiB, QD ${depth}`, operation: 'read', lengthBytes: 4 * KIB, depth },
]);

interface Figures {
  /** By round. */
  readonly p50: Map<number, number>;
  readonly iops: Map<number, number>;
}

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
}

function parsePlan(argv: readonly string[]): Plan {
  const program = new Command('bench:passthrough')
    .exitOverride()
    .option('--rounds <n>', 'rounds over all targets', wholeNumber(1, 100), 7)
    .option('--seconds <n>', 'that each measurement takes', wholeNumber(1, 60), 1)
    .parse(argv, { from: 'user' });
  return program.opts<Plan>();
}

async function measure(targets: readonly BenchedTarget[], workload: Workload, { rounds, seconds }: Plan): Promise<Map<string, Figures>> {
  const figures = new Map(targets.map(({ name }): [string, Figures] => [name, { p50: new Map(), iops: new Map() }]));
  const medium = await probeMedium((targets[0] as BenchedTarget).url);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(round + turn) % targets.length] as BenchedTarget;
      const { iops, latency } = await coreInitiator.run({ url: target.url, medium, workload, seconds, seed: SEED + round, targetPid: null });
      const of = figures.get(target.name) as Figures;
      of.iops.set(round, iops);
      if (latency !== null && latency !== undefined) of.p50.set(round, latency.p50);
    }
  }
  return figures;
}

/** `1.98 (1.90–2.05)`: median and quartiles. */
function spread(values: readonly number[]): string {
  const summary = summarize(values);
  return summary === null ? NOTHING : `${formatFigure(summary.median)} (${formatFigure(summary.lowerQuartile)}–${formatFigure(summary.upperQuartile)})`;
}

function differences(values: ReadonlyMap<number, number>, baseline: ReadonlyMap<number, number>): number[] {
  return [...values].flatMap(([round, value]) => (baseline.has(round) ? [value - (baseline.get(round) as number)] : []));
}

function rowsOf(workload: Workload, figures: ReadonlyMap<string, Figures>): string[][] {
  const [[, direct] = []] = figures;
  return [...figures].map(([name, { p50, iops }], index) => [
    index === 0 ? workload.title : '',
    name,
    spread([...p50.values()]),
    index === 0 || direct === undefined ? NOTHING : spread(differences(p50, direct.p50)),
    index === 0 || direct === undefined ? NOTHING : spread(pairedRatios(p50, direct.p50)),
    spread([...iops.values()]),
    index === 0 || direct === undefined ? NOTHING : spread(pairedRatios(iops, direct.iops)),
  ]);
}

async function main(argv: readonly string[]): Promise<void> {
  const plan = parsePlan(argv);
  const quiet = new QuietCheck();
  await quiet.begin(QUIET_MS);
  const chain = await startChain();
  const rows: string[][] = [];
  try {
    for (const workload of workloads) {
      say(`${workload.title}: ${plan.rounds} rounds of ${chain.targets.length} × ${plan.seconds} s`);
      rows.push(...rowsOf(workload, await measure(chain.targets, workload, plan)));
    }
  } finally {
    await chain.stop();
  }
  quiet.end();
  const head = ['command', 'target', 'p50 µs', 'added µs', 'p50 ratio', 'IOPS', 'IOPS ratio'];
  console.log(renderTextTable({ title: 'median (quartiles) of the rounds; ratios and differences to direct of the same round', head, rows }));
  console.log(['', ...describeOrigin(describeEnvironment()), ...quiet.warnings.map((warning) => `warning: ${warning}`)].join('\n'));
}

process.once('exit', killChildren);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_INTERRUPTED));
await runProgram('bench:passthrough', main);
