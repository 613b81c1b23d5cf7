import { type Clock, systemClock } from '../../engine/clock.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import { assert, TargetError } from '../../engine/errors.js';
import { resolveLimits } from '../../engine/limits.js';
import { UnitMetrics } from '../../engine/metrics/unit-metrics.js';
import { BHS_LENGTH } from '../../engine/pdu/index.js';
import { BufferArena } from '../../engine/shm/buffer-arena.js';
import { DataDirection } from '../../engine/shm/layout.js';
import { answerTask } from '../../engine/task/data-in-transfer.js';
import type { PduOutput, Releasable } from '../../engine/task/pdu-output.js';
import { SlotPool } from '../../engine/task/slot-pool.js';
import { solicit } from '../../engine/task/solicitation.js';
import type { PduTaskOwner, Task } from '../../engine/task/task.js';
import { TaskRunner } from '../../engine/task/task-runner.js';
import { TaskSet } from '../../engine/task/task-set.js';
import { BLOCK_BYTES, benchNexus, benchUnit } from './bench-unit.js';

const MIB = 1024 * 1024;
const STORE_BYTES = 64 * MIB;
/** Commands of one flush, as with 32 outstanding. */
export const PATH_DEPTH = 32;
/** A step through the store that meets every 4 KiB of it, far from the last one. */
const STEP_PIECES = 4099;
const FIRST_BURST_BYTES = 64 * 1024;
const READ_16 = 0x88;
const WRITE_16 = 0x8a;

/** A send queue that sends nothing: headers are written into one place, data is left where it lies. */
class NoSocket implements PduOutput {
  readonly view = new DataView(new ArrayBuffer(BHS_LENGTH));
  byteCount = 0;
  readonly #releases: Releasable[] = [];

  begin(): number {
    return 0;
  }
  end(): void {
    this.byteCount += BHS_LENGTH;
  }
  endWithCopy(_bytes: Uint8Array, _at: number, lengthBytes: number): void {
    this.byteCount += BHS_LENGTH + lengthBytes;
  }
  endWithView(_bytes: Uint8Array, _at: number, lengthBytes: number): void {
    this.byteCount += BHS_LENGTH + lengthBytes;
  }
  releaseAfterFlush(item: Releasable): void {
    this.#releases.push(item);
  }
  flush(nowMicros: number): void {
    for (const item of this.#releases) item.onFlushed(nowMicros);
    this.#releases.length = 0;
  }
}

/** A connection that only counts. */
class NoConnection implements PduTaskOwner {
  readonly nexus = benchNexus;
  readonly output = new NoSocket();
  readonly parameters = {
    maxRecvDataSegmentLength: 256 * 1024,
    maxBurstLength: MIB,
    firstBurstLength: FIRST_BURST_BYTES,
    maxOutstandingR2T: 1,
    errorRecoveryLevel: 0,
  };
  expCmdSN = 1;
  maxCmdSN = 128;
  statSN = 1;
  arenaBytesHeld = 0;
  commandBytes = 0;
  readonly earlyTasks = [];
  readonly isFenced = false;
  endedCount = 0;

  takeStatSN(): number {
    return this.statSN++;
  }
  takeTargetTransferTag(): number {
    return 1;
  }
  solicit(task: Task): void {
    solicit(task, this);
  }
  sendAnswer(task: Task): void {
    answerTask(task, this);
  }
  releaseAfterAnswer(task: Task): void {
    this.output.releaseAfterFlush(task);
  }
  onDataOutUnwanted(): void {}
  holdAnswer(): boolean {
    return false;
  }
  onTaskAnswered(): void {}
  onTaskEnded(): void {
    this.endedCount++;
  }
}

/** What `accountingOf` compares with: metrics that count nothing, and time that stands still. */
export class SilentMetrics extends UnitMetrics {
  override recordCommand(): void {}
  override recordDispatch(): void {}
  override recordStages(): void {}
}
export const stillClock: Clock = { nowMicros: () => 0, after: (delayMs, callback) => systemClock.after(delayMs, callback) };

export interface InlinePathOptions {
  readonly operation: 'read' | 'write';
  readonly lengthBytes: number;
  readonly clock: Clock;
  readonly metrics: UnitMetrics;
}

/**
 * A command's way through the engine on one thread, from the parsed header to the release of its slot: task, task set, range lock,
 * dispatch, device server, store, response header. Without the socket, the receive cursor and the session in front of it.
 */
export class InlinePath {
  readonly #options: InlinePathOptions;
  readonly #owner = new NoConnection();
  readonly #taskSet: TaskSet;
  readonly #runner: TaskRunner;
  readonly #chunk: Uint8Array;
  #turn = 0;

