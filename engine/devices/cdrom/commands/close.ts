import { ALL_BITS, CONTROL_UNUSED } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { allBits } from '../../../scsi/sbc/extent.js';
import { invalidFieldInCdb } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import type { Disc } from '../disc/disc.js';
import type { Recording, TrackView } from '../disc/recording.js';
import { discOf, driveOf } from '../drive/optical-drive.js';
import { allowsNextSession, isTrackAtOnce } from '../pages/write-parameters.js';
import { endUnlessAllowed } from './recording-sense.js';
import { endWithFault, isWritable, syncDisc } from './write.js';

const IMMED_BIT = 0x01;
const TRACK_AT = 4;

/** Ends the command unless there is a disc that is recorded and may be. */
export function recordingOf(command: CommandSlot, unit: LogicalUnit): Recording | null {
  return isWritable(command, unit) ? discOf(unit).recording : null;
}

/** Fills what a track lacks with zeros on the disc, then marks it as closed. False when the command has ended. */
async function closeTrack(command: CommandSlot, disc: Disc, recording: Recording, track: TrackView | undefined, number: number): Promise<boolean> {
  if (track !== undefined && track.written > 0 && !track.closed) {
    const { trackBlocksMin, eccBlocks } = recording.profile;
    const filled = track.isReserved ? track.size : Math.max(trackBlocksMin, Math.ceil(track.written / eccBlocks) * eccBlocks);
    try {
      await disc.zero(track.start + track.written, Math.min(filled, track.size) - track.written);
    } catch (error) {
      endWithFault(command, error);
      return false;
    }
  }
  return endUnlessAllowed(command, recording.closeTrack(number));
}

/** CLOSE FUNCTION, MMC-6 "CLOSE TRACK SESSION command"; what it means depends on the kind of disc. */
const CloseFunction = { stopBackgroundFormat: 0, track: 1, session: 2, formatCompatible: 3, finalizeMinimal: 5, finalize: 6 } as const;

async function closeSequential(command: CommandSlot, unit: LogicalUnit, disc: Disc, recording: Recording, closeFunction: number): Promise<void> {
  const isCd = recording.profile.family === 'cd';
  const number = command.cdbView.getUint16(TRACK_AT);
  if (closeFunction === CloseFunction.track) {
    // FFFFh, as FFh elsewhere, is the open one.
    const track = number === 0xffff || number === 0xff ? recording.tracks.findLast(({ isOpenEnd }) => isOpenEnd) : recording.trackNumbered(number);
    if (track === undefined) return invalidFieldInCdb(command, TRACK_AT);
    if (!(await closeTrack(command, disc, recording, track, track.number))) return;
  } else if (closeFunction === CloseFunction.session) {
    // Of a CD the mode page says whether another session may follow; a DVD+R or a BD-R is finalized by functions of its own.
    if (!endUnlessAllowed(command, recording.closeSession(isCd && !allowsNextSession(unit)))) return;
  } else if ((closeFunction === CloseFunction.finalize || closeFunction === CloseFunction.finalizeMinimal) && !isCd) {
    if (!endUnlessAllowed(command, recording.closeSession(true))) return;
  } else return invalidFieldInCdb(command, 2, 2);
  await syncDisc(command, disc);
}

/** Of a DVD+RW: a background format is stopped, so that the disc can be taken out. A BD-RE has nothing to close. */
async function closeOverwritten(command: CommandSlot, unit: LogicalUnit, disc: Disc, recording: Recording, closeFunction: number): Promise<void> {
  const functions: readonly number[] = [CloseFunction.stopBackgroundFormat, CloseFunction.session, CloseFunction.formatCompatible];
  if (recording.profile.family !== 'dvd' || !functions.includes(closeFunction)) return invalidFieldInCdb(command, 2, 2);
  driveOf(unit).stopBackgroundFormat();
  await syncDisc(command, disc);
}

/*
 * CLOSE TRACK SESSION, MMC-6. IMMED allows to answer early; closing an image takes no time that would be worth it.
 *
 *     0| 0x5b | . IMMED | . Close Function (3) | Reserved | Track Number (2) | Reserved (3) | Control |
 */
const closeTrackSessionRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x5b,
  name: 'CLOSE TRACK SESSION',
  clause: 'MMC-6 "CLOSE TRACK SESSION command"',
  cdbLength: 10,
  cdbUsage: [0x5b, IMMED_BIT, 0x07, 0x00, ALL_BITS, ALL_BITS, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    const recording = recordingOf(command, unit);
    if (recording === null) return;
    const closeFunction = (command.cdb[2] as number) & 0x07;
    const close = recording.isSequential ? closeSequential : closeOverwritten;
    runDeferred(command, deferral, () => close(command, unit, discOf(unit), recording, closeFunction));
  },
};

/*
 * RESERVE TRACK, MMC-6. With ARSV the address of the end would stand there instead; no disc of ours asks for that.
 *
 *     0| 0x53 | Reserved (4) | Reservation Size (4) | Control |
 */
const reserveTrackRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x53,
  name: 'RESERVE TRACK',
  clause: 'MMC-6 "RESERVE TRACK command"',
  cdbLength: 10,
  cdbUsage: [0x53, 0x00, 0x00, 0x00, 0x00, ...allBits(4), CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    const recording = recordingOf(command, unit);
    if (recording === null) return;
    const blockCount = command.cdbView.getUint32(5);
    if (blockCount === 0) return invalidFieldInCdb(command, 5);
    if (!endUnlessAllowed(command, recording.reserve(blockCount))) return;
    runDeferred(command, deferral, async () => {
      await syncDisc(command, discOf(unit));
    });
  },
};

/*
 * SYNCHRONIZE CACHE (10), MMC-6: the whole disc, whatever the range. With it what is known of the recording becomes durable.
 *
 *     0| 0x35 | . IMMED . | LBA (4) | Reserved | Number of Blocks (2) | Control |
 */
const synchronizeCacheRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x35,
  name: 'SYNCHRONIZE CACHE (10)',
  clause: 'MMC-6 "SYNCHRONIZE CACHE (10) command"',
  cdbLength: 10,
  cdbUsage: [0x35, 0x02, ...allBits(4), 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    runDeferred(command, deferral, async () => {
      const disc = discOf(unit);
      if (await closeTrackAtOnce(command, unit, disc)) await syncDisc(command, disc);
    });
  },
};

/** Ends the track of a CD that was being written at once, as drives do and wodim expects. False when the command has ended. */
async function closeTrackAtOnce(command: CommandSlot, unit: LogicalUnit, disc: Disc): Promise<boolean> {
  const { recording } = disc;
  if (recording === null || !recording.isSequential || recording.profile.family !== 'cd' || !isTrackAtOnce(unit)) return true;
  const track = recording.tracks.findLast(({ isOpenEnd }) => isOpenEnd);
  return track === undefined || closeTrack(command, disc, recording, track, track.number);
}

/** BLANKING TYPE, MMC-6 "BLANK command". */
const BlankingType = { disc: 0, minimal: 1, uncloseSession: 5 } as const;

/*
 * BLANK, MMC-6.
 *
 *     0| 0xa1 | . IMMED . Blanking Type (3) | Start Address or Track Number (4) | Reserved (5) | Control |
 */
const blankRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0xa1,
  name: 'BLANK',
  clause: 'MMC-6 "BLANK command"',
  cdbLength: 12,
  cdbUsage: [0xa1, 0x17, ...allBits(4), 0x00, 0x00, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  execute(command, unit, _nexus, deferral) {
    const recording = recordingOf(command, unit);
    if (recording === null) return;
    const type = (command.cdb[1] as number) & 0x07;
    if (type !== BlankingType.disc && type !== BlankingType.minimal && type !== BlankingType.uncloseSession) return invalidFieldInCdb(command, 1, 2);
    const isErased = type !== BlankingType.uncloseSession;
    if (!endUnlessAllowed(command, isErased ? recording.blank() : recording.unclose())) return;
    const disc = discOf(unit);
    runDeferred(command, deferral, async () => {
      // First the record: whatever happens then, nobody takes what is left of the data for a recording.
      if ((await syncDisc(command, disc)) && isErased) await disc.erase().catch((error: unknown) => endWithFault(command, error));
    });
  },
};

export const recordingRows: readonly UnitCommandRow[] = [reserveTrackRow, closeTrackSessionRow, synchronizeCacheRow, blankRow];
