import { TaskAttribute } from '../../../pdu/index.js';
import { ScsiStatus } from '../../../scsi/status.js';
import type { CarriedCommand, CarriedEnd, CarriedTask, Carrier } from '../carrier.js';
import { cdbLengthOf, HostStatus, SG_CDB_LENGTH_MAX } from './sg-io.js';
import type { SgCommand, SgOutcome } from './sg-service.js';

/** A thread with the device open: a `BoundThread` of `SgService`. */
export interface SgThread {
  call(method: 'run', command: SgCommand): Promise<SgOutcome>;
  call(method: 'reset'): Promise<string | null>;
  close(): Promise<void>;
}

export interface SgCarrierOptions {
  /** With which it begins; the first thread that was started. */
  readonly first: SgThread;
  /** Rejects when the device cannot be opened any more. */
  readonly startThread: () => Promise<SgThread>;
  readonly threadCountMax: number;
  /** The device has gone. */
  readonly onLost: (why: string) => void;
}

interface Queued {
  readonly command: CarriedCommand;
  readonly onEnd: (end: CarriedEnd) => void;
}

/** The device file leads nowhere any more. */
const GONE: ReadonlySet<string> = new Set(['ENODEV', 'ENXIO', 'DEVICE_THREAD_LOST']);
/** The driver does not take such a command. */
const REFUSED: ReadonlySet<string> = new Set(['EINVAL', 'EMSGSIZE', 'EPERM', 'E2BIG', 'EOPNOTSUPP', 'ENOTTY']);
const BUSY: ReadonlySet<string> = new Set(['EBUSY', 'EAGAIN', 'ENOMEM', 'EDOM']);
/** DID_REQUEUE and the like: it was not executed, and may be later. */
const BUSY_HOST: ReadonlySet<number> = new Set([HostStatus.busBusy, HostStatus.requeue]);
const GONE_HOST: ReadonlySet<number> = new Set([HostStatus.noConnect, HostStatus.badTarget]);
const noBytes = new Uint8Array(0);

/** A way to a device of this machine: some threads that each wait for one command in the kernel. */
export class SgCarrier implements Carrier {
  readonly #options: SgCarrierOptions;
  readonly #idle: SgThread[] = [];
  readonly #threads: SgThread[] = [];
  readonly #queue: Queued[] = [];
  #startingCount = 0;
  #isOver = false;

  constructor(options: SgCarrierOptions) {
    this.#options = options;
    this.#threads.push(options.first);
    this.#idle.push(options.first);
  }

