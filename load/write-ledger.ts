import { WRITE_NUMBER_MAX, type WriteNumbers } from './block-data.js';

const CHUNK_LBA_COUNT = 4096;

/** Which write each block got last. Chunks come to be as blocks are written; the plan bounds how many there can be. */
export class WriteLedger implements WriteNumbers {
  readonly #chunks = new Map<number, Uint32Array>();
  #lastNumber = 0;

  /** The number for the next write, from 1. */
  nextNumber(): number {
    // Zero means that nothing is known, so the count passes over it when it starts anew.
    this.#lastNumber = this.#lastNumber === WRITE_NUMBER_MAX ? 1 : this.#lastNumber + 1;
    return this.#lastNumber;
  }

  writeNumberOf(lba: number): number {
    return this.#chunks.get(Math.floor(lba / CHUNK_LBA_COUNT))?.[lba % CHUNK_LBA_COUNT] ?? 0;
  }

  /** A write was acknowledged. */
  record(lba: number, lbaCount: number, writeNumber: number): void {
    for (let index = 0; index < lbaCount; index++) this.#set(lba + index, writeNumber);
  }

  /** A write failed: nobody can say what the blocks hold. */
  forget(lba: number, lbaCount: number): void {
    for (let index = 0; index < lbaCount; index++) this.#set(lba + index, 0);
  }

  #set(lba: number, writeNumber: number): void {
    const key = Math.floor(lba / CHUNK_LBA_COUNT);
    let chunk = this.#chunks.get(key);
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_LBA_COUNT);
      this.#chunks.set(key, chunk);
    }
    chunk[lba % CHUNK_LBA_COUNT] = writeNumber;
  }

  isKnown(lba: number, lbaCount: number): boolean {
    for (let index = 0; index < lbaCount; index++) if (this.writeNumberOf(lba + index) === 0) return false;
    return true;
  }
}
