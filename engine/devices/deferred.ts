import { TargetError } from '../errors.js';
import type { Deferral } from '../scsi/command-table.js';
import { failedByDefect } from '../scsi/device-server-faults.js';
import { Asc, checkCondition, SenseKey } from '../scsi/sense.js';
import type { CommandSlot } from '../shm/command-slot.js';

/**
 * Ends a command when asynchronous work has: `work` sets the outcome in the slot and must not reject for what may go wrong. A `TargetError` all the same
 * ends it with HARDWARE ERROR, anything else as a defect. The signal is aborted when the initiator does not want an answer any more; the work should then
 * come to its end soon.
 */
export function runDeferred(command: CommandSlot, deferral: Deferral, work: (signal: AbortSignal) => Promise<void>): void {
  const abort = new AbortController();
  const end = deferral.defer(() => abort.abort());
  void settle(command, deferral, work, abort.signal).then(end);
}

type Work = (signal: AbortSignal) => Promise<void>;

async function settle(command: CommandSlot, deferral: Deferral, work: Work, signal: AbortSignal): Promise<void> {
  try {
    await work(signal);
  } catch (error) {
    if (error instanceof TargetError) {
      checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
      return;
    }
    deferral.tellDefect?.(error);
    failedByDefect(command);
  }
}
