import type { UnitCondition } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, type SenseDetails, SenseKey, StreamFlag } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { AlertFlag } from '../alerts/tape-alerts.js';
import type { TapeEncryptionFault, TapeFault } from '../image/tape-service.js';

const encryptionSense: Readonly<Record<TapeEncryptionFault, number>> = {
  noKey: Asc.unableToDecrypt,
  wrongKey: Asc.incorrectEncryptionKey,
  unencrypted: Asc.unencryptedWhileDecrypting,
};

/** Where the length or the format stands that a fault of the caller's own is about: byte of the CDB. */
const LENGTH_AT = 2;

/** The sense data of what a medium did to a command. */
export function conditionOf(fault: TapeFault): UnitCondition {
  switch (fault.kind) {
    case 'medium':
      return { key: SenseKey.mediumError, asc: Asc.unrecoveredReadError };
    case 'encryption':
      // SSC-4 "Data decryption": the data is protected, the medium is well.
      return { key: SenseKey.dataProtect, asc: encryptionSense[fault.reason] };
    case 'writeProtected':
      return { key: SenseKey.dataProtect, asc: Asc.writeProtected };
    case 'wormViolation':
      return { key: SenseKey.dataProtect, asc: Asc.wormOverwriteAttempted };
    case 'hostNoSpace':
      // For the initiator the tape is full, and it goes on with the next one: nothing is wrong with this one.
      return { key: SenseKey.volumeOverflow, asc: Asc.endOfPartition, details: { streamFlags: StreamFlag.endOfMedium } };
    case 'hostIo':
      return { key: SenseKey.mediumError, asc: Asc.writeError };
    case 'blockLength':
    case 'partitions':
    case 'attributes':
      return { key: SenseKey.illegalRequest, asc: Asc.invalidFieldInCdb, details: { fieldPointer: { byte: LENGTH_AT, inCdb: true } } };
  }
}

/** The TapeAlert flag that a fault raises, SSC-4 "TapeAlert", or null. */
export function alertOf(fault: TapeFault): number | null {
  switch (fault.kind) {
    case 'medium':
      return AlertFlag.readFailure;
    case 'writeProtected':
      return AlertFlag.writeProtect;
    case 'wormViolation':
      return AlertFlag.wormOverwriteAttempted;
    case 'hostNoSpace':
    case 'hostIo':
      return AlertFlag.writeFailure;
    default:
      return null;
  }
}

/** Ends the command with the sense data of the fault; `details` go with it, but for a field pointer of its own. */
export function endWithFault(command: CommandSlot, fault: TapeFault, details: SenseDetails = {}): void {
  const condition = conditionOf(fault);
  const streamFlags = (condition.details?.streamFlags ?? 0) | (details.streamFlags ?? 0);
  const merged = condition.key === SenseKey.illegalRequest ? condition.details : { ...details, ...condition.details };
  checkCondition(command, condition.key, condition.asc, streamFlags === 0 ? merged : { ...merged, streamFlags });
}
