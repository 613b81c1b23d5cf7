import type { Socket } from 'node:net';

/**
 * What a send queue uses of a socket. In mode `open` the kernel takes everything at once; in mode `full` bytes stay where
 * they lie until `drain`, so that memory used again too soon shows in what arrives.
 */
export class FakeSocket {
  mode: 'open' | 'full' = 'open';
  readonly #arrived: Buffer[] = [];
  #waiting: { bytes: Uint8Array; callback: (() => void) | undefined }[] = [];
  /** Called in a later turn. */
  readonly #callbacks: (() => void)[] = [];
  #corked: { bytes: Uint8Array; callback: (() => void) | undefined }[] | null = null;
  arrivedLength = 0;
  writeCount = 0;

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  get writableLength(): number {
    const all = [...this.#waiting, ...(this.#corked ?? [])];
    return all.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get arrived(): Buffer {
    return Buffer.concat(this.#arrived);
  }

  write(bytes: Uint8Array, callback?: () => void): boolean {
    if (this.#corked !== null) {
      this.#corked.push({ bytes, callback });
      return true;
    }
    this.#waiting.push({ bytes, callback });
    this.#send();
    return true;
  }

  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    this.#waiting.push(...(this.#corked ?? []));
    this.#corked = null;
    this.#send();
  }

  /** The kernel takes all that waits; callbacks come in a later turn, as Node's do. */
  drain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes, callback } of waiting) {
      this.#arrived.push(Buffer.from(bytes));
      this.arrivedLength += bytes.length;
      if (callback !== undefined) this.#callbacks.push(callback);
    }
  }

  /** The later turn. */
  runCallbacks(): void {
    for (let callback = this.#callbacks.shift(); callback !== undefined; callback = this.#callbacks.shift()) callback();
  }

  #send(): void {
    this.writeCount++;
    if (this.mode === 'open') this.drain();
  }
}

/** The same with what Node's own sockets have beneath their stream: what the kernel takes at once is called back at once. */
export class FakeNodeSocket extends FakeSocket {
  _write(bytes: Uint8Array, _encoding: string, callback: () => void): void {
    this._writev([{ chunk: bytes }], callback);
  }

  _writev(chunks: readonly { chunk: Uint8Array }[], callback: () => void): void {
    const takenAtOnce = this.mode === 'open' && this.writableLength === 0;
    this.cork();
    for (const [index, { chunk }] of chunks.entries()) this.write(chunk, index === chunks.length - 1 && !takenAtOnce ? callback : undefined);
    this.uncork();
    if (takenAtOnce) callback();
  }
}
