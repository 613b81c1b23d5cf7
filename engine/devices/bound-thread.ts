import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { assert, TargetError } from '../errors.js';
import { defaultLimits } from '../limits.js';
import { poolOfOne } from '../thread-pool.js';
import { stuckThreads } from './stuck-threads.js';

const THREAD_LOST = 'DEVICE_THREAD_LOST';
/** A thread that dies again and again does not die by accident. */
const RESTARTS_MAX = 5;
const WORKER_URL = new URL('../../workers/bound-loop.js', import.meta.url);

/** The module of a service exports this; the service is an object of synchronous methods, of which `close` is called last where there is one. */
export interface BoundModule {
  create(options: unknown): object;
}

/** What the thread is started with. */
export interface BoundSetup {
  readonly moduleUrl: string;
  readonly options: unknown;
  readonly port: MessagePort;
}

export interface BoundCall {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** An error that has crossed threads: of a `TargetError` its code, of others the stack. */
export interface BoundFailure {
  readonly code: string | null;
  readonly message: string;
}

/** `id` 0 tells that the service has been made. */
export type BoundAnswer = { readonly id: number; readonly value?: unknown; readonly failure?: BoundFailure };

type Method<Service, Name extends keyof Service> = Service[Name] extends (...args: infer Args) => infer Result ? (...args: Args) => Result : never;

export interface BoundThreadOptions {
  readonly moduleUrl: URL;
  /** Structured-cloneable. */
  readonly options: unknown;
  /** False: the service lives on the thread that starts it. */
  readonly isBound: boolean;
  /** How long `close` waits for the calls before it and for the thread's end. */
  readonly closeMsMax?: number;
  /** The thread has died by itself. What it was doing has been rejected with `TargetError` `DEVICE_THREAD_LOST`, and so is all until `restart`. */
  readonly onLost?: () => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A thread that a device has for itself: what blocks runs there, one call after the other, on state that nobody else sees and that needs no lock. Arguments
 * and results are cloned, memory that is shared is not. A round trip takes tens of microseconds, so a call is a whole command.
 */
export class BoundThread<Service extends object> {
  readonly #options: BoundThreadOptions;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #pool: Piscina | null = null;
  #port: MessagePort | null = null;
  #local: Service | null = null;
  #isClosing = false;
  /** The service has been made: what happens to the thread from now on is told by `onLost`, and before by whoever waits for it. */
  #isServing = false;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: BoundThreadOptions) {
    this.#options = options;
  }

  /** Resolves when the service has been made; rejects with what `create` threw. */
  static async start<Service extends object>(options: BoundThreadOptions): Promise<BoundThread<Service>> {
    const thread = new BoundThread<Service>(options);
    await thread.#open(options.options);
    return thread;
  }

  /** The thread has died and was not started again, or it was closed. */
  get isLost(): boolean {
    return this.#port === null && this.#local === null;
  }

  /** The thread itself, for fault injection; undefined when the service lives on this one. */
  get thread(): Worker | undefined {
    return this.#pool?.threads[0];
  }

