import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { killChildren } from '../bench/compare/child-process.js';
import { describeEnvironment } from '../bench/compare/environment.js';
import { runProgram, say } from '../bench/shared/program.js';
import { requestProfile } from '../cli/profile.js';
import { TargetError } from '../engine/errors.js';
import { laneHeading } from './graph/flame-graph.js';
import { timeStampText, writeProfileSet } from './graph/profile-set.js';
import { load } from './load.js';
import { type Scenario, scenarios } from './scenarios.js';
import { serveScenario } from './served-target.js';

/**
 * Looks at the threads of a target under a load:
 *
 *     npm run flame -- SCENARIO … [--seconds 5] [--interval-us 500] [--initiator core|iscsi-perf] [--out FOLDER]
 *     npm run flame -- --list
 *
 * Target and initiator are processes of their own. Writes `flamegraphs/out/SCENARIO-DATE-COMMIT/`.
 */
const LEAD_IN_MS = 1500;
const options = {
  seconds: { type: 'string', default: '5' },
  'interval-us': { type: 'string', default: '500' },
  initiator: { type: 'string' },
  out: { type: 'string' },
  list: { type: 'boolean', default: false },
} as const;

interface Plan {
  readonly seconds: number;
  readonly intervalMicros: number;
  readonly initiator: 'core' | 'iscsi-perf';
  readonly folder: string | null;
}

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options });
  if (values.list || positionals.length === 0) {
    for (const { name, title } of scenarios) process.stdout.write(`${name.padEnd(18)} ${title}\n`);
    if (!values.list) throw new TargetError('BENCH_USAGE', 'which of these scenarios?');
    return;
  }
  const chosen = positionals.map(scenarioNamed);
  const plan: Plan = {
    seconds: Number(values.seconds),
    intervalMicros: Number(values['interval-us']),
    initiator: values.initiator === 'iscsi-perf' ? 'iscsi-perf' : 'core',
    folder: values.out ?? null,
  };
  if (!(plan.seconds > 0)) throw new TargetError('BENCH_USAGE', `--seconds must be a number above 0, not ${values.seconds}`);
  if (plan.folder !== null && chosen.length > 1) throw new TargetError('BENCH_USAGE', '--out is for one scenario');
  for (const scenario of chosen) await flame(scenario, plan);
}

function scenarioNamed(name: string): Scenario {
  const scenario = scenarios.find((row) => row.name === name);
  if (scenario === undefined) throw new TargetError('BENCH_USAGE', `there is no scenario ${name}; known: ${scenarios.map((row) => row.name).join(', ')}`);
  return scenario;
}

async function flame(scenario: Scenario, { seconds, intervalMicros, initiator, folder }: Plan): Promise<void> {
  const { commit, isModified, date } = describeEnvironment();
  const target = await serveScenario(scenario);
  try {
    const loading = load(scenario, target.url, seconds + (2 * LEAD_IN_MS) / 1000, initiator);
    // Code that is still being compiled is not what a running target does.
    await Promise.race([sleep(LEAD_IN_MS), loading]);
    const profile = await requestProfile(target.controlPath, Math.round(seconds * 1000), intervalMicros);
    const { iops } = await loading;
    const out = folder ?? join('flamegraphs', 'out', `${scenario.name}-${timeStampText(new Date(date))}-${commit ?? 'uncommitted'}`);
    const { lanes, files, lostThreads } = writeProfileSet(out, profile, {
      title: scenario.name,
      workload: `${scenario.title}, ${initiator}`,
      ...(commit === null ? {} : { commit: isModified ? `${commit} with changes` : commit }),
    });
    say(`${scenario.name}: ${Math.round(iops).toLocaleString('en-US')} IOPS while it was looked at`);
    for (const lane of lanes) say(laneHeading(lane));
    for (const thread of lostThreads) say(`${thread} gave no profile`);
    process.stdout.write(`${files.at(-1)}\n`);
  } finally {
    await target.stop('SIGTERM');
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killChildren();
    process.exit(1);
  });
}
await runProgram('flame', main);
