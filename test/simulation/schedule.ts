import { type ScenarioChoices, scenarioOf } from './scenario.js';
import { SimWorld } from './sim-world.js';
import { Violation } from './violation.js';

/** What became of the commands of schedules that held. */
export interface ScheduleCounts {
  answered: number;
  aborted: number;
  lost: number;
  /** PDUs, faults and other lines of the trace. */
  events: number;
}

/** A schedule in which something that must hold did not. */
export class ScheduleFailure extends Error {
  override readonly name = 'ScheduleFailure';
}

const TRACE_LINES = 120;

/** Runs the schedule of a seed. Throws a `ScheduleFailure` with the end of its trace and how to run it again. */
export function runSchedule(seed: number, choices: ScenarioChoices = {}, traceLines = TRACE_LINES): ScheduleCounts {
  const scenario = scenarioOf(seed, choices);
  let world: SimWorld | null = null;
  try {
    world = new SimWorld(scenario);
    world.run();
  } catch (error) {
    const lines = world?.trace.lines() ?? [];
    const what = error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
    const again = `npm run simulate -- --seed ${seed}${choiceText('erl', choices.errorRecoveryLevel)}${choiceText('connections', choices.connectionCount)}`;
    const { parameters, faults, initiatorCount } = scenarioOf(seed, choices);
    const setting = JSON.stringify({ initiatorCount, ...parameters, faults });
    throw new ScheduleFailure([...lines.slice(-traceLines), '', setting, `VIOLATION ${what}`, `again: ${again} --trace`].join('\n'));
  }
  const counts = { answered: 0, aborted: 0, lost: 0, events: world.trace.entryCount };
  for (const { ends } of world.initiators) {
    counts.answered += ends.answered;
    counts.aborted += ends.aborted;
    counts.lost += ends.lost;
  }
  return counts;
}

function choiceText(name: string, value: number | undefined): string {
  return value === undefined ? '' : ` --${name} ${value}`;
}
