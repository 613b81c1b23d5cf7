import { seededRandom } from '../support/random.js';

const PIECE_LENGTH_MAX = 1024 * 1024;
const TEXT = 'The weaver works by the light of the moon; each thread goes under, over, and back again.\n';

type Fill = (piece: Uint8Array, random: ReturnType<typeof seededRandom>) => void;

const fills: readonly Fill[] = [
  fillRandom,
  // What image tools look for: runs of zeros, which they copy another way than data.
  (piece) => piece.fill(0),
  (piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.length).fill(TEXT),
];

function fillRandom(piece: Uint8Array, random: ReturnType<typeof seededRandom>): void {
  const words = new Uint32Array(Math.ceil(piece.length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.uint32();
  piece.set(new Uint8Array(words.buffer, 0, piece.length));
}

/**
 * A disk image of pieces of random bytes, zeros and text, each from 1 byte to 1 MiB long and thus aligned to nothing. The same
 * seed gives the same image.
 */
export function makeDiskImage(lengthBytes: number, seed: number): Buffer {
  const image = Buffer.alloc(lengthBytes);
  const random = seededRandom(seed);
  for (let at = 0; at < lengthBytes; ) {
    const pieceLength = Math.min(1 + random.below(PIECE_LENGTH_MAX), lengthBytes - at);
    (fills[random.below(fills.length)] as Fill)(image.subarray(at, at + pieceLength), random);
    at += pieceLength;
  }
  return image;
}
