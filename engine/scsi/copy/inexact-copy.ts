import { Asc, SenseKey } from '../sense.js';
import { type CopyDevice, isFailure } from './copy-device.js';
import type { CopyFailure } from './copy-failure.js';

const NO_BYTES = new Uint8Array(0);

/** What segments with CAT leave to the next one, SPC-4 "PAD and CAT bit definitions". */
export class Residual {
  /** Read from the source and not asked for. */
  source: Uint8Array = NO_BYTES;
  /** On its way to the destination, and less than a block of it. */
  destination: Uint8Array = NO_BYTES;

  get isEmpty(): boolean {
    return this.source.length === 0 && this.destination.length === 0;
  }
}

/** A segment whose bytes are not whole blocks of both devices. */
export interface InexactCopy {
  readonly source: CopyDevice;
  readonly sourceLba: number;
  readonly destination: CopyDevice;
  readonly destinationLba: number;
  readonly lengthBytes: number;
  readonly segment: number;
  readonly isLastSegment: boolean;
  readonly cat: boolean;
  readonly sourcePad: boolean;
  readonly destinationPad: boolean;
  readonly residual: Residual;
}

/**
 * Copies whole blocks, and does with what is left what CAT and the PAD bits say. With CAT it is kept for the next segment. Without CAT: PAD of the source
 * discards what was read too much, PAD of the destination fills its last block with zeros, and what the one PAD bit that is set does not settle is done as if
 * CAT were set. Without any of them a residue is UNEXPECTED INEXACT SEGMENT. Answers why it stopped, or null.
 */
export async function copyInexact(copy: InexactCopy): Promise<CopyFailure | null> {
  const { source, destination, residual, lengthBytes, segment } = copy;
  const held = residual.source.subarray(0, lengthBytes);
  const wantedBytes = lengthBytes - held.length;
  const sourceCount = Math.ceil(wantedBytes / source.blockLengthBytes);
  const tailBytes = (residual.destination.length + lengthBytes) % destination.blockLengthBytes;
  const surplusBytes = residual.source.length - held.length + sourceCount * source.blockLengthBytes - wantedBytes;
  const isSettled = copy.cat || copy.sourcePad || copy.destinationPad;
  if (!isSettled && surplusBytes + tailBytes > 0) return { key: SenseKey.copyAborted, asc: Asc.unexpectedInexactSegment, segment };
  const pads = !copy.cat && copy.destinationPad && tailBytes > 0;
  const wholeCount = Math.floor((residual.destination.length + lengthBytes) / destination.blockLengthBytes);
  const failure = source.rangeFailure(copy.sourceLba, sourceCount) ?? destination.rangeFailure(copy.destinationLba, wholeCount + (pads ? 1 : 0));
  if (failure !== null) return failure;
  return new Stream(copy, held, wantedBytes, pads).run();
}

class Stream {
  readonly #copy: InexactCopy;
  readonly #pads: boolean;
  #pending: Uint8Array;
  #wantedBytes: number;
  #surplus: Uint8Array;
  #writtenBlocks = 0;

  constructor(copy: InexactCopy, held: Uint8Array, wantedBytes: number, pads: boolean) {
    this.#copy = copy;
    this.#pads = pads;
    this.#pending = Buffer.concat([copy.residual.destination, held]);
    this.#wantedBytes = wantedBytes;
    this.#surplus = copy.residual.source.subarray(held.length);
  }

  async run(): Promise<CopyFailure | null> {
    const { source, destination, sourceLba } = this.#copy;
    for (let lba = sourceLba; this.#wantedBytes > 0 && !destination.operation.isAborted; ) {
      const count = Math.min(source.pieceBlocksMax, Math.ceil(this.#wantedBytes / source.blockLengthBytes));
      const bytes = await source.read(lba, count);
      if (isFailure(bytes)) return bytes;
      lba += count;
      const taken = bytes.subarray(0, this.#wantedBytes);
      this.#surplus = bytes.subarray(taken.length);
      this.#wantedBytes -= taken.length;
      this.#pending = Buffer.concat([this.#pending, taken]);
      const failure = await this.#writeWhole();
      if (failure !== null) return failure;
    }
    return (await this.#writeWhole()) ?? (await this.#leave());
  }

  async #writeWhole(): Promise<CopyFailure | null> {
    const { destination, destinationLba } = this.#copy;
    for (;;) {
      const count = Math.min(destination.pieceBlocksMax, Math.floor(this.#pending.length / destination.blockLengthBytes));
      if (count === 0) return null;
      const bytes = this.#pending.subarray(0, count * destination.blockLengthBytes);
      const failure = await destination.write(destinationLba + this.#writtenBlocks, bytes);
      if (failure !== null) return failure;
      this.#writtenBlocks += count;
      destination.operation.transferredBytes += bytes.length;
      this.#pending = this.#pending.subarray(bytes.length);
    }
  }

  async #leave(): Promise<CopyFailure | null> {
    const { destination, residual, cat, sourcePad, isLastSegment } = this.#copy;
    if (this.#pads) {
      const block = new Uint8Array(destination.blockLengthBytes);
      block.set(this.#pending);
      this.#pending = block;
      const failure = await this.#writeWhole();
      if (failure !== null) return failure;
    }
    // Copies: they outlive the pieces that they were part of.
    residual.destination = isLastSegment ? NO_BYTES : new Uint8Array(this.#pending);
    residual.source = isLastSegment || (sourcePad && !cat) ? NO_BYTES : new Uint8Array(this.#surplus);
    return null;
  }
}
