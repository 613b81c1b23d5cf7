import type { CommandSlot } from '../shm/command-slot.js';
import { Asc, checkCondition, SenseKey } from './sense.js';

/** Outcomes that are the target's own fault: what a thread's death or a defect leaves behind. */

/** The worker died while it held the command. The initiator may try again. SPC-4: ABORTED COMMAND. */
export function abortedByWorkerLoss(command: CommandSlot): void {
  command.dataInLength = 0;
  checkCondition(command, SenseKey.abortedCommand, Asc.internalTargetFailure);
}

/** A handler threw: a defect of ours. SPC-4: HARDWARE ERROR, INTERNAL TARGET FAILURE. */
export function failedByDefect(command: CommandSlot): void {
  command.dataInLength = 0;
  checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
}

/** No worker is left to execute the command. */
export function unitOutOfService(command: CommandSlot): void {
  failedByDefect(command);
}
