import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { invalidFieldInCdb } from '../../../scsi/sense.js';
import type { Disc } from '../disc/disc.js';
import type { Recording } from '../disc/recording.js';
import { discOf } from '../drive/optical-drive.js';
import { addressBytes } from '../toc/table-of-contents.js';

/*
 * READ DISC INFORMATION, MMC-6 "READ DISC INFORMATION command".
 *
 *     0| 0x51 | . Data Type (3) | Reserved (5) | Allocation Length (2) | Control |
 */
const DataType = { standard: 0, trackResources: 1, pseudoOverwrite: 2 } as const;
const DATA_TYPE_SHIFT = 5;

/** DISC STATUS and STATE OF LAST SESSION. */
const Status = { empty: 0, incomplete: 1, finalized: 2 } as const;
const LastSession = { empty: 0, incomplete: 1, complete: 3 } as const;
const BackgroundStatus = { none: 0, stopped: 1, running: 2, complete: 3 } as const;

const STANDARD_LENGTH = 34;
const ERASABLE_BIT = 0x10;
const LAST_SESSION_SHIFT = 2;
const DID_V_BIT = 0x80;
const URU_BIT = 0x20;

interface Summary {
  readonly status: number;
  readonly lastSession: number;
  readonly sessionCount: number;
  readonly firstOfLast: number;
  readonly lastOfLast: number;
  readonly nextSessionStart: number | null;
}

const pressed: Summary = {
  status: Status.finalized,
  lastSession: LastSession.complete,
  sessionCount: 1,
  firstOfLast: 1,
  lastOfLast: 1,
  nextSessionStart: null,
};

function summaryOf(recording: Recording | null): Summary {
  if (recording === null || (!recording.isSequential && !recording.isBlank)) return pressed;
  if (recording.isBlank) return { ...pressed, status: Status.empty, lastSession: LastSession.empty, nextSessionStart: 0 };
  const { sessions, finalized } = recording.state;
  const tracks = recording.sessionTracks(sessions.length);
  const number = tracks[0]?.number ?? recording.tracks.length;
  const isEmpty = sessions.at(-1)?.tracks.length === 0;
  return {
    status: finalized ? Status.finalized : Status.incomplete,
    lastSession: finalized ? LastSession.complete : isEmpty ? LastSession.empty : LastSession.incomplete,
    sessionCount: sessions.length,
    firstOfLast: number,
    lastOfLast: tracks.at(-1)?.number ?? number,
    nextSessionStart: finalized ? null : (tracks[0]?.start ?? null),
  };
}

function backgroundStatusOf(recording: Recording | null): number {
  const format = recording?.state.format ?? null;
  // Only a DVD+RW is formatted in the background.
  return format === null || recording?.profile.name !== 'dvd+rw' ? BackgroundStatus.none : BackgroundStatus[format.background];
}

/** Addresses of a CD are times, those of others are blocks. */
function address(disc: Disc, lba: number | null): Uint8Array {
  if (lba === null) return Uint8Array.of(0xff, 0xff, 0xff, 0xff);
  return addressBytes(lba, disc.profile.family === 'cd');
}

function standardDiscInformation(disc: Disc): Uint8Array {
  const { recording, profile } = disc;
  const { status, lastSession, sessionCount, firstOfLast, lastOfLast, nextSessionStart } = summaryOf(recording);
  const isErasable = profile.isBlankable || profile.recording === 'overwrite';
  const data = Buffer.alloc(STANDARD_LENGTH);
  data.writeUInt16BE(STANDARD_LENGTH - 2, 0);
  data[2] = (isErasable ? ERASABLE_BIT : 0) | (lastSession << LAST_SESSION_SHIFT) | status;
  data[3] = 1;
  data.set([sessionCount & 0xff, firstOfLast & 0xff, lastOfLast & 0xff], 4);
  data[7] = (recording === null ? 0 : DID_V_BIT) | URU_BIT | backgroundStatusOf(recording);
  data.set([sessionCount >> 8, firstOfLast >> 8, lastOfLast >> 8], 9);
  data.writeUInt32BE(recording?.state.discId ?? 0, 12);
  data.set(address(disc, nextSessionStart), 16);
  data.set(address(disc, status === Status.finalized ? null : disc.blockCount), 20);
  return data;
}

const TRACK_RESOURCES_LENGTH = 12;
const TRACKS_MAX = { cd: 99, dvd: 153, bd: 1024 } as const;

function trackResources(disc: Disc): Uint8Array {
  const tracks = disc.recording?.tracks ?? [];
  const open = tracks.filter(({ nextWritable }) => nextWritable !== null).length;
  const tracksMax = TRACKS_MAX[disc.profile.family];
  const data = Buffer.alloc(TRACK_RESOURCES_LENGTH);
  data.writeUInt16BE(TRACK_RESOURCES_LENGTH - 2, 0);
  data[2] = DataType.trackResources << DATA_TYPE_SHIFT;
  for (const [index, count] of [tracksMax, Math.max(1, tracks.length), tracksMax, open].entries()) data.writeUInt16BE(count, 4 + 2 * index);
  return data;
}

const PSEUDO_OVERWRITE_LENGTH = 16;

