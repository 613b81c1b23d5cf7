import { copyBytes } from './byte-copy.js';
import { type CopyDevice, isFailure } from './copy-device.js';
import type { CopyFailure } from './copy-failure.js';

/** Whole blocks of the source to whole blocks of the destination: as many bytes on both sides. */
export interface BlockCopy {
  readonly source: CopyDevice;
  readonly sourceLba: number;
  readonly destination: CopyDevice;
  readonly destinationLba: number;
  readonly lengthBytes: number;
  /** Asked between reading and writing a piece: what was read may no longer be what is to be copied. */
  readonly isStale?: () => CopyFailure | null;
}

/**
 * Copies in pieces, several at a time. Where source and destination overlap the pieces are done one by one and in the order in which no piece overwrites what
 * another one has yet to read, so that the destination gets what the source held before. Answers why it stopped, or null.
 */
export async function copyBlocks(copy: BlockCopy): Promise<CopyFailure | null> {
  const { source, destination, sourceLba, destinationLba, lengthBytes, isStale } = copy;
  if (pieceBytesOf(source, destination) === 0) {
    const places = { source: { device: source, lba: sourceLba, offsetBytes: 0 }, destination: { device: destination, lba: destinationLba, offsetBytes: 0 } };
    return copyBytes({ ...places, lengthBytes, ...(isStale === undefined ? {} : { isStale }) });
  }
  const failure =
    source.rangeFailure(sourceLba, lengthBytes / source.blockLengthBytes) ??
    destination.rangeFailure(destinationLba, lengthBytes / destination.blockLengthBytes);
  if (failure !== null || lengthBytes === 0) return failure;
  return new PieceCopy(copy).run();
}

class PieceCopy {
  readonly #copy: BlockCopy;
  readonly #pieceBytes: number;
  readonly #pieceCount: number;
  readonly #isBackwards: boolean;
  readonly #laneCount: number;
  #nextPiece = 0;
  #failure: CopyFailure | null = null;

  constructor(copy: BlockCopy) {
    this.#copy = copy;
    this.#pieceBytes = pieceBytesOf(copy.source, copy.destination);
    this.#pieceCount = Math.ceil(copy.lengthBytes / this.#pieceBytes);
    const isOverlapping = overlaps(copy);
    this.#isBackwards = isOverlapping && copy.destinationLba > copy.sourceLba;
    this.#laneCount = isOverlapping ? 1 : Math.min(this.#pieceCount, copy.source.unit.host.copies.limits.copyPieceCountMax);
  }

  async run(): Promise<CopyFailure | null> {
    await Promise.all(Array.from({ length: this.#laneCount }, () => this.#runLane()));
    return this.#failure;
  }

  async #runLane(): Promise<void> {
    const { operation } = this.#copy.destination;
    while (this.#nextPiece < this.#pieceCount && this.#failure === null && !operation.isAborted) {
      const turn = this.#nextPiece++;
      const failure = await this.#copyPiece(this.#isBackwards ? this.#pieceCount - 1 - turn : turn);
      this.#failure ??= failure;
    }
  }

  async #copyPiece(index: number): Promise<CopyFailure | null> {
    const { source, destination, sourceLba, destinationLba, lengthBytes, isStale } = this.#copy;
    const offsetBytes = index * this.#pieceBytes;
    const pieceBytes = Math.min(this.#pieceBytes, lengthBytes - offsetBytes);
    const bytes = await source.read(sourceLba + offsetBytes / source.blockLengthBytes, pieceBytes / source.blockLengthBytes);
    if (isFailure(bytes)) return bytes;
    const staleness = isStale?.() ?? null;
    if (staleness !== null) return staleness;
    const failure = await destination.write(destinationLba + offsetBytes / destination.blockLengthBytes, bytes);
    if (failure === null) destination.operation.transferredBytes += pieceBytes;
    return failure;
  }
}

/** Source and destination share blocks: only ranges of one unit can. */
function overlaps({ source, destination, sourceLba, destinationLba, lengthBytes }: BlockCopy): boolean {
  if (source.unit !== destination.unit) return false;
  return Math.abs(sourceLba - destinationLba) < lengthBytes / source.blockLengthBytes;
}

/** The most that both devices move at a time, in whole blocks of both; 0 when that is more than either of them moves. */
function pieceBytesOf(source: CopyDevice, destination: CopyDevice): number {
  const unitBytes = leastCommonMultiple(source.blockLengthBytes, destination.blockLengthBytes);
  const most = Math.min(source.pieceBlocksMax * source.blockLengthBytes, destination.pieceBlocksMax * destination.blockLengthBytes);
  return Math.floor(most / unitBytes) * unitBytes;
}

function leastCommonMultiple(one: number, other: number): number {
  let [larger, smaller] = [one, other];
  while (smaller !== 0) [larger, smaller] = [smaller, larger % smaller];
  return (one / larger) * other;
}