  constructor(options: InlinePathOptions) {
    this.#options = options;
    const { clock, metrics, lengthBytes } = options;
    const limits = resolveLimits();
    const slots = new SlotPool(2 * PATH_DEPTH);
    const arena = new BufferArena(16 * MIB, MIB);
    const onDefect = (error: unknown): void => {
      throw new TargetError('BENCH_RUN', 'the engine failed in the inline path', { cause: error });
    };
    const dispatcher = new Dispatcher({
      slots: slots.memory,
      arena,
      workerCount: 0,
      limits,
      clock,
      workerUrl: new URL('none:'),
      afterCompletions: () => {},
      onDefect,
    });
    this.#runner = new TaskRunner({ slots, arena, dispatcher, clock, onDefect, onResourcesFreed: () => {} });
    this.#taskSet = new TaskSet(benchUnit(STORE_BYTES), 'inline', metrics, (task) => this.#runner.start(task));
    this.#chunk = Buffer.alloc(lengthBytes, 0x5a);
    this.#touchStore();
  }

  /** A page's first use costs more than all the rest of a command. */
  #touchStore(): void {
    const store = this.#taskSet.unit.medium?.store;
    for (let position = 0; position < STORE_BYTES; position += this.#chunk.length) store?.write(this.#chunk, 0, this.#chunk.length, position, false);
  }

  /** `count` commands, `PATH_DEPTH` to a flush. */
  run(count: number): number {
    const owner = this.#owner;
    const expected = owner.endedCount + count;
    for (let done = 0; done < count; done += PATH_DEPTH) {
      const receivedAt = this.#options.clock.nowMicros();
      const group = Math.min(PATH_DEPTH, count - done);
      for (let i = 0; i < group; i++) this.#command(receivedAt);
      owner.output.flush(this.#options.clock.nowMicros());
    }
    assert(owner.endedCount === expected, 'a command of the inline path did not end');
    return owner.output.byteCount;
  }

  #command(receivedAt: number): void {
    const { operation, lengthBytes } = this.#options;
    const task = this.#runner.create(this.#owner, this.#taskSet, receivedAt);
    assert(task !== null, 'the inline path ran out of slots');
    const turn = this.#turn++;
    const isWrite = operation === 'write';
    const { slot } = task;
    task.initiatorTaskTag = turn;
    task.cmdSN = turn;
    const position = (turn * STEP_PIECES * lengthBytes) % STORE_BYTES;
    // Opcode and flags, LBA (8), count (4), group and control: SBC-3, a 16-byte CDB.
    slot.cdbView.setUint32(0, (isWrite ? WRITE_16 : READ_16) << 24);
    slot.cdbView.setUint16(4, 0);
    slot.cdbView.setUint32(6, position / BLOCK_BYTES);
    slot.cdbView.setUint32(10, lengthBytes / BLOCK_BYTES);
    slot.cdbView.setUint16(14, 0);
    slot.cdbLength = 16;
    slot.direction = isWrite ? DataDirection.out : DataDirection.in;
    slot.expectedDataOutLength = isWrite ? lengthBytes : 0;
    slot.expectedDataInLength = isWrite ? 0 : lengthBytes;
    task.dataOut.begin(slot.expectedDataOutLength, slot.expectedDataOutLength, false, FIRST_BURST_BYTES);
    if (isWrite) {
      slot.dataOut = this.#chunk;
      slot.dataOutStart = 0;
    }
    this.#runner.deliver(task);
  }
}