/** Of a BD-R with pseudo-overwrite: there is none, so that nothing is left of it. */
function pseudoOverwriteResources(): Uint8Array {
  const data = Buffer.alloc(PSEUDO_OVERWRITE_LENGTH);
  data.writeUInt16BE(PSEUDO_OVERWRITE_LENGTH - 2, 0);
  data[2] = DataType.pseudoOverwrite << DATA_TYPE_SHIFT;
  return data;
}

export const readDiscInformationRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x51,
  name: 'READ DISC INFORMATION',
  clause: 'MMC-6 "READ DISC INFORMATION command"',
  cdbLength: 10,
  cdbUsage: [0x51, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  execute(command, unit) {
    const disc = discOf(unit);
    const type = (command.cdb[1] as number) & 0x07;
    const allocationLength = command.cdbView.getUint16(7);
    if (type === DataType.standard) return returnData(command, standardDiscInformation(disc), allocationLength);
    if (type === DataType.trackResources) return returnData(command, trackResources(disc), allocationLength);
    if (type === DataType.pseudoOverwrite && disc.profile.name === 'bd-r') return returnData(command, pseudoOverwriteResources(), allocationLength);
    invalidFieldInCdb(command, 1, 2);
  },
};

/*
 * READ TRACK INFORMATION, MMC-6 "READ TRACK INFORMATION command".
 *
 *     0| 0x52 | . Open . Address/Number Type (2) | LBA, Track or Session Number (4) | Reserved | Allocation Length (2) | Control |
 */
const OPEN_BIT = 0x04;
const AddressType = { lba: 0, track: 1, session: 2 } as const;
const ADDRESS_AT = 2;
const INVISIBLE_TRACK = 0xff;

const TRACK_LENGTH = 48;
const DATA_TRACK_MODE = 4;
const DATA_MODE_1 = 1;
const RT_BIT = 0x80;
const BLANK_BIT = 0x40;
const LRA_V_BIT = 0x02;
const NWA_V_BIT = 0x01;

/** What the data tell of. */
interface TrackInformation {
  readonly number: number;
  readonly session: number;
  readonly start: number;
  readonly size: number;
  readonly written: number;
  readonly nextWritable: number | null;
  readonly freeBlocks: number;
  readonly isReserved: boolean;
  readonly isOpenEnd: boolean;
}

function tracksOf({ recording, blockCount }: Disc): readonly TrackInformation[] {
  if (recording !== null) return recording.tracks;
  return [{ number: 1, session: 1, start: 0, size: blockCount, written: blockCount, nextWritable: null, freeBlocks: 0, isReserved: false, isOpenEnd: false }];
}

function findTrack(disc: Disc, type: number, address: number): TrackInformation | undefined {
  const tracks = tracksOf(disc);
  if (type === AddressType.lba) return address < disc.blockCount ? tracks.findLast(({ start }) => start <= address) : undefined;
  if (type === AddressType.session) return tracks.find(({ session }) => session === address);
  if (address === INVISIBLE_TRACK) return disc.recording?.tracks.find(({ isOpenEnd }) => isOpenEnd);
  return tracks.find(({ number }) => number === address);
}

/**
 * RT: the initiator has given the track its size. Of a DVD+R it stays when the track is closed, and only the open end has it not. MMC-6 "READ TRACK
 * INFORMATION command", RT and Blank of DVD+R.
 */
function hasReservedTrackBit(track: TrackInformation, { profile }: Disc): boolean {
  return track.isReserved || (profile.family === 'dvd' && profile.recording === 'sequential' && !track.isOpenEnd);
}

function trackInformation(track: TrackInformation, disc: Disc): Uint8Array {
  const { number, session, start, size, written, nextWritable, freeBlocks } = track;
  const data = Buffer.alloc(TRACK_LENGTH);
  data.writeUInt16BE(TRACK_LENGTH - 2, 0);
  data.set([number & 0xff, session & 0xff, 0, DATA_TRACK_MODE], 2);
  data[6] = (hasReservedTrackBit(track, disc) ? RT_BIT : 0) | (written === 0 ? BLANK_BIT : 0) | DATA_MODE_1;
  data[7] = (written > 0 ? LRA_V_BIT : 0) | (nextWritable === null ? 0 : NWA_V_BIT);
  const last = written > 0 ? start + written - 1 : 0;
  for (const [index, value] of [start, nextWritable ?? 0, freeBlocks, disc.profile.eccBlocks, size, last].entries()) data.writeUInt32BE(value, 8 + 4 * index);
  data.set([number >> 8, session >> 8], 32);
  return data;
}

export const readTrackInformationRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x52,
  name: 'READ TRACK INFORMATION',
  clause: 'MMC-6 "READ TRACK INFORMATION command"',
  cdbLength: 10,
  cdbUsage: [0x52, OPEN_BIT | 0x03, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  execute(command, unit) {
    const disc = discOf(unit);
    const type = (command.cdb[1] as number) & 0x03;
    if (type > AddressType.session) return invalidFieldInCdb(command, 1, 1);
    const address = command.cdbView.getUint32(ADDRESS_AT);
    const isOpen = ((command.cdb[1] as number) & OPEN_BIT) !== 0;
    const named = findTrack(disc, type, address);
    // With OPEN the first track from there on that can be written.
    const track = isOpen && named !== undefined ? tracksOf(disc).find(({ number, nextWritable }) => number >= named.number && nextWritable !== null) : named;
    if (track === undefined) return invalidFieldInCdb(command, ADDRESS_AT);
    returnData(command, trackInformation(track, disc), command.cdbView.getUint16(7));
  },
};
