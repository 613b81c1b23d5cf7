import type { CommandSlot } from '../../shm/command-slot.js';
import { StoreFault } from '../../store/store.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';

/**
 * A read of the store failed: MEDIUM ERROR with the LBA that could not be read, and the `dataInLength` bytes of Data-In
 * that lie before it. SBC-3 "Error reporting".
 */
export function endWithReadFault(command: CommandSlot, lba: number, dataInLength: number): void {
  command.dataInLength = dataInLength;
  checkCondition(command, SenseKey.mediumError, Asc.unrecoveredReadError, { information: lba });
}

/** A write or a flush of the store failed. No room is not a broken medium: the initiator may free some and go on. */
export function endWithWriteFault(command: CommandSlot, fault: number, lba: number): void {
  if (fault === StoreFault.noSpace) checkCondition(command, SenseKey.dataProtect, Asc.spaceAllocationFailed);
  else if (fault === StoreFault.readOnly) checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
  else checkCondition(command, SenseKey.mediumError, Asc.writeError, { information: lba });
}
