import type { SeededRandom } from '../support/random.js';

/** One PDU before framing, so that digests can be right for what it has become. */
export interface Pdu {
  readonly header: Buffer;
  readonly ahs: Buffer;
  readonly data: Buffer;
}

const HEADER_LENGTH = 48;
/** Values at which fields turn over, overflow or are reserved. */
const EDGE_VALUES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
/** Where 32-bit fields stand in one header or another: tags, lengths, sequence numbers, offsets, the CDB. */
const FIELD_OFFSETS = [4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44];

/** Cuts a framed PDU without digests into its parts. */
export function takeApart(bytes: Buffer): Pdu {
  const ahsLength = bytes.readUInt8(4) * 4;
  const dataLength = bytes.readUIntBE(5, 3);
  const dataAt = HEADER_LENGTH + ahsLength;
  return {
    header: Buffer.from(bytes.subarray(0, HEADER_LENGTH)),
    ahs: Buffer.from(bytes.subarray(HEADER_LENGTH, dataAt)),
    data: Buffer.from(bytes.subarray(dataAt, dataAt + dataLength)),
  };
}

type HeaderMutation = (pdu: Pdu, random: SeededRandom) => void;

const headerMutations: readonly HeaderMutation[] = [
  // One to four bits anywhere.
  ({ header }, random) => {
    for (let i = random.below(4); i >= 0; i--) {
      const at = random.below(HEADER_LENGTH);
      header.writeUInt8(header.readUInt8(at) ^ (1 << random.below(8)), at);
    }
  },
  // A field at an edge.
  ({ header }, random) => {
    header.writeUInt32BE(EDGE_VALUES[random.below(EDGE_VALUES.length)] as number, FIELD_OFFSETS[random.below(FIELD_OFFSETS.length)] as number);
  },
  // A field a little off.
  ({ header }, random) => {
    const at = FIELD_OFFSETS[random.below(FIELD_OFFSETS.length)] as number;
    header.writeUInt32BE((header.readUInt32BE(at) + random.below(7) - 3) >>> 0, at);
  },
  // Another opcode, with or without the I bit; other flags.
  ({ header }, random) => void header.writeUInt8(random.below(256), random.below(2)),
  // DataSegmentLength a little off or anything.
  ({ header, data }, random) => {
    const length = random.boolean() ? Math.max(0, data.length + random.below(17) - 8) : random.below(300_000);
    header.writeUIntBE(length, 5, 3);
  },
  // TotalAHSLength.
  ({ header }, random) => void header.writeUInt8(random.boolean() ? random.below(4) : random.below(256), 4),
  // CDB.
  ({ header }, random) => void header.writeUInt8(random.below(256), 32 + random.below(16)),
];

/** Changes one PDU in place. */
export function mutatePdu(pdu: Pdu, random: SeededRandom): void {
  const part = random.below(10);
  const target = part === 0 ? pdu.data : part === 1 ? pdu.ahs : null;
  if (target !== null && target.length > 0) {
    const at = random.below(target.length);
    target.writeUInt8(random.below(256), at);
    return;
  }
  for (let i = random.below(2); i >= 0; i--) (headerMutations[random.below(headerMutations.length)] as HeaderMutation)(pdu, random);
}

/** Changes the order of PDUs: one twice, one left out, two swapped, one again at the end. */
export function mutateOrder(pdus: Pdu[], random: SeededRandom): void {
  const at = random.below(pdus.length);
  const pdu = pdus[at] as Pdu;
  const copy = { header: Buffer.from(pdu.header), ahs: Buffer.from(pdu.ahs), data: Buffer.from(pdu.data) };
  switch (random.below(4)) {
    case 0:
      pdus.splice(at, 0, copy);
      break;
    case 1:
      pdus.splice(at, 1);
      break;
    case 2:
      pdus.splice(at, 1);
      pdus.splice(random.below(pdus.length + 1), 0, pdu);
      break;
    default:
      pdus.push(copy);
  }
}

/** Changes bytes without knowing what they are: bits flipped, cut off, put in, taken out. */
export function mutateBytes(bytes: Buffer, random: SeededRandom): Buffer {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  switch (random.below(4)) {
    case 0:
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(64)), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(64))]);
  }
}
