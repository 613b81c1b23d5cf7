import { bcd, msfOf, msfOfLength } from './msf.js';

/** ADR 1: the Q sub-channel tells the position. CONTROL 4: a data track that may not be copied digitally, as pressed CDs have it. */
export const ADR_POSITION = 1;
export const CONTROL_DATA = 0x4;

/** Where a sector is on its disc. */
export interface SectorPlace {
  readonly lba: number;
  /** 1 to 99. */
  readonly trackNumber: number;
  readonly trackStartLba: number;
}

const Q_BYTES = 10;
const CRC_POLYNOMIAL = 0x1021;

/** CRC-16 of Q, inverted as on the disc. ECMA-130 22.3.2. */
export function subChannelCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) !== 0 ? CRC_POLYNOMIAL : 0)) & 0xffff;
  }
  return crc ^ 0xffff;
}

/** The 12 bytes of Q in mode 1, ECMA-130 22.3.3: control and address, track, index, relative and absolute time, CRC. */
function qOf({ lba, trackNumber, trackStartLba }: SectorPlace): Uint8Array {
  const relative = msfOfLength(lba - trackStartLba);
  const absolute = msfOf(lba);
  const q = new Uint8Array(12);
  q.set([(CONTROL_DATA << 4) | ADR_POSITION, bcd(trackNumber), 0x01]);
  q.set([bcd(relative.minute), bcd(relative.second), bcd(relative.frame), 0, bcd(absolute.minute), bcd(absolute.second), bcd(absolute.frame)], 3);
  new DataView(q.buffer).setUint16(Q_BYTES, subChannelCrc(q.subarray(0, Q_BYTES)));
  return q;
}

/** Formatted Q of READ CD, MMC-6 "Sub-channel data": 16 bytes, with three of padding and P. */
export const FORMATTED_Q_BYTES = 16;
export function formattedQ(place: SectorPlace): Uint8Array {
  const bytes = new Uint8Array(FORMATTED_Q_BYTES);
  bytes.set(qOf(place));
  return bytes;
}

/** Raw P to W: 96 bytes, each with one bit of every channel, P first. R to W are zero: there is no text and no graphics. */
export const RAW_SUB_CHANNEL_BYTES = 96;
export function rawSubChannel(place: SectorPlace): Uint8Array {
  const q = qOf(place);
  return Uint8Array.from({ length: RAW_SUB_CHANNEL_BYTES }, (_, at) => (((q[at >> 3] as number) >> (7 - (at & 7))) & 1) << 6);
}
