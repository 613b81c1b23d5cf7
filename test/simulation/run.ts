import { parseArgs } from 'node:util';
import type { ScenarioChoices } from './scenario.js';
import { runSchedule, ScheduleFailure } from './schedule.js';

/**
 * Runs simulated schedules, each from a seed of its own:
 *
 *     npm run simulate -- [--count N] [--seed S] [--erl 0|1|2] [--connections 1..4] [--keep-going] [--trace]
 *
 * The first that fails ends the run with its trace, unless `--keep-going` is given; `--trace` shows all of it.
 */

const TRACE_LINES = 120;

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function main(): number {
  const { values } = parseArgs({
    options: {
      count: { type: 'string' },
      seed: { type: 'string' },
      erl: { type: 'string' },
      connections: { type: 'string' },
      'keep-going': { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
    },
  });
  const first = numberOf(values.seed ?? process.env['LUNLOOM_SIM_SEED']) ?? Date.now() % 1_000_000_000;
  const count = numberOf(values.count) ?? 1;
  const errorRecoveryLevel = numberOf(values.erl);
  const connectionCount = numberOf(values.connections);
  const choices: ScenarioChoices = {
    ...(errorRecoveryLevel === undefined ? {} : { errorRecoveryLevel }),
    ...(connectionCount === undefined ? {} : { connectionCount }),
  };
  const traceLines = values.trace ? Number.POSITIVE_INFINITY : TRACE_LINES;
  console.log(`seeds ${first} to ${first + count - 1}`);
  const total = { answered: 0, aborted: 0, lost: 0, events: 0 };
  const failed: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    try {
      const counts = runSchedule(seed, choices, traceLines);
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += counts[name];
    } catch (error) {
      if (!(error instanceof ScheduleFailure)) throw error;
      failed.push(`${seed}: ${error.message.split('\n').find((line) => line.startsWith('VIOLATION'))}`);
      if (!values['keep-going']) {
        console.log(error.message);
        return 1;
      }
    }
  }
  for (const line of failed) console.log(line);
  const { answered, aborted, lost, events } = total;
  console.log(`${count - failed.length} of ${count} schedules held: ${answered} commands answered, ${aborted} aborted, ${lost} lost, ${events} events`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = main();
