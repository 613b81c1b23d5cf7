import type { Readable, Writable } from 'node:stream';
import { TargetError } from '../../engine/errors.js';
import type { CopySink, CopySource } from './endpoint.js';

/** Standard input: what comes is gathered to whole blocks, so that a slow pipe does not make short ones. */
export class StreamSource implements CopySource {
  readonly sizeBytes = null;
  readonly isSequential = true;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #isInterrupted = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async read(_offset: number, lengthBytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    while (length < lengthBytes) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next();
      if (chunk === null) break;
      const taken = chunk.subarray(0, lengthBytes - length);
      this.#rest = chunk.subarray(taken.length);
      parts.push(taken);
      length += taken.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  async #next(): Promise<Buffer | null> {
    try {
      const { done, value } = await this.#chunks.next();
      return done === true ? null : value;
    } catch (error) {
      if (this.#isInterrupted) return null;
      throw new TargetError('COPY_FILE', `cannot read standard input: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
    }
  }

  interrupt(): void {
    this.#isInterrupted = true;
    this.#stream.destroy();
  }

  close(): Promise<void> {
    this.#stream.destroy();
    return Promise.resolve();
  }
}

/** Standard output. A reader that goes away ends the copy: what is left has nowhere to go. */
export class StreamSink implements CopySink {
  readonly sizeBytes = null;
  readonly isSequential = true;
  readonly alignmentBytes = 1;
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  write(_offset: number, data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(new TargetError('COPY_FILE', `cannot write standard output: ${(error as NodeJS.ErrnoException).code ?? error.message}`, { cause: error }));
      });
    });
  }

  leaveZeros(): Promise<boolean> {
    return Promise.resolve(false);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
