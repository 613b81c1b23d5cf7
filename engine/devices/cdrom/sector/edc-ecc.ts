/*
 * Error detection and correction of CD-ROM sectors, ECMA-130 clause 14 and Annex A. The code words run over bytes 12 to 2075 of a sector (header, user data,
 * EDC and the intermediate field), and those of Q over the parity of P as well.
 */

/** x^32 + x^31 + x^16 + x^15 + x^4 + x^3 + x + 1, bits reversed. */
const EDC_POLYNOMIAL = 0xd8018001;
/** x^8 + x^4 + x^3 + x^2 + 1 of GF(2^8). */
const FIELD_POLYNOMIAL = 0x11d;

const edcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let edc = index;
  for (let bit = 0; bit < 8; bit++) edc = (edc >>> 1) ^ ((edc & 1) !== 0 ? EDC_POLYNOMIAL : 0);
  return edc >>> 0;
});

/** Multiplication by alpha, and division by alpha + 1. */
const timesAlpha = Uint8Array.from({ length: 256 }, (_, value) => (value << 1) ^ ((value & 0x80) !== 0 ? FIELD_POLYNOMIAL : 0));
const overAlphaPlusOne = new Uint8Array(256);
for (let value = 0; value < 256; value++) overAlphaPlusOne[value ^ (timesAlpha[value] as number)] = value;

/** The EDC of these bytes, to be stored with its least significant byte first. ECMA-130 14.3. */
export function edcOf(bytes: Uint8Array): number {
  let edc = 0;
  for (const byte of bytes) edc = (edc >>> 8) ^ (edcTable[(edc ^ byte) & 0xff] as number);
  return edc >>> 0;
}

/** How the vectors of one parity run through the words of a sector. */
interface ParityShape {
  readonly vectorCount: number;
  readonly vectorLength: number;
  /** From one vector to the next, and from one byte of a vector to the next, in bytes from byte 12 on. */
  readonly vectorStep: number;
  readonly byteStep: number;
  readonly parityAt: number;
}

const CODED_AT = 12;
const P_AT = 2076;
const Q_AT = 2248;
const P_PARITY: ParityShape = { vectorCount: 86, vectorLength: 24, vectorStep: 2, byteStep: 86, parityAt: P_AT };
const Q_PARITY: ParityShape = { vectorCount: 52, vectorLength: 43, vectorStep: 86, byteStep: 88, parityAt: Q_AT };

/** Writes P and Q parity of a whole Mode 1 sector. ECMA-130 14.5 and Annex A. */
export function writeParity(sector: Uint8Array): void {
  writeVectors(sector, P_PARITY);
  writeVectors(sector, Q_PARITY);
}

function writeVectors(sector: Uint8Array, { vectorCount, vectorLength, vectorStep, byteStep, parityAt }: ParityShape): void {
  const codedLength = vectorCount * vectorLength;
  for (let vector = 0; vector < vectorCount; vector++) {
    // Even and odd bytes are code words of their own.
    let at = (vector >> 1) * vectorStep + (vector & 1);
    let first = 0;
    let second = 0;
    for (let index = 0; index < vectorLength; index++) {
      const byte = sector[CODED_AT + at] as number;
      at += byteStep;
      if (at >= codedLength) at -= codedLength;
      first = timesAlpha[first ^ byte] as number;
      second ^= byte;
    }
    first = overAlphaPlusOne[(timesAlpha[first] as number) ^ second] as number;
    sector[parityAt + vector] = first;
    sector[parityAt + vector + vectorCount] = first ^ second;
  }
}
