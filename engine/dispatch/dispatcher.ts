import type { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.js';
import type { Limits } from '../limits.js';
import { executeMediumCommand } from '../scsi/device-server.js';
import { failedByDefect } from '../scsi/device-server-faults.js';
import type { BufferArena } from '../shm/buffer-arena.js';
import type { SlotMemory } from '../shm/command-slot.js';
import type { MediumJob, UnitAttachment } from './job.js';
import { Doorbell } from './ring-channel.js';
import { RingWorker } from './ring-worker.js';

/** A lost wake-up must not become a hang: the longest that main sleeps while commands are out. */
const SLEEP_MS_MAX = 250;

export interface DispatcherOptions {
  readonly slots: SlotMemory;
  readonly arena: BufferArena;
  readonly workerCount: number;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly workerUrl: URL;
  /** Called after each batch of completions: the place to flush sockets. */
  readonly afterCompletions: () => void;
  readonly onDefect: (error: unknown) => void;
}

/**
 * Sends medium commands to their execution: on this thread at once, or over a ring to a worker. While commands are
 * out on rings it polls for completions from the event loop for a bounded time, then sleeps on a doorbell.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #doorbell = new Doorbell();
  readonly #workers: RingWorker[] = [];
  readonly #attachments = new Map<number, UnitAttachment>();
  #pumping = false;
  #lastProgressMicros = 0;
  #stopped = false;
  readonly #pumpBound = () => this.#pump();
  readonly #wakeBound = () => {
    this.#doorbell.cancelSleep();
    this.#pump();
  };

  constructor(options: DispatcherOptions) {
    this.#options = options;
    for (let index = 0; index < options.workerCount; index++) this.#addWorker(options.limits.pollMicrosMax);
  }

  #addWorker(pollMicrosMax: number): void {
    const { slots, arena, workerUrl, afterCompletions } = this.#options;
    const worker = new RingWorker({
      slots: slots.buffer,
      arena: arena.memory,
      doorbell: this.#doorbell.buffer,
      pollMicrosMax,
      ringCapacity: 2 ** Math.ceil(Math.log2(slots.slotCount)),
      slotCount: slots.slotCount,
      workerUrl,
      afterLosses: afterCompletions,
    });
    for (const attachment of this.#attachments.values()) worker.attach(attachment);
    this.#workers.push(worker);
  }

  get hasWorkers(): boolean {
    return this.#workers.some((worker) => worker.isUp);
  }

  /** No command may begin any more: stores are about to be closed. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Commands that are out on rings. */
  get inFlightCount(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.inFlightCount, 0);
  }

  /** The same for each worker: the commands in its ring, and the one that it executes. */
  get inFlightCounts(): number[] {
    return this.#workers.map((worker) => worker.inFlightCount);
  }

  /** The threads that run now, for fault injection in tests. */
  get threads(): Worker[] {
    return this.#workers.map((worker) => worker.thread).filter((thread) => thread !== undefined);
  }

  startProfiles(intervalMicros: number): void {
    for (const worker of this.#workers) worker.startProfile(intervalMicros);
  }

  /** The profile of each worker, as `RingWorker.stopProfile` answers it. */
  stopProfiles(): Promise<(string | null)[]> {
    return Promise.all(this.#workers.map((worker) => worker.stopProfile()));
  }

  attach(attachment: UnitAttachment): void {
    this.#attachments.set(attachment.handle, attachment);
    for (const worker of this.#workers) worker.attach(attachment);
  }

  /** The medium is no more. No command for it may be out on a ring, and none may be submitted again. */
  detach(handle: number): void {
    this.#attachments.delete(handle);
    for (const worker of this.#workers) worker.detach(handle);
  }

  /** Media that workers know. */
  get attachmentCount(): number {
    return this.#attachments.size;
  }

  /** Runs the command now, on this thread; `onExecuted` is called before this returns. */
  executeInline(job: MediumJob): void {
    try {
      executeMediumCommand(job.slot, job.deviceType, job.medium);
    } catch (error) {
      this.#options.onDefect(error);
      failedByDefect(job.slot);
    }
    job.onExecuted();
  }

  /** Queues the command for the worker with the least to do. */
  submit(job: MediumJob): void {
    const chosen = job.medium.store.blocking && !job.medium.pace.isFast ? this.#workerToWait() : this.#leastBusy(0, this.#options.workerCount);
    if (chosen === undefined) {
      this.executeInline(job);
      return;
    }
    chosen.submit(job);
    if (!this.#pumping) {
      this.#pumping = true;
      this.#lastProgressMicros = this.#options.clock.nowMicros();
      setImmediate(this.#pumpBound);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#doorbell.ringAlways();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    this.#options.afterCompletions();
  }

  /**
   * What waits for a device may wait on more threads than there are cores, and keeps off the threads that do not: while all that wait are busy
   * one more is started, up to `blockingWorkerCountMax`. Until the first of them serves, the others wait as well.
   */
  #workerToWait(): RingWorker | undefined {
    const { workerCount, limits } = this.#options;
    const chosen = this.#leastBusy(workerCount, this.#workers.length) ?? this.#leastBusy(0, workerCount);
    const isFull = this.#workers.length - workerCount >= limits.blockingWorkerCountMax;
    // One at a time: the next is started when the last one serves and all are busy still.
    const isStarting = this.#workers.length > workerCount && this.#workers.at(-1)?.isServing === false;
    // Threads that mostly wait for a device do not spin for their next command.
    if (chosen !== undefined && chosen.inFlightCount > 0 && !isFull && !isStarting && !this.#stopped) this.#addWorker(0);
    return chosen;
  }

  /** Of the workers from `from` until `to`; one that has yet to start serves only when it is among those that there have to be. */
  #leastBusy(from: number, to: number): RingWorker | undefined {
    let chosen: RingWorker | undefined;
    for (let index = from; index < to; index++) {
      const worker = this.#workers[index] as RingWorker;
      if (!worker.isUp || (from > 0 && !worker.isServing)) continue;
      if (chosen === undefined || worker.inFlightCount < chosen.inFlightCount) chosen = worker;
    }
    return chosen;
  }

  #drain(): number {
    let count = 0;
    for (const worker of this.#workers) count += worker.drain();
    if (count > 0) this.#options.afterCompletions();
    return count;
  }

  #pump(): void {
    const now = this.#options.clock.nowMicros();
    if (this.#drain() > 0) this.#lastProgressMicros = now;
    if (this.#stopped || this.inFlightCount === 0) {
      this.#pumping = false;
      return;
    }
    if (now - this.#lastProgressMicros < this.#options.limits.pollMicrosMax) {
      setImmediate(this.#pumpBound);
      return;
    }
    const bell = this.#doorbell.announceSleep();
    if (this.#drain() > 0) {
      this.#lastProgressMicros = now;
      this.#doorbell.cancelSleep();
      setImmediate(this.#pumpBound);
      return;
    }
    this.#doorbell.wait(bell, SLEEP_MS_MAX, this.#wakeBound);
  }
}