  carry(command: CarriedCommand, onEnd: (end: CarriedEnd) => void): CarriedTask {
    const { dataIn, dataOut, cdb } = command;
    // The driver moves data one way a command.
    const isRefused = (dataIn !== null && dataOut !== null) || cdbLengthOf(cdb) > SG_CDB_LENGTH_MAX;
    if (isRefused || this.#isOver) {
      queueMicrotask(() => onEnd({ kind: isRefused ? 'refused' : 'unsent' }));
      return { abort: () => {} };
    }
    const queued: Queued = { command, onEnd };
    if (command.attribute === TaskAttribute.headOfQueue) this.#queue.unshift(queued);
    else this.#queue.push(queued);
    this.#pump();
    return { abort: () => this.#abort(queued) };
  }

  /** One that is with the kernel ends there, after its time at the latest: the kernel has no call to abort it. */
  #abort(queued: Queued): void {
    const at = this.#queue.indexOf(queued);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    queueMicrotask(() => queued.onEnd({ kind: 'aborted' }));
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#isOver) {
      const thread = this.#idle.pop();
      if (thread === undefined) {
        this.#startAnother();
        return;
      }
      void this.#run(thread, this.#queue.shift() as Queued);
    }
  }

  #startAnother(): void {
    if (this.#threads.length + this.#startingCount >= this.#options.threadCountMax || this.#startingCount > 0) return;
    void this.#startThread();
  }

  async #startThread(): Promise<void> {
    this.#startingCount++;
    // Where none can be started those that are there go on; a device that has gone they notice.
    const thread = await this.#options.startThread().catch(() => null);
    this.#startingCount--;
    if (thread === null) return;
    if (this.#isOver) {
      await thread.close().catch(() => undefined);
      return;
    }
    this.#threads.push(thread);
    this.#idle.push(thread);
    this.#pump();
  }

  async #run(thread: SgThread, { command, onEnd }: Queued): Promise<void> {
    const { cdb, dataIn, dataOut, attribute } = command;
    const isToDevice = dataOut !== null;
    // What is not shared would be filled in a copy of its own, on the other thread.
    const shared = dataIn === null || dataIn.buffer instanceof SharedArrayBuffer ? dataIn : new Uint8Array(new SharedArrayBuffer(dataIn.length));
    const data = dataOut ?? shared;
    // Drivers tell of what a command that failed has moved as they like, and what lies here from before is somebody else's.
    if (!isToDevice) data?.fill(0);
    let outcome: SgOutcome;
    try {
      // A copy of its own, for the CDB of the slot is longer and is not only this thread's.
      const own = new Uint8Array(cdb.subarray(0, cdbLengthOf(cdb)));
      outcome = await thread.call('run', { cdb: own, data, isToDevice, isAtHead: attribute === TaskAttribute.headOfQueue });
    } catch {
      outcome = { code: 'DEVICE_THREAD_LOST' };
    }
    if (shared !== null && shared !== dataIn) dataIn?.set(shared);
    const end = endOf(outcome, isToDevice);
    if (end === null) {
      this.#lose(outcome.code ?? 'DID_NO_CONNECT');
      onEnd({ kind: 'lost' });
      return;
    }
    onEnd(end);
    if (this.#isOver) return;
    this.#idle.push(thread);
    this.#pump();
  }

  #lose(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { onEnd } of this.#queue.splice(0)) onEnd({ kind: 'unsent' });
    for (const thread of this.#threads) void thread.close().catch(() => undefined);
    this.#options.onLost(`the device is gone (${code})`);
  }

  async resetUnit(): Promise<void> {
    const idle = this.#idle.at(-1);
    // A command that hangs is what resets are for: the reset must not wait behind it.
    const thread = idle ?? (await this.#options.startThread().catch(() => null));
    if (thread === null) return;
    await thread.call('reset').catch(() => null);
    if (idle === undefined) await thread.close().catch(() => undefined);
  }

  /** The kernel has no call for it: an ACA condition ends with its command. */
  clearAca(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    for (const { onEnd } of this.#queue.splice(0)) onEnd({ kind: 'unsent' });
    await Promise.all(this.#threads.map((thread) => thread.close().catch(() => undefined)));
  }

  break(): void {
    this.#lose('broken from here');
  }
}

/** Null when the device has gone. */
function endOf(outcome: SgOutcome, isToDevice: boolean): CarriedEnd | null {
  if (outcome.code !== null) {
    if (GONE.has(outcome.code)) return null;
    if (REFUSED.has(outcome.code)) return { kind: 'refused' };
    return BUSY.has(outcome.code) ? answered(ScsiStatus.busy) : { kind: 'lost' };
  }
  const { status, hostStatus, sense, movedLength } = outcome;
  if (GONE_HOST.has(hostStatus)) return null;
  if (BUSY_HOST.has(hostStatus)) return answered(ScsiStatus.busy);
  // A time-out, a reset on the way: whether it was executed nobody knows.
  if (hostStatus !== HostStatus.ok) return { kind: 'lost' };
  const length = Math.max(0, movedLength);
  return { kind: 'answered', status, sense, dataInLength: isToDevice ? 0 : length, dataOutLength: isToDevice ? length : 0 };
}

function answered(status: number): CarriedEnd {
  return { kind: 'answered', status, sense: noBytes, dataInLength: 0, dataOutLength: 0 };
}
