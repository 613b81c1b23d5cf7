import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { abortedByWorkerLoss, unitOutOfService } from '../scsi/device-server-faults.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { SLOT_LAYOUT_VERSION } from '../shm/layout.js';
import { RING_EMPTY } from '../shm/spsc-ring.js';
import { poolOfOne } from '../thread-pool.js';
import type { MediumJob, UnitAttachment, UnitDetachment } from './job.js';
import { type ProfileMessage, RingChannel, type RingWorkerSetup } from './ring-channel.js';

const RESTART_DELAY_MS_MIN = 10;
const RESTART_DELAY_MS_MAX = 1000;
/** After this many threads in a row that died before they served the ring, what is queued is failed instead of kept waiting. */
const BARREN_LIFE_COUNT_MAX = 5;
/** A thread that sleeps, or executes one long command, hears late that its profile is over; one that hangs never does. */
const PROFILE_ANSWER_MS_MAX = 5000;

export type RingWorkerOptions = Omit<RingWorkerSetup, 'channel' | 'channelCapacity' | 'attachments' | 'slotLayoutVersion'> & {
  readonly ringCapacity: number;
  readonly slotCount: number;
  readonly workerUrl: URL;
  /** Called after commands have ended outside of `drain`, because their thread did: nobody else would flush their answers. */
  readonly afterLosses: () => void;
};

/**
 * One worker thread with its ring, seen from the main thread. Piscina owns the thread: one long `run()` serves the
 * ring. When the thread dies, the command it held ends with an error, what it had not begun stays queued, and a new
 * thread takes over the same ring.
 */
export class RingWorker {
  readonly #options: RingWorkerOptions;
  readonly #channel: RingChannel;
  readonly #jobs: (MediumJob | undefined)[];
  readonly #attachments = new Map<number, UnitAttachment>();
  #pool: Piscina | null = null;
  #port: MessagePort | null = null;
  #inFlightCount = 0;
  #stopping = false;
  #barrenLives = 0;
  #ended: Promise<void> = Promise.resolve();
  #onProfile: (cpuProfile: string | null) => void = () => {};

  constructor(options: RingWorkerOptions) {
    this.#options = options;
    this.#channel = RingChannel.allocate(options.ringCapacity);
    this.#jobs = new Array(options.slotCount).fill(undefined);
    this.#start();
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** False while thread after thread dies before it serves the ring. */
  get isUp(): boolean {
    return !this.#stopping && (this.#barrenLives < BARREN_LIFE_COUNT_MAX || this.#channel.isServed);
  }

  /** True once its thread takes commands off the ring. */
  get isServing(): boolean {
    return this.#channel.isServed;
  }

  /** The thread itself, for fault injection in tests. */
  get thread(): Worker | undefined {
    return this.#pool?.threads[0];
  }

  attach(attachment: UnitAttachment): void {
    this.#attachments.set(attachment.handle, attachment);
    this.#port?.postMessage(attachment);
  }

  /** The thread drops the medium and what its store holds, at the latest before its next command. */
  detach(handle: number): void {
    if (!this.#attachments.delete(handle)) return;
    this.#port?.postMessage({ detachedHandle: handle } satisfies UnitDetachment);
    this.#channel.announceNotice();
  }

  submit(job: MediumJob): void {
    this.#jobs[job.slot.index] = job;
    this.#inFlightCount++;
    // The ring has room for every slot there is, so this cannot fail.
    this.#channel.submission.push(job.slot.index);
    this.#channel.submission.wakeConsumer();
  }

  /** Takes all completions; answers how many. */
  drain(): number {
    let count = 0;
    for (;;) {
      const index = this.#channel.completion.pop();
      if (index === RING_EMPTY) break;
      count++;
      this.#finish(index);
    }
    return count;
  }

  /** The thread begins to profile itself; one that takes its place while it is wanted does so too. */
  startProfile(intervalMicros: number): void {
    this.#channel.requestProfile(intervalMicros);
  }

  /** Ends the profile; answers it as the text of a `.cpuprofile` file, null when the thread died or could not. Never rejects. */
  async stopProfile(): Promise<string | null> {
    this.#channel.requestProfile(0);
    if (!this.#channel.isServed || this.#stopping) return null;
    let timer: NodeJS.Timeout | undefined;
    const cpuProfile = await new Promise<string | null>((resolve) => {
      timer = setTimeout(resolve, PROFILE_ANSWER_MS_MAX, null);
      this.#onProfile = resolve;
    });
    clearTimeout(timer);
    this.#onProfile = () => {};
    return cpuProfile;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#channel.requestStop();
    await this.#ended;
    // Nobody else ends what was queued for a thread that was still to be started.
    this.#failAll();
  }

  #finish(index: number): void {
    const job = this.#jobs[index];
    if (job === undefined) return;
    this.#jobs[index] = undefined;
    this.#inFlightCount--;
    job.onExecuted();
  }

  #start(): void {
    this.#channel.isServed = false;
    const { port1, port2 } = new MessageChannel();
    port1.on('message', ({ cpuProfile }: ProfileMessage) => this.#onProfile(cpuProfile));
    // Behind `on`, which holds the process.
    port1.unref();
    for (const attachment of this.#attachments.values()) port1.postMessage(attachment);
    this.#port = port1;
    const { slots, arena, doorbell, pollMicrosMax, ringCapacity, workerUrl } = this.#options;
    const setup: RingWorkerSetup = {
      slotLayoutVersion: SLOT_LAYOUT_VERSION,
      slots,
      arena,
      doorbell,
      pollMicrosMax,
      channel: this.#channel.buffer,
      channelCapacity: ringCapacity,
      attachments: port2,
    };
    const pool = poolOfOne(workerUrl);
    this.#pool = pool;
    this.#ended = pool.run(setup, { transferList: [port2] }).then(
      () => this.#onEnd(pool, port1),
      () => this.#onEnd(pool, port1),
    );
  }

  /** The thread has stopped running, asked for or not. */
  async #onEnd(pool: Piscina, port: MessagePort): Promise<void> {
    port.close();
    this.#onProfile(null);
    await pool.destroy().catch(() => undefined);
    this.drain();
    if (this.#stopping) {
      this.#failAll();
      return;
    }
    this.#failBegun();
    this.#barrenLives = this.#channel.isServed ? 0 : this.#barrenLives + 1;
    if (this.#barrenLives >= BARREN_LIFE_COUNT_MAX) this.#failAll();
    this.#options.afterLosses();
    const delayMs = Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_MIN * 2 ** Math.min(this.#barrenLives, 10));
    if (this.#barrenLives <= 1) {
      this.#start();
      return;
    }
    setTimeout(() => {
      if (!this.#stopping) this.#start();
    }, delayMs).unref();
  }

  /** Ends the commands that the dead thread had taken off the ring; the queued ones wait for its successor. */
  #failBegun(): void {
    const queued = new Set(this.#channel.submission.queued());
    this.#failJobs((index) => !queued.has(index), abortedByWorkerLoss);
  }

  #failAll(): void {
    while (this.#channel.submission.pop() !== RING_EMPTY);
    this.#failJobs(() => true, unitOutOfService);
  }

  /** Chooses first and ends then: a command that ends may let others be submitted, and those are not lost. */
  #failJobs(isLost: (index: number) => boolean, fail: (command: CommandSlot) => void): void {
    const lost = this.#jobs.filter((job) => job !== undefined && isLost(job.slot.index)) as MediumJob[];
    for (const job of lost) {
      fail(job.slot);
      this.#finish(job.slot.index);
    }
  }
}
