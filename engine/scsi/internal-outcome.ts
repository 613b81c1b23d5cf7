import type { CommandSlot } from '../shm/command-slot.js';
import { Asc, checkCondition, SenseKey } from './sense.js';
import { ScsiStatus } from './status.js';
import type { InternalOutcome } from './unit-host.js';

const SENSE_KEY_AT = 2;
const SENSE_KEY_BITS = 0x0f;
const ASC_AT = 12;

/** Ends a command as one from within ended that it needed: in the sense format of its initiator. A command that went well inside goes on. */
export function endAs(command: CommandSlot, { status, sense }: InternalOutcome): void {
  if (status === ScsiStatus.checkCondition) {
    const key = (sense[SENSE_KEY_AT] as number) & SENSE_KEY_BITS;
    checkCondition(command, key as SenseKey, ((sense[ASC_AT] as number) << 8) | (sense[ASC_AT + 1] as number));
  } else if (status !== ScsiStatus.good) checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
}
