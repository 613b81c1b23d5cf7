import type { Socket } from 'node:net';
import { type LimitName, type Limits, resolveLimits } from '../../engine/limits.js';
import { UnitMetrics } from '../../engine/metrics/unit-metrics.js';
import { BusyPoll } from '../../engine/net/busy-poll.js';
import { FlushList } from '../../engine/net/flush-list.js';
import { ReceiveMemory } from '../../engine/net/receive-memory.js';
import { TcpTransport } from '../../engine/net/tcp-transport.js';
import { deviceTypes } from '../../engine/scsi/device-types.js';
import { type ExecutionPolicy, LogicalUnit } from '../../engine/scsi/logical-unit.js';
import { Medium } from '../../engine/scsi/medium.js';
import { soleUnitHost } from '../../engine/scsi/unit-host.js';
import { Admission } from '../../engine/session/admission.js';
import type { EngineContext } from '../../engine/session/engine-context.js';
import { SessionDirectory } from '../../engine/session/session-directory.js';
import { TargetNode } from '../../engine/session/target-node.js';
import { BufferArena } from '../../engine/shm/buffer-arena.js';
import { openRamStore } from '../../engine/store/ram-store.js';
import type { BackingStore } from '../../engine/store/store.js';
import { SlotPool } from '../../engine/task/slot-pool.js';
import { TaskRunner } from '../../engine/task/task-runner.js';
import { TaskSet } from '../../engine/task/task-set.js';
import { MemoryStore } from '../engine/scsi/memory-store.js';
import { identity } from '../engine/scsi/scsi-fixture.js';
import type { SeededRandom } from '../support/random.js';
import { BLOCK_BYTES } from './block-history.js';
import type { SimClock } from './sim-clock.js';
import { SimDispatcher } from './sim-dispatcher.js';
import type { SimSocket } from './sim-socket.js';
import { must, Violation } from './violation.js';

export const TARGET_NAME = 'iqn.2024-01.test:simulated';
export const LUN_BLOCK_COUNT = 128;
/** Reads go straight out of a ram store; commands go to workers; reads need memory of the arena. */
export const simLuns = { view: 0, pool: 1, copy: 2 } as const;
export const LUN_COUNT = 3;

const TICK_MS = 50;

/** Flushes on the simulation's time instead of the event loop's. */
class SimFlushList extends FlushList {
  readonly #clock: SimClock;
  #isScheduled = false;

  constructor(clock: SimClock) {
    super();
    this.#clock = clock;
  }

  override flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.after(0, () => {
      this.#isScheduled = false;
      this.flushAll();
    });
  }
}

export interface SimTargetOptions {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly limits: Partial<Record<LimitName, number>>;
  readonly arenaBytes: number;
}

/** The engine without its sockets, workers and wall clock: everything from `TcpTransport` to the stores is the real thing. */
export class SimTarget {
  readonly limits: Limits;
  readonly stores: BackingStore[] = [];
  readonly transports = new Set<TcpTransport>();
  readonly directory: SessionDirectory;
  readonly #context: EngineContext;
  readonly #flushList: FlushList;
  readonly #busyPoll: BusyPoll;
  readonly #receiveMemory = new ReceiveMemory(1);
  readonly #slots: SlotPool;
  readonly #arena: BufferArena;
  readonly #dispatcher: SimDispatcher;
  readonly #runner: TaskRunner;
  readonly #admission: Admission;
  readonly #taskSets: TaskSet[];
  readonly #defects: unknown[] = [];

