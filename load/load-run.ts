import { type Clock, systemClock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { fitsCdb10 } from '../initiator/cdb.js';
import type { InitiatorError } from '../initiator/errors.js';
import { BLOCK_HEADER, BlockData, type Mismatch, randomBytes } from './block-data.js';
import { BusyRanges } from './busy-ranges.js';
import type { LoadConnection } from './load-connection.js';
import type { LoadPlan } from './load-plan.js';
import { FaultCounter, type ScsiFault, scsiFaultOf } from './scsi-fault.js';
import { Next, StepSource } from './step-source.js';
import { LoadTally } from './tally.js';
import { WriteLedger } from './write-ledger.js';

/** A command that failed. */
export interface CommandFault extends ScsiFault {
  readonly writes: boolean;
  readonly lba: number;
  readonly lbaCount: number;
  /** Bytes that came although the status was GOOD, when they are not those that were asked for. */
  readonly shortBytes: number | null;
}

export interface LoadEvents {
  onFault?(fault: CommandFault): void;
  onMismatch?(mismatch: Mismatch): void;
}

/** One session, with the threads that use it and what each task of its core is doing. */
interface Lane {
  readonly connection: LoadConnection;
  readonly idleThreads: number[];
  readonly threadOfTask: Int32Array;
  /** Commands by their number of blocks; -1 where none is defined yet. */
  readonly readCommands: Int32Array;
  readonly writeCommands: Int32Array;
  /** Threads are idle because the target's command window is closed. */
  isBlocked: boolean;
}

/**
 * Runs a plan over its connections. A thread is an index with one command outstanding: nothing is allocated and no promise is
 * made for a command.
 */
export class LoadRun {
  readonly tally = new LoadTally();
  readonly faults = new FaultCounter();
  mismatchCount = 0;

  readonly #plan: LoadPlan;
  readonly #lanes: readonly Lane[];
  readonly #events: LoadEvents;
  readonly #clock: Clock;
  readonly #source: StepSource;
  readonly #ledger: WriteLedger | null;
  readonly #blockData: BlockData | null;
  readonly #cdbForm: 10 | 16;
  /** Data that nobody looks at: one buffer for every thread. */
  readonly #landing: Buffer;
  readonly #filler: Buffer;
  /** Of each thread: its own memory when data is compared, and the command that it has on its way. */
  readonly #buffers: readonly Buffer[];
  readonly #writes: Uint8Array;
  readonly #lbas: Float64Array;
  readonly #lbaCounts: Uint32Array;
  readonly #writeNumbers: Uint32Array;
  readonly #startedAt: Float64Array;
  #inFlightCount = 0;
  #isStopping = false;
  #isDone = false;
  /** A thread was told to wait since every lane was filled last. */
  #isHeld = false;
  #resolve: () => void = () => {};
  #reject: (cause: InitiatorError) => void = () => {};

  constructor(plan: LoadPlan, connections: readonly LoadConnection[], events: LoadEvents = {}, clock: Clock = systemClock) {
    const { threadCount } = plan;
    const transferBytesMax = plan.transferLbaCountMax * plan.blockLengthBytes;
    this.#plan = plan;
    this.#events = events;
    this.#clock = clock;
    this.#ledger = plan.stampsBlocks ? new WriteLedger() : null;
    this.#blockData = plan.stampsBlocks || plan.compareBytes > 0 ? new BlockData(plan.seed, plan.blockLengthBytes) : null;
    const guards = this.#ledger === null ? null : { busy: new BusyRanges(threadCount), ledger: this.#ledger };
    this.#source = new StepSource(plan, guards, () => this.tally.startPhase(this.#source.phase, clock.nowMicros()));
    this.#cdbForm = fitsCdb10(plan.firstLba + plan.lbaCount - 1, plan.transferLbaCountMax) ? 10 : 16;
    this.#landing = Buffer.alloc(plan.reads ? transferBytesMax : 0);
    this.#filler = randomBytes(plan.seed, plan.writes && !plan.stampsBlocks ? transferBytesMax : 0);
    this.#buffers = this.#blockData === null ? [] : Array.from({ length: threadCount }, () => Buffer.alloc(transferBytesMax));
    this.#writes = new Uint8Array(threadCount);
    this.#lbas = new Float64Array(threadCount);
    this.#lbaCounts = new Uint32Array(threadCount);
    this.#writeNumbers = new Uint32Array(threadCount);
    this.#startedAt = new Float64Array(threadCount);
    this.#lanes = connections.map((connection, index) => this.#makeLane(connection, index, connections.length));
  }

  #makeLane(connection: LoadConnection, index: number, laneCount: number): Lane {
    const commandCount = this.#plan.transferLbaCountMax + 1;
    const lane: Lane = {
      connection,
      // Last in, first out: the first thread of a lane lies on top.
      idleThreads: Array.from({ length: this.#plan.threadCount }, (_, thread) => thread)
        .filter((thread) => thread % laneCount === index)
        .toReversed(),
      threadOfTask: new Int32Array(connection.core.taskCount),
      readCommands: new Int32Array(commandCount).fill(-1),
      writeCommands: new Int32Array(commandCount).fill(-1),
      isBlocked: false,
    };
    connection.attach({
      onComplete: (task, status, bytes) => this.#onComplete(lane, task, status, bytes),
      onWindowOpen: () => this.#refill(lane),
      onFailure: (cause) => this.#fail(cause),
    });
    return lane;
  }

  /** Blocks of reads that were compared and found right, in whole or up to the length to compare. */
  get comparedBlockCount(): number {
    return this.#blockData?.rightBlockCount ?? 0;
  }

  /** Which directions are under way, for a heartbeat. */
  get phase(): StepSource['phase'] {
    return this.#source.phase;
  }

  /** Resolves when the plan is done or `stop` was called, and nothing is on its way. Rejects with `InitiatorError` as a connection breaks. */
  async run(): Promise<void> {
    const { seconds } = this.#plan;
    // Told to stop before it began.
    if (this.#isStopping) return;
    const ended = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.tally.startPhase(this.#source.phase, this.#clock.nowMicros());
    const cancelEnd = seconds === null ? () => {} : this.#clock.after(seconds * 1000, () => this.stop());
    this.#fillAll();
    try {
      await ended;
    } finally {
      cancelEnd();
      this.tally.stop(this.#clock.nowMicros());
    }
  }

  /** Submits nothing more; `run` resolves when the commands on their way have ended. */
  stop(): void {
    this.#isStopping = true;
    this.#endWhenIdle();
  }

  #fail(cause: InitiatorError): void {
    this.#isStopping = true;
    this.#isDone = true;
    this.#reject(cause);
  }

  #endWhenIdle(): void {
    if (this.#inFlightCount > 0 || this.#isDone) return;
    this.#isDone = true;
    this.#resolve();
  }

  #fillAll(): void {
    this.#isHeld = false;
    for (const lane of this.#lanes) this.#fill(lane);
    this.#endWhenSpent();
  }

  /** After a command of this lane has ended. */
  #refill(lane: Lane): void {
    // Threads of other lanes may have waited for that very command.
    if (this.#isHeld && this.#lanes.length > 1) {
      this.#fillAll();
      return;
    }
    this.#fill(lane);
    this.#endWhenSpent();
  }

  /** Gives every idle thread of a lane something to do, as far as there is something and the command window is open. */
  #fill(lane: Lane): void {
    const { idleThreads } = lane;
    const { core } = lane.connection;
    lane.isBlocked = false;
    for (let index = idleThreads.length - 1; index >= 0 && !this.#isStopping; index--) {
      if (!core.canSubmit) {
        // A submission that is refused has the core tell when it would be taken.
        core.submit(0, 0);
        lane.isBlocked = true;
        return;
      }
      const thread = idleThreads[index] as number;
      const outcome = this.#source.next(thread, this.#inFlightCount);
      if (outcome === Next.hold) this.#isHeld = true;
      if (outcome !== Next.step) continue;
      idleThreads.splice(index, 1);
      this.#submit(lane, thread);
    }
  }

  /** Threads wait for commands that are on their way or for a window; without either there is nothing left to do. */
  #endWhenSpent(): void {
    if (this.#inFlightCount === 0 && !this.#lanes.some((lane) => lane.isBlocked)) this.#endWhenIdle();
  }

  #submit(lane: Lane, thread: number): void {
    const { writes, lba, lbaCount } = this.#source;
    this.#writes[thread] = writes ? 1 : 0;
    this.#lbas[thread] = lba;
    this.#lbaCounts[thread] = lbaCount;
    const buffer = writes ? this.#dataFor(thread, lba, lbaCount) : this.#landingOf(thread);
    const command = this.#commandOf(lane, writes, lbaCount);
    this.#inFlightCount++;
    this.#startedAt[thread] = this.#clock.nowMicros();
    const task = lane.connection.core.submit(command, lba, buffer);
    assert(task >= 0, 'a core that can submit takes a command');
    lane.threadOfTask[task] = thread;
  }

  #commandOf(lane: Lane, writes: boolean, lbaCount: number): number {
    const commands = writes ? lane.writeCommands : lane.readCommands;
    const known = commands[lbaCount] as number;
    if (known !== -1) return known;
    const lengthBytes = lbaCount * this.#plan.blockLengthBytes;
    const { connection } = lane;
    const made = writes ? connection.defineWrite(this.#cdbForm, lbaCount, lengthBytes) : connection.defineRead(this.#cdbForm, lbaCount, lengthBytes);
    commands[lbaCount] = made;
    return made;
  }

  #dataFor(thread: number, lba: number, lbaCount: number): Buffer {
    if (this.#ledger === null) return this.#filler;
    const buffer = this.#buffers[thread] as Buffer;
    const writeNumber = this.#ledger.nextNumber();
    this.#writeNumbers[thread] = writeNumber;
    this.#blockData?.fill(buffer, lba, lbaCount, writeNumber);
    return buffer;
  }

  #landingOf(thread: number): Buffer {
    if (this.#plan.compareBytes === 0) return this.#landing;
    const buffer = this.#buffers[thread] as Buffer;
    // What an earlier read left here must not pass for the answer to this one: no header can be all ones.
    const lengthBytes = (this.#lbaCounts[thread] as number) * this.#plan.blockLengthBytes;
    for (let at = 0; at < lengthBytes; at += this.#plan.blockLengthBytes) buffer.fill(0xff, at, at + BLOCK_HEADER.body);
    return buffer;
  }

  #onComplete(lane: Lane, task: number, status: number, bytes: number): void {
    const nowMicros = this.#clock.nowMicros();
    const thread = lane.threadOfTask[task] as number;
    const writes = this.#writes[thread] === 1;
    const lba = this.#lbas[thread] as number;
    const lbaCount = this.#lbaCounts[thread] as number;
    const isWhole = bytes === lbaCount * this.#plan.blockLengthBytes;
    const succeeded = status === ScsiStatus.good && isWhole;
    this.#inFlightCount--;
    if (succeeded) {
      const direction = writes ? this.tally.writes : this.tally.reads;
      direction.record(bytes, nowMicros - (this.#startedAt[thread] as number));
      if (this.#blockData !== null) this.#account(thread, writes, lba, lbaCount);
    } else {
      const shortBytes = status === ScsiStatus.good ? bytes : null;
      this.#onFault({ ...scsiFaultOf(status, lane.connection.core.senseData), writes, lba, lbaCount, shortBytes });
    }
    this.#source.complete(thread, writes, lba, lbaCount, succeeded);
    lane.idleThreads.push(thread);
    if (this.#isStopping) this.#endWhenIdle();
    else this.#refill(lane);
  }

  /** Remembers what was written, compares what was read. */
  #account(thread: number, writes: boolean, lba: number, lbaCount: number): void {
    const { compareBytes, blockLengthBytes } = this.#plan;
    if (compareBytes === 0) return;
    if (writes) {
      this.#ledger?.record(lba, lbaCount, this.#writeNumbers[thread] as number);
      return;
    }
    const lengthBytes = Math.min(compareBytes, lbaCount * blockLengthBytes);
    const mismatch = this.#blockData?.check(this.#buffers[thread] as Buffer, lba, lengthBytes, this.#ledger) ?? null;
    if (mismatch === null) return;
    this.mismatchCount++;
    this.#events.onMismatch?.(mismatch);
    if (!this.#plan.continueOnError) this.#isStopping = true;
  }

  #onFault(fault: CommandFault): void {
    this.faults.add(fault);
    if (fault.writes && this.#plan.compareBytes > 0) this.#ledger?.forget(fault.lba, fault.lbaCount);
    this.#events.onFault?.(fault);
    if (!this.#plan.continueOnError) this.#isStopping = true;
  }
}
