const NEWLINE = 0x0a;

/** Cuts a stream into lines of UTF-8 text, none longer than a bound. Lines come without their newline; empty ones are left out. */
export class LineReader {
  readonly lengthBytesMax: number;
  readonly #chunks: Buffer[] = [];
  #overflowed = false;

  constructor(lengthBytesMax: number) {
    this.lengthBytesMax = lengthBytesMax;
  }

  /** A line was longer than the bound. Nothing is kept or read any more. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  push(chunk: Buffer): void {
    if (this.#overflowed) return;
    this.#chunks.push(chunk);
  }

  /** The next whole line, or null when none is complete. */
  next(): string | null {
    for (;;) {
      const line = this.#take();
      if (line !== '') return line;
    }
  }

  #take(): string | null {
    if (this.#overflowed || this.#chunks.length === 0) return null;
    let at = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      const end = chunk.indexOf(NEWLINE);
      if (end !== -1 && at + end <= this.lengthBytesMax) return this.#cut(index, end);
      at += end === -1 ? chunk.length : end;
      if (at > this.lengthBytesMax) {
        this.#overflow();
        return null;
      }
    }
    // One chunk again, so that many small ones are not searched over and over.
    if (this.#chunks.length > 16) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return null;
  }

  #cut(index: number, end: number): string {
    const last = this.#chunks[index] as Buffer;
    const parts = [...this.#chunks.slice(0, index), last.subarray(0, end)];
    this.#chunks.splice(0, index + 1, ...(end + 1 < last.length ? [last.subarray(end + 1)] : []));
    const line = Buffer.concat(parts);
    return line.toString('utf8').trim();
  }

  #overflow(): void {
    this.#overflowed = true;
    this.#chunks.length = 0;
  }
}
