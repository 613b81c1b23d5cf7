// test-timeout: 90 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runSchedule, type ScheduleCounts } from './schedule.js';

/**
 * Schedules of faults against the real engine: a fixed set, that any change may break, and fresh ones that nobody has seen.
 * `LUNLOOM_SIM_SEED=<n>` runs the schedules of that fresh seed again.
 */

const LEVELS = [0, 1, 2] as const;
const CONNECTION_COUNTS = [1, 2, 3, 4] as const;
const FIXED_COUNT = 25;
const FRESH_COUNT = 12;

/** Seeds that showed defects once, with what they showed. */
const remembered: readonly { readonly seed: number; readonly level: number; readonly connectionCount: number; readonly what: string }[] = [
  { seed: 45, level: 2, connectionCount: 4, what: 'a command became next in order while its data was arriving, and never ran' },
  { seed: 3, level: 2, connectionCount: 4, what: 'a CID was lost twice, and the tasks of the first loss were gone' },
  { seed: 6, level: 2, connectionCount: 1, what: 'data for an R2T that was given up was rejected once the command had ended' },
];

function runSeeds(first: number, count: number): ScheduleCounts {
  const total: ScheduleCounts = { answered: 0, aborted: 0, lost: 0, events: 0 };
  for (const errorRecoveryLevel of LEVELS) {
    for (const connectionCount of CONNECTION_COUNTS) {
      for (let seed = first; seed < first + count; seed++) {
        const counts = runSchedule(seed, { errorRecoveryLevel, connectionCount });
        for (const name of Object.keys(total) as (keyof ScheduleCounts)[]) total[name] += counts[name];
      }
    }
  }
  return total;
}

for (const { seed, level, connectionCount, what } of remembered) {
  test(`seed ${seed} at ErrorRecoveryLevel ${level} with ${connectionCount} connections: ${what}`, () => {
    runSchedule(seed, { errorRecoveryLevel: level, connectionCount });
  });
}

test('fixed schedules at every level with one to four connections: every command ends once, data is intact, nothing leaks', () => {
  const { answered, aborted, lost } = runSeeds(1, FIXED_COUNT);
  assert.ok(answered > 0 && aborted > 0 && lost > 0, 'commands end in every way');
});

test('fresh schedules hold too', () => {
  const first = Number(process.env['LUNLOOM_SIM_SEED'] ?? Date.now() % 1_000_000_000);
  process.stdout.write(`LUNLOOM_SIM_SEED=${first}\n`);
  runSeeds(first, FRESH_COUNT);
});

test('a seed replays exactly', () => {
  const choices = { errorRecoveryLevel: 2, connectionCount: 4 };
  assert.equal(runSchedule(4711, choices), runSchedule(4711, choices));
});

test.run();
