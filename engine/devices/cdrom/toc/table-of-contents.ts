import type { Disc } from '../disc/disc.js';
import { type Msf, msfOf } from '../sector/msf.js';
import { ADR_POSITION, CONTROL_DATA } from '../sector/sub-channel.js';

/** A track of a closed session, or the only one of a pressed disc. */
export interface TocTrack {
  readonly number: number;
  readonly session: number;
  readonly start: number;
}

/** What READ TOC tells of a disc. */
export interface TableOfContents {
  readonly tracks: readonly TocTrack[];
  /** Where the lead-out of each session begins; one for each, in order. */
  readonly leadOuts: readonly number[];
  readonly isCd: boolean;
}

const ADR_CONTROL = (ADR_POSITION << 4) | CONTROL_DATA;
const LEAD_OUT_TRACK = 0xaa;
const HEADER_LENGTH = 4;
const DESCRIPTOR_LENGTH = 8;

/** The table of contents of a disc; null while it has none, as no session is closed. */
export function tableOfContentsOf({ recording, blockCount, profile }: Disc): TableOfContents | null {
  const isCd = profile.family === 'cd';
  if (recording === null) return { tracks: [{ number: 1, session: 1, start: 0 }], leadOuts: [blockCount], isCd };
  if (recording.isBlank) return null;
  const tracks = recording.tracks.filter(({ closed }) => closed);
  const { sessions } = recording.state;
  const closedCount = recording.isSequential ? sessions.filter(({ closed }) => closed).length : 1;
  const ofClosed = tracks.filter(({ session }) => session <= closedCount);
  if (ofClosed.length === 0) return null;
  const leadOuts = Array.from({ length: closedCount }, (_, index) => {
    const last = ofClosed.findLast(({ session }) => session === index + 1);
    return last === undefined ? 0 : last.start + last.size;
  });
  return { tracks: ofClosed.map(({ number, session, start }) => ({ number, session, start })), leadOuts, isCd };
}

/** An address in four bytes: 00h and minute, second, frame, or a logical block address. */
export function addressBytes(lba: number, isMsf: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  if (isMsf) bytes.set(msfBytes(msfOf(lba)), 1);
  else new DataView(bytes.buffer).setUint32(0, lba);
  return bytes;
}

function msfBytes({ minute, second, frame }: Msf): number[] {
  return [minute, second, frame];
}

function withHeader(first: number, last: number, descriptors: readonly Uint8Array[]): Uint8Array {
  const data = Buffer.concat([new Uint8Array(HEADER_LENGTH), ...descriptors]);
  data.writeUInt16BE(data.length - 2, 0);
  data[2] = first;
  data[3] = last;
  return data;
}

function trackDescriptor(number: number, lba: number, isMsf: boolean): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTOR_LENGTH);
  bytes[1] = ADR_CONTROL;
  bytes[2] = number;
  bytes.set(addressBytes(lba, isMsf), 4);
  return bytes;
}

/** Format 0000b: the tracks from `from` on, and the lead-out. Null where there is no such track. MMC-6 "READ TOC/PMA/ATIP command". */
export function formattedToc(toc: TableOfContents, from: number, isMsf: boolean): Uint8Array | null {
  const last = (toc.tracks.at(-1) as TocTrack).number;
  if (from > last && from !== LEAD_OUT_TRACK) return null;
  const listed = from === LEAD_OUT_TRACK ? [] : toc.tracks.filter(({ number }) => number >= from);
  const descriptors = listed.map(({ number, start }) => trackDescriptor(number, start, isMsf));
  return withHeader((toc.tracks[0] as TocTrack).number, last, [...descriptors, trackDescriptor(LEAD_OUT_TRACK, toc.leadOuts.at(-1) as number, isMsf)]);
}

/** Format 0001b: the first track of the last session, which is where a file system of several sessions is looked for. */
export function sessionInformation(toc: TableOfContents, isMsf: boolean): Uint8Array {
  const lastSession = toc.leadOuts.length;
  const first = toc.tracks.find(({ session }) => session === lastSession) ?? (toc.tracks.at(-1) as TocTrack);
  return withHeader(1, lastSession, [trackDescriptor(first.number, first.start, isMsf)]);
}

const RAW_DESCRIPTOR_LENGTH = 11;
const Point = { firstTrack: 0xa0, lastTrack: 0xa1, leadOut: 0xa2, nextProgramArea: 0xb0 } as const;
/** DISC TYPE of A0h: data of CD-DA or CD-ROM. */
const DISC_TYPE_CD_ROM = 0x00;

/** Format 0010b: Q of the lead-in of all sessions from `from` on. Null where there is no such session. */
export function rawToc(toc: TableOfContents, from: number): Uint8Array | null {
  if (from > toc.leadOuts.length) return null;
  const descriptors: Uint8Array[] = [];
  for (let session = Math.max(from, 1); session <= toc.leadOuts.length; session++) {
    const tracks = toc.tracks.filter((track) => track.session === session);
    const entry = (point: number, address: readonly number[]) => descriptors.push(rawDescriptor(session, point, address));
    entry(Point.firstTrack, [(tracks[0] as TocTrack).number, DISC_TYPE_CD_ROM, 0]);
    entry(Point.lastTrack, [(tracks.at(-1) as TocTrack).number, 0, 0]);
    entry(Point.leadOut, msfBytes(msfOf(toc.leadOuts[session - 1] as number)));
    for (const { number, start } of tracks) entry(number, msfBytes(msfOf(start)));
  }
  return withHeader(1, toc.leadOuts.length, descriptors);
}

function rawDescriptor(session: number, point: number, address: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(RAW_DESCRIPTOR_LENGTH);
  bytes.set([session, ADR_CONTROL, 0, point]);
  bytes.set(address, 8);
  return bytes;
}

/** Format 0011b: the tracks of the open session as the program memory area has them. Start and end of each. */
export function programMemoryArea({ recording }: Disc): Uint8Array {
  const open = recording?.tracks.filter(({ written, isOpenEnd }) => written > 0 || !isOpenEnd) ?? [];
  return withHeader(
    0,
    0,
    open.map(({ number, start, size, isOpenEnd, written }) => {
      const bytes = rawDescriptor(0, number, msfBytes(msfOf(start)));
      bytes.set(msfBytes(msfOf(start + (isOpenEnd ? written : size))), 4);
      return bytes;
    }),
  );
}

const ATIP_LENGTH = 28;
/** The start of the lead-in as ATIP of our discs tells it, 97:15:00. */
const LEAD_IN = { minute: 97, second: 15, frame: 0 } as const;

/** Format 0100b: what a blank CD-R or CD-RW has in its groove. MMC-6 "ATIP". */
export function absoluteTimeInPregroove({ profile, blockCount }: Disc): Uint8Array {
  const bytes = new Uint8Array(ATIP_LENGTH - HEADER_LENGTH);
  // Reference speed and writing power, then unrestricted use, then disc type and subtype.
  bytes[0] = 0xd0;
  bytes[2] = 0x80 | (profile.isBlankable ? 0x40 : 0);
  bytes.set(msfBytes(LEAD_IN), 4);
  bytes.set(msfBytes(msfOf(blockCount)), 8);
  return withHeader(0, 0, [bytes]);
}
