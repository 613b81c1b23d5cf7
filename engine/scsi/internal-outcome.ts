import type { CommandSlot } from '../shm/command-slot.js';
import { Asc, checkCondition, readSense, SenseKey } from './sense.js';
import { ScsiStatus } from './status.js';
import type { InternalOutcome } from './unit-host.js';

/** Ends a command as one from within ended that it needed: in the sense format of its initiator. A command that went well inside goes on. */
export function endAs(command: CommandSlot, { status, sense }: InternalOutcome): void {
  if (status === ScsiStatus.checkCondition) {
    const { key, asc } = readSense(sense);
    checkCondition(command, key, asc);
  } else if (status !== ScsiStatus.good) checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
}
