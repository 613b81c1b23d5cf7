import type { SeededRandom } from '../support/random.js';
import type { SimClock } from './sim-clock.js';
import { must } from './violation.js';

type Callback = (error?: Error | null) => void;

interface SocketWrite {
  readonly segments: readonly Uint8Array[];
  /** What the segments held when they were handed over. */
  readonly copy: Uint8Array;
  readonly callback: Callback;
}

export interface SocketPeer {
  /** Bytes that the kernel has taken. */
  onSent(bytes: Uint8Array): void;
  /** The target sends no more. */
  onEnded(): void;
}

/** What a chunk is overwritten with once it was handed over. */
const SCRIBBLE = 0xcc;
/** Handed over at once, as by a kernel with room, this often. */
const TAKEN_AT_ONCE_SHARE = 0.6;
const WRITE_MS_MAX = 4;

/** Stands for a `net.Socket` that the target has accepted; as much of one as `TcpTransport` and what it stands on look at. */
export class SimSocket {
  readonly remoteAddress = '192.0.2.1';
  readonly localAddress = '192.0.2.2';
  readonly localPort = 3260;
  readonly _handle = { writeQueueSize: 0 };
  destroyed = false;
  readonly #clock: SimClock;
  readonly #random: SeededRandom;
  readonly #peer: SocketPeer;
  readonly #listeners = new Map<string, ((argument?: unknown) => void)[]>();
  readonly #waiting: Uint8Array[] = [];
  readonly #writes: SocketWrite[] = [];
  #isPaused = true;
  #isResuming = false;
  #isEnding = false;

  constructor(clock: SimClock, random: SeededRandom, peer: SocketPeer) {
    this.#clock = clock;
    this.#random = random;
    this.#peer = peer;
  }

  on(event: string, listener: (argument?: unknown) => void): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  setNoDelay(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#waiting.length === 0 || this.#isResuming) return;
    this.#isResuming = true;
    this.#clock.after(0, () => {
      this.#isResuming = false;
      while (!this.#isPaused && !this.destroyed) {
        const chunk = this.#waiting.shift();
        if (chunk === undefined) return;
        this.#emitChunk(chunk);
      }
    });
  }

  /** Bytes have come from the initiator. */
  deliver(chunk: Uint8Array): void {
    if (this.destroyed) return;
    if (this.#isPaused || this.#waiting.length > 0) this.#waiting.push(chunk);
    else this.#emitChunk(chunk);
  }

  #emitChunk(chunk: Uint8Array): void {
    const lent = Buffer.from(chunk);
    this.#emit('data', lent);
    // The memory is another connection's as soon as the call is over.
    lent.fill(SCRIBBLE);
  }

  _write(segment: Uint8Array, _encoding: string, callback: Callback): void {
    this.#send([segment], callback);
  }

  _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  #send(segments: readonly Uint8Array[], callback: Callback): void {
    if (this.destroyed) {
      this.#clock.after(0, callback);
      return;
    }
    this.#writes.push({ segments, copy: Buffer.concat(segments), callback });
    if (this.#writes.length > 1) return;
    if (this.#random.uint32() < TAKEN_AT_ONCE_SHARE * 2 ** 32) this.#takeWrite();
    else this.#takeLater();
  }

  #takeLater(): void {
    this.#clock.after(this.#random.below(WRITE_MS_MAX * 1000) / 1000, () => {
      if (this.#writes.length > 0) this.#takeWrite();
      if (this.#writes.length > 0) this.#takeLater();
      else if (this.#isEnding && !this.destroyed) this.#peer.onEnded();
    });
  }

  #takeWrite(): void {
    const write = this.#writes.shift() as SocketWrite;
    must(Buffer.concat(write.segments).equals(write.copy), () => 'data changed before it was sent: its memory or its blocks were given back too early');
    if (!this.destroyed) this.#peer.onSent(write.copy);
    write.callback(null);
  }

  end(): void {
    this.#isEnding = true;
    if (this.#writes.length === 0) this.#peer.onEnded();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#waiting.length = 0;
    for (const { callback } of this.#writes.splice(0)) this.#clock.after(0, callback);
    this.#peer.onEnded();
    this.#clock.after(0, () => this.#emit('close'));
  }

  #emit(event: string, argument?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(argument);
  }
}
