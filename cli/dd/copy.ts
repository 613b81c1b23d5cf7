import { TargetError } from '../../engine/errors.js';
import type { CopySink, CopySource } from './endpoint.js';
import { Turns } from './turns.js';

export interface CopyOptions {
  readonly blockBytes: number;
  readonly depth: number;
  readonly skipBytes: number;
  readonly seekBytes: number;
  /** Null: up to the end of the source. */
  readonly lengthBytes: number | null;
  readonly isSparse: boolean;
  readonly isFlushed: boolean;
}

/** What was done so far; grows while a copy runs. */
export interface CopyFigures {
  bytes: number;
  fullBlocksIn: number;
  partialBlocksIn: number;
  fullBlocksOut: number;
  partialBlocksOut: number;
  /** Of `bytes`: zeros that were not written. */
  sparseBytes: number;
}

/** What fits where no place is asked for. */
const DISCARD_BYTES = 1024 * 1024;

/**
 * Copies blocks from a source to a sink, `depth` of them on their way at the same time; sources and sinks without places get
 * theirs in order. A block is read whole before it is written.
 */
export class Copy {
  readonly figures: CopyFigures = { bytes: 0, fullBlocksIn: 0, partialBlocksIn: 0, fullBlocksOut: 0, partialBlocksOut: 0, sparseBytes: 0 };
  /** Bytes that there are to copy, null when only the end will tell. */
  readonly totalBytes: number | null;
  readonly #source: CopySource;
  readonly #sink: CopySink;
  readonly #options: CopyOptions;
  readonly #readTurns: Turns;
  readonly #writeTurns: Turns;
  #nextBlock = 0;
  #isEnding = false;
  #endBytes: number;
  #failure: { readonly error: unknown } | null = null;

  /** Throws `TargetError` `COPY_FAILED` when what is to be copied cannot fit. */
  constructor(source: CopySource, sink: CopySink, options: CopyOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
    this.#readTurns = new Turns(source.isSequential);
    this.#writeTurns = new Turns(sink.isSequential);
    this.#endBytes = options.seekBytes;
    this.totalBytes = totalOf(source, options);
    const roomBytes = sink.sizeBytes === null ? null : sink.sizeBytes - options.seekBytes;
    if (this.totalBytes !== null && roomBytes !== null && this.totalBytes > roomBytes) {
      throw new TargetError('COPY_FAILED', `${this.totalBytes} bytes do not fit: the output has room for ${Math.max(0, roomBytes)}; nothing was written`);
    }
  }

  /** Blocks on their way are finished, no further one is begun. */
  stop(): void {
    this.#isEnding = true;
    this.#source.interrupt();
  }

  /** Rejects with the first error of source or sink when everything on its way has ended. */
  async run(): Promise<void> {
    if (this.#source.isSequential) await this.#discard(this.#options.skipBytes);
    await Promise.all(Array.from({ length: this.#options.depth }, () => this.#lane()));
    if (this.#failure !== null) throw this.#failure.error;
    await this.#sink.finish(this.#endBytes, this.#options.isFlushed);
  }

  async #discard(skipBytes: number): Promise<void> {
    for (let done = 0; done < skipBytes && !this.#isEnding; ) {
      const data = await this.#source.read(done, Math.min(DISCARD_BYTES, skipBytes - done));
      if (data.length === 0) return;
      done += data.length;
    }
  }

  async #lane(): Promise<void> {
    while (!this.#isEnding) {
      const offset = this.#nextBlock++ * this.#options.blockBytes;
      const lengthBytes = this.totalBytes === null ? this.#options.blockBytes : Math.min(this.#options.blockBytes, this.totalBytes - offset);
      if (lengthBytes <= 0) return;
      // Both turns are taken before anything is awaited: that is what keeps blocks in order.
      const readTurn = this.#readTurns.take();
      const writeTurn = this.#writeTurns.take();
      try {
        const data = await readTurn.use(() => this.#read(offset, lengthBytes));
        await writeTurn.use(() => this.#write(offset, data));
      } catch (error) {
        this.#failure ??= { error };
        this.#isEnding = true;
      } finally {
        readTurn.end();
        writeTurn.end();
      }
    }
  }

  async #read(offset: number, lengthBytes: number): Promise<Buffer> {
    const data = await this.#source.read(this.#options.skipBytes + offset, lengthBytes);
    if (data.length < lengthBytes) this.#isEnding = true;
    if (data.length === this.#options.blockBytes) this.figures.fullBlocksIn++;
    else if (data.length > 0) this.figures.partialBlocksIn++;
    return data;
  }

  async #write(offset: number, data: Buffer): Promise<void> {
    // Behind an error nothing more may land: what is written should end where the error was, as near as can be.
    if (data.length === 0 || this.#failure !== null) return;
    const at = this.#options.seekBytes + offset;
    const { sizeBytes } = this.#sink;
    if (sizeBytes !== null && at + data.length > sizeBytes) {
      throw new TargetError('COPY_FAILED', `no space left: the output ends at ${sizeBytes} bytes`);
    }
    if (this.#options.isSparse && isZeros(data) && (await this.#sink.leaveZeros(at, data.length))) this.figures.sparseBytes += data.length;
    else await this.#sink.write(at, data);
    this.figures.bytes += data.length;
    if (data.length === this.#options.blockBytes) this.figures.fullBlocksOut++;
    else this.figures.partialBlocksOut++;
    this.#endBytes = Math.max(this.#endBytes, at + data.length);
  }
}

function totalOf({ sizeBytes }: CopySource, { skipBytes, lengthBytes }: CopyOptions): number | null {
  if (sizeBytes === null) return lengthBytes;
  const left = Math.max(0, sizeBytes - skipBytes);
  return lengthBytes === null ? left : Math.min(left, lengthBytes);
}

/** memcmp of the data with itself, one byte on: equal to its neighbour everywhere, and the first one zero. */
function isZeros(data: Buffer): boolean {
  return data[0] === 0 && data.subarray(1).equals(data.subarray(0, -1));
}