  /** After a loss: a new thread makes the service anew, or one more when that one dies as well before it has. */
  async restart(options: unknown = this.#options.options): Promise<void> {
    assert(this.isLost && !this.#isClosing, 'only what was lost is started again');
    for (let attempt = 1; ; attempt++) {
      await this.#ended;
      // Closed meanwhile: a thread that came now would stay.
      if (this.#isClosing) throw lost();
      try {
        await this.#open(options);
        return;
      } catch (error) {
        if (attempt === RESTARTS_MAX || !isLoss(error)) throw error;
      }
    }
  }

  call<Name extends keyof Service & string>(name: Name, ...args: Parameters<Method<Service, Name>>): Promise<Awaited<ReturnType<Method<Service, Name>>>> {
    return this.#call(name, args) as Promise<Awaited<ReturnType<Method<Service, Name>>>>;
  }

  /**
   * Closes the service, after the calls before it, and ends the thread. Rejects with what the service's `close` threw; the thread has ended all the same. One
   * that is stuck in a call is left alone after `closeMsMax`: rejects with `TargetError` `DEVICE_THREAD_STUCK`.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return this.#ended;
    this.#isClosing = true;
    if (this.isLost) return this.#ended;
    const closed = this.#close();
    if (this.#local === null) await this.#bounded(closed);
    else await closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#call('close', []);
    } finally {
      this.#local = null;
      this.#port?.close();
      this.#port = null;
      await this.#ended;
    }
  }

  async #bounded(closed: Promise<void>): Promise<void> {
    const { closeMsMax = defaultLimits.deviceCloseMsMax } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), closeMsMax);
    });
    const outcome = await Promise.race([closed, late]).finally(() => clearTimeout(timer));
    if (outcome !== 'late') return;
    stuckThreads.count++;
    void closed.then(notStuck, notStuck);
    throw new TargetError('DEVICE_THREAD_STUCK', `the thread of the device has not ended within ${closeMsMax} ms: what it holds is left as it is`);
  }

  async #open(options: unknown): Promise<void> {
    const { moduleUrl, isBound } = this.#options;
    if (isBound) {
      await this.#startThread(moduleUrl, options);
      return;
    }
    const { create } = (await import(moduleUrl.href)) as BoundModule;
    this.#local = create(options) as Service;
  }

  #startThread(moduleUrl: URL, options: unknown): Promise<unknown> {
    const { port1, port2 } = new MessageChannel();
    const pool = poolOfOne(WORKER_URL);
    const ready = new Promise<unknown>((resolve, reject) => this.#pending.set(0, { resolve, reject }));
    port1.on('message', (answer: BoundAnswer) => this.#onAnswer(answer));
    port1.unref();
    this.#pool = pool;
    this.#port = port1;
    const setup: BoundSetup = { moduleUrl: moduleUrl.href, options, port: port2 };
    const onEnd = () => this.#onEnd(pool, port1);
    this.#ended = pool.run(setup, { transferList: [port2] }).then(onEnd, onEnd);
    return ready;
  }

  async #call(name: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#local !== null) return callMethod(this.#local, name, args);
    const port = this.#port;
    if (port === null) throw lost();
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      port.postMessage({ id, method: name, args } satisfies BoundCall);
    });
  }

  #onAnswer({ id, value, failure }: BoundAnswer): void {
    if (id === 0) this.#isServing = failure === undefined;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (failure === undefined) pending?.resolve(value);
    else pending?.reject(errorOf(failure));
  }

  async #onEnd(pool: Piscina, port: MessagePort): Promise<void> {
    const wasExpected = this.#port !== port || this.#isClosing;
    port.close();
    if (this.#port === port) this.#port = null;
    const wasServing = this.#isServing;
    this.#isServing = false;
    await pool.destroy().catch(() => undefined);
    for (const { reject } of Array.from(this.#pending.values())) reject(lost());
    this.#pending.clear();
    if (!wasExpected && wasServing) this.#options.onLost?.();
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof TargetError && error.code === THREAD_LOST;
}

function notStuck(): void {
  stuckThreads.count--;
}

/** `close` is the one method that a service may do without. */
export function callMethod(service: object, name: string, args: readonly unknown[]): unknown {
  const method = (service as Record<string, unknown>)[name];
  if (method === undefined && name === 'close') return undefined;
  assert(typeof method === 'function', `the service has no method ${name}`);
  return method.apply(service, args);
}

export function failureOf(error: unknown): BoundFailure {
  if (error instanceof TargetError) return { code: error.code, message: error.message };
  return { code: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function errorOf({ code, message }: BoundFailure): Error {
  return code === null ? new DeviceDefect(message) : new TargetError(code, message);
}

function lost(): TargetError {
  return new TargetError(THREAD_LOST, 'the thread of the device has ended');
}

/** A service threw what it should not: a defect of ours, with the stack of its thread as the message. */
export class DeviceDefect extends Error {
  override readonly name = 'DeviceDefect';
}
