import { Asc, checkCondition, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { RecordingFault } from '../disc/recording.js';

/** MMC-6 Annex "Error reporting": what each reason to refuse is told as. */
const senseOf: Readonly<Record<RecordingFault, { readonly key: SenseKey; readonly asc: number }>> = {
  address: { key: SenseKey.illegalRequest, asc: Asc.invalidAddressForWrite },
  range: { key: SenseKey.illegalRequest, asc: Asc.lbaOutOfRange },
  trackFull: { key: SenseKey.illegalRequest, asc: Asc.endOfUserArea },
  finalized: { key: SenseKey.dataProtect, asc: Asc.writeProtected },
  unformatted: { key: SenseKey.illegalRequest, asc: Asc.cannotWriteIncompatibleFormat },
  incompleteTrack: { key: SenseKey.illegalRequest, asc: Asc.sessionFixationIncompleteTrack },
  emptyReservedTrack: { key: SenseKey.illegalRequest, asc: Asc.emptyReservedTrack },
  noTrack: { key: SenseKey.illegalRequest, asc: Asc.invalidFieldInCdb },
  tooManyTracks: { key: SenseKey.illegalRequest, asc: Asc.noMoreTrackReservations },
  medium: { key: SenseKey.illegalRequest, asc: Asc.incompatibleMedium },
  sequence: { key: SenseKey.illegalRequest, asc: Asc.commandSequenceError },
};

/** Ends the command where there is a fault; true when there is none. */
export function endUnlessAllowed(command: CommandSlot, fault: RecordingFault | null): boolean {
  if (fault === null) return true;
  checkCondition(command, senseOf[fault].key, senseOf[fault].asc);
  return false;
}
