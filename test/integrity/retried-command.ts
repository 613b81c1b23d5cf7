import { Assertion } from 'uvu/assert';
import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type CommandOptions, type CommandResult, type LogicalUnitClient, parseSense } from '../../initiator/index.js';
import { pause } from './fault-rig.js';

/** How often one command may meet a dying thread before the engine counts as broken. */
const ATTEMPT_COUNT_MAX = 50;
/** From an initiator that was told BUSY or TASK SET FULL to its next attempt; SAM-5 §5.3 leaves the time to it. */
const REFUSED_PAUSE_MS = 5;
/** As long as a command may take that is accepted. */
const REFUSED_MS_MAX = 10_000;

/** What the load has met, for the report of a test. */
export interface LoadCounters {
  commandCount: number;
  /** Ended with ABORTED COMMAND or HARDWARE ERROR: what a dead thread may leave behind. */
  failedCount: number;
  /** Ended with BUSY or TASK SET FULL. */
  refusedCount: number;
}

export function newCounters(): LoadCounters {
  return { commandCount: 0, failedCount: 0, refusedCount: 0 };
}

function fault(label: string, result: CommandResult): Assertion {
  const message = `${label} ended with status ${result.status}, sense ${result.sense.toString('hex')}`;
  return new Assertion({ message, operator: 'attempt', expects: ScsiStatus.good, actual: result.status });
}

/** The result when the command succeeded, null when its thread died and it may be tried again; anything else fails the test. */
export async function attempt(
  unit: LogicalUnitClient,
  label: string,
  options: Omit<CommandOptions, 'lun'>,
  counters: LoadCounters,
): Promise<CommandResult | null> {
  const result = await unlessRefused(unit, label, options, counters);
  if (result.status === ScsiStatus.good) return result;
  const sense = parseSense(result.sense);
  const isThreadLoss = sense?.key === SenseKey.abortedCommand || sense?.key === SenseKey.hardwareError;
  if (result.status !== ScsiStatus.checkCondition || !isThreadLoss) throw fault(label, result);
  counters.failedCount++;
  return null;
}

/** Sends it again and again while there is no room: it was never begun then, so it is one command all the same. */
async function unlessRefused(unit: LogicalUnitClient, label: string, options: Omit<CommandOptions, 'lun'>, counters: LoadCounters): Promise<CommandResult> {
  const until = performance.now() + REFUSED_MS_MAX;
  for (;;) {
    const result = await unit.session.command({ ...options, lun: unit.lun });
    counters.commandCount++;
    if (result.status !== ScsiStatus.busy && result.status !== ScsiStatus.taskSetFull) return result;
    counters.refusedCount++;
    if (performance.now() > until) throw fault(label, result);
    await pause(REFUSED_PAUSE_MS);
  }
}

/** Tries until the command succeeds; `onFailure` looks at what a failed attempt has left. */
export async function untilGood(run: () => Promise<CommandResult | null>, onFailure: () => Promise<void> = async () => {}): Promise<CommandResult> {
  for (let attemptCount = 0; attemptCount < ATTEMPT_COUNT_MAX; attemptCount++) {
    const result = await run();
    if (result !== null) return result;
    await onFailure();
  }
  throw new Assertion({ message: `a command failed ${ATTEMPT_COUNT_MAX} times in a row`, operator: 'untilGood', expects: 'GOOD', actual: 'failures' });
}
