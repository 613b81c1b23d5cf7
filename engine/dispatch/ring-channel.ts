import type { MessagePort } from 'node:worker_threads';
import { CACHE_LINE_BYTES } from '../shm/layout.js';
import { SpscRing } from '../shm/spsc-ring.js';

/** Words of the control line. */
const STOP = 0;
const SERVED = 1;
/** 0, or the sampling interval in microseconds while the thread is to profile itself. */
const PROFILE = 2;
/** Counts what was posted and should be read soon, though no command asks for it. */
const NOTICES = 3;

/**
 * The shared memory of one worker's conversation with the main thread, laid out once:
 *
 *     control line | submission ring | completion ring
 *
 * and the doorbell of the main thread, one for all workers.
 */
export class RingChannel {
  readonly buffer: SharedArrayBuffer;
  readonly submission: SpscRing;
  readonly completion: SpscRing;
  readonly #control: Int32Array;

  constructor(buffer: SharedArrayBuffer, capacity: number) {
    this.buffer = buffer;
    this.#control = new Int32Array(buffer, 0, CACHE_LINE_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.submission = new SpscRing(buffer, CACHE_LINE_BYTES, capacity);
    this.completion = new SpscRing(buffer, CACHE_LINE_BYTES + SpscRing.byteLength(capacity), capacity);
  }

  static allocate(capacity: number): RingChannel {
    return new RingChannel(new SharedArrayBuffer(CACHE_LINE_BYTES + 2 * SpscRing.byteLength(capacity)), capacity);
  }

  get stopRequested(): boolean {
    return Atomics.load(this.#control, STOP) === 1;
  }

  /** True once the thread has begun to serve the ring; the main thread clears it before it starts another. */
  get isServed(): boolean {
    return Atomics.load(this.#control, SERVED) === 1;
  }

  set isServed(value: boolean) {
    Atomics.store(this.#control, SERVED, value ? 1 : 0);
  }

  /** Microseconds between samples while the thread is to profile itself, else 0; it looks now and then, and when it idles. */
  get profileIntervalMicros(): number {
    return Atomics.load(this.#control, PROFILE);
  }

  requestProfile(intervalMicros: number): void {
    Atomics.store(this.#control, PROFILE, intervalMicros);
    this.submission.wakeConsumer();
  }

  /** Goes up with each message that the thread should read without waiting for a command that needs it. */
  get noticeCount(): number {
    return Atomics.load(this.#control, NOTICES);
  }

  announceNotice(): void {
    Atomics.add(this.#control, NOTICES, 1);
    this.submission.wakeConsumer();
  }

  requestStop(): void {
    Atomics.store(this.#control, STOP, 1);
    this.submission.wakeConsumer();
  }
}

const BELL = 0;
const MAIN_SLEEPS = CACHE_LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** Wakes the main thread out of its event loop when a worker has completed something and main is not polling. */
export class Doorbell {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(2 * CACHE_LINE_BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Worker, or main itself to end a wait. */
  ring(): void {
    if (Atomics.load(this.#words, MAIN_SLEEPS) === 0) return;
    this.ringAlways();
  }

  ringAlways(): void {
    Atomics.store(this.#words, MAIN_SLEEPS, 0);
    Atomics.add(this.#words, BELL, 1);
    Atomics.notify(this.#words, BELL);
  }

  /** Main: announces that it will sleep, and answers the value to wait on. Check for work once more after this. */
  announceSleep(): number {
    const value = Atomics.load(this.#words, BELL);
    Atomics.store(this.#words, MAIN_SLEEPS, 1);
    return value;
  }

  cancelSleep(): void {
    Atomics.store(this.#words, MAIN_SLEEPS, 0);
  }

  /** Main: calls `wake` once the bell has rung or `timeoutMs` have passed. Never calls back synchronously. */
  wait(value: number, timeoutMs: number, wake: () => void): void {
    const waiting = Atomics.waitAsync(this.#words, BELL, value, timeoutMs);
    if (waiting.async) void waiting.value.then(wake);
    else setImmediate(wake);
  }
}

/** What a worker's `run()` is started with. */
export interface RingWorkerSetup {
  readonly slotLayoutVersion: number;
  readonly slots: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly channel: SharedArrayBuffer;
  readonly channelCapacity: number;
  readonly doorbell: SharedArrayBuffer;
  readonly pollMicrosMax: number;
  /**
   * Brings `UnitAttachment` messages, read when a handle is not known yet, and `UnitDetachment` messages, read when `noticeCount` has gone up. Takes
   * `ProfileMessage`s the other way.
   */
  readonly attachments: MessagePort;
}

/** What a worker posts when the profile that was asked of it has ended. */
export interface ProfileMessage {
  /** The text of a `.cpuprofile` file; null when the thread could not profile itself. */
  readonly cpuProfile: string | null;
}