  constructor({ clock, random, limits, arenaBytes }: SimTargetOptions) {
    this.limits = resolveLimits({ slotCount: 64, transferLengthBytesMax: 64 * 1024, socketPollMicrosMax: 0, ...limits });
    this.#slots = new SlotPool(this.limits.slotCount);
    this.#arena = new BufferArena(arenaBytes, this.limits.transferLengthBytesMax);
    const onDefect = (error: unknown) => this.#defects.push(error);
    const shared = { arena: this.#arena, onDefect };
    this.#flushList = new SimFlushList(clock);
    this.#busyPoll = new BusyPoll(clock, 0);
    const afterCompletions = () => this.#flushList.flushAll();
    this.#dispatcher = new SimDispatcher({ ...shared, slots: this.#slots.memory, limits: this.limits, afterCompletions }, clock, random);
    const onResourcesFreed = () => this.#admission.onResourcesFreed();
    this.#runner = new TaskRunner({ ...shared, clock, slots: this.#slots, dispatcher: this.#dispatcher, onResourcesFreed });
    this.#admission = new Admission(this.#runner, this.limits);
    this.#taskSets = [this.#makeTaskSet(0, 'inline'), this.#makeTaskSet(1, 'pool'), this.#makeTaskSet(2, 'inline')];
    const target = new TargetNode({ name: TARGET_NAME, taskSets: this.#taskSets, absent: this.#makeTaskSet(-1, 'inline') });
    this.directory = new SessionDirectory([target], this.limits, this.#admission);
    this.#context = { limits: this.limits, clock, runner: this.#runner, admission: this.#admission, directory: this.directory, onDefect };
    clock.every(TICK_MS, () => this.#onTick(clock.nowMicros()));
  }

  #makeTaskSet(lun: number, execution: ExecutionPolicy): TaskSet {
    const sizeBytes = LUN_BLOCK_COUNT * BLOCK_BYTES;
    let medium: Medium | null = null;
    if (lun >= 0) {
      const store = lun === simLuns.copy ? emptyMemoryStore(sizeBytes) : openRamStore({ sizeBytes });
      this.stores[lun] = store;
      medium = new Medium(store, { blockLengthBytes: BLOCK_BYTES, readOnly: false, transferLengthBytesMax: this.limits.transferLengthBytesMax });
    }
    const deviceType = lun < 0 ? deviceTypes.absent : deviceTypes.disk;
    const host = { ...soleUnitHost, luns: () => [0, 1, 2] };
    const unit = new LogicalUnit({ handle: lun + 1, lun: Math.max(0, lun), deviceType, medium, identity, host });
    return new TaskSet(unit, execution, new UnitMetrics(), (task) => this.#runner.start(task));
  }

  /** An initiator has connected. */
  accept(socket: SimSocket): void {
    const transport = new TcpTransport(
      socket as unknown as Socket,
      this.#receiveMemory,
      this.#context,
      this.#flushList,
      this.#busyPoll,
      (closed) => void this.transports.delete(closed),
    );
    this.transports.add(transport);
  }

  #onTick(nowMicros: number): void {
    for (const transport of this.transports) {
      transport.onTick(nowMicros);
      transport.connection.keepalive.onTick(nowMicros);
    }
    this.#flushList.flushAll();
  }

  /** A worker has the command of this tag. */
  isExecuting(initiatorTaskTag: number): boolean {
    return this.#dispatcher.held.some(({ slot }) => slot.initiatorTaskTag === initiatorTaskTag);
  }

  /** Throws a `Violation` when the engine met a defect of its own, or a connection is beyond its bounds. */
  check(): void {
    const [defect] = this.#defects;
    if (defect instanceof Violation) throw defect;
    must(defect === undefined, () => `the engine reported a defect: ${defect instanceof Error ? defect.stack : String(defect)}`);
    for (const { connection } of this.transports) {
      if (connection.isInLogin) continue;
      const { maxOutstandingR2T } = connection.parameters;
      for (const { dataOut } of connection.tasks.values()) {
        must(dataOut.outstanding.length <= maxOutstandingR2T, () => `more than MaxOutstandingR2T=${maxOutstandingR2T} R2Ts are outstanding`);
      }
    }
  }

  /** Throws a `Violation` when anything is left of what was served. */
  checkIdle(): void {
    this.check();
    const left = {
      tasks: this.#runner.openTaskCount,
      slots: this.limits.slotCount - this.#slots.freeCount,
      arenaBytes: this.#arena.sizeBytes - this.#arena.freeBytes,
      memoryWaits: this.#runner.share.waitingCount,
      heldRanges: this.#taskSets.reduce((sum, { locks }) => sum + locks.heldCount + locks.waitingCount, 0),
      tasksInSets: this.#taskSets.reduce((sum, { tasks }) => sum + tasks.length, 0),
      workerCommands: this.#dispatcher.held.length,
      sessions: this.directory.sessions.length + this.directory.failedSessionCount,
      countedSessions: this.#admission.sessionCount,
      connections: this.transports.size,
      retainedBytes: this.#admission.retainedBytes,
    };
    const leaks = Object.entries(left).filter(([, count]) => count !== 0);
    must(leaks.length === 0, () => `something is left when all is over: ${leaks.map(([name, count]) => `${name} ${count}`).join(', ')}`);
  }
}

function emptyMemoryStore(sizeBytes: number): MemoryStore {
  const store = new MemoryStore(sizeBytes);
  store.bytes.fill(0);
  return store;
}
