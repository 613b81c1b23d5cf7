import type { CopySink, CopySource } from '../../../cli/dd/endpoint.js';

/** Answers out of order, and now and then in the same turn, as a network does. */
export type Delay = () => Promise<void>;

export class MemorySource implements CopySource {
  readonly isSequential: boolean;
  readonly sizeBytes: number | null;
  readonly reads: number[] = [];
  readonly #bytes: Buffer;
  readonly #delay: Delay;
  #at = 0;
  #isInterrupted = false;
  wasClosed = false;

  constructor(bytes: Buffer, isSequential: boolean, delay: Delay) {
    this.#bytes = bytes;
    this.isSequential = isSequential;
    this.sizeBytes = isSequential ? null : bytes.length;
    this.#delay = delay;
  }

  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    this.reads.push(offset);
    const from = this.isSequential ? this.#at : offset;
    await this.#delay();
    if (this.#isInterrupted && this.isSequential) return Buffer.alloc(0);
    const data = this.#bytes.subarray(from, from + lengthBytes);
    this.#at = from + data.length;
    return data;
  }

  interrupt(): void {
    this.#isInterrupted = true;
  }

  close(): Promise<void> {
    this.wasClosed = true;
    return Promise.resolve();
  }
}

export class MemorySink implements CopySink {
  readonly isSequential: boolean;
  readonly sizeBytes: number | null;
  readonly alignmentBytes = 1;
  readonly writes: number[] = [];
  readonly leftZeros: number[] = [];
  canLeaveZeros = false;
  failAt = -1;
  finished: { endBytes: number; flush: boolean } | null = null;
  peakOut = 0;
  bytes: Buffer;
  readonly #delay: Delay;
  #at = 0;
  #out = 0;

  constructor(bytes: Buffer, isSequential: boolean, delay: Delay, sizeBytes: number | null = bytes.length) {
    this.bytes = bytes;
    this.isSequential = isSequential;
    this.sizeBytes = isSequential ? null : sizeBytes;
    this.#delay = delay;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    this.writes.push(offset);
    this.peakOut = Math.max(this.peakOut, ++this.#out);
    await this.#delay();
    this.#out--;
    if (offset === this.failAt) throw new RangeError('the disk broke');
    const at = this.isSequential ? this.#at : offset;
    data.copy(this.bytes, at);
    this.#at = at + data.length;
  }

  leaveZeros(offset: number): Promise<boolean> {
    if (this.canLeaveZeros) this.leftZeros.push(offset);
    return Promise.resolve(this.canLeaveZeros);
  }

  finish(endBytes: number, flush: boolean): Promise<void> {
    this.finished = { endBytes, flush };
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
