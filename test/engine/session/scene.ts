import * as assert from 'uvu/assert';
import { AccessControl, type TargetAccess } from '../../../engine/access/index.js';
import { type LimitName, type Limits, resolveLimits } from '../../../engine/limits.js';
import type { ChapCredentials } from '../../../engine/login/index.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import type { DeviceType } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import { type ExecutionPolicy, LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../engine/scsi/medium.js';
import { soleUnitHost } from '../../../engine/scsi/unit-host.js';
import { Admission } from '../../../engine/session/admission.js';
import type { EngineContext } from '../../../engine/session/engine-context.js';
import { SessionDirectory } from '../../../engine/session/session-directory.js';
import { TargetNode } from '../../../engine/session/target-node.js';
import { BufferArena } from '../../../engine/shm/buffer-arena.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';
import { TaskRunner } from '../../../engine/task/task-runner.js';
import { TaskSet } from '../../../engine/task/task-set.js';
import { TestClock } from '../../support/test-clock.js';
import { HeldDispatcher } from '../dispatch/held-dispatcher.js';
import { MemoryStore } from '../scsi/memory-store.js';
import { identity } from '../scsi/scsi-fixture.js';

export const TARGET_NAME = 'iqn.2024-01.test:target';
export const BLOCK = 512;
export const LUN_BLOCK_COUNT = 4096;

/** The logical units that tests use, by what makes them different. */
export const Lun = {
  /** Commands run on the main thread, reads are sent straight out of the store. */
  view: 0,
  /** Commands go to the held dispatcher, reads need memory of the arena. */
  pool: 1,
  /** Commands run on the main thread, reads need memory of the arena. */
  copy: 2,
  /** What the test gives as `deviceType`. */
  special: 3,
} as const;

export interface SceneOptions {
  readonly limits?: Partial<Record<LimitName, number>>;
  /** The arena; the limit's least value is more than some tests want. */
  readonly arenaBytes?: number;
  readonly deviceType?: DeviceType;
  readonly specialExecution?: ExecutionPolicy;
  readonly blockCount?: number;
  /** Of the one target; open to everybody unless told. */
  readonly access?: TargetAccess;
  readonly discovery?: ChapCredentials;
}

/** Everything of an engine that stands between a socket and a store, on one thread and with time that stands still. */
export class Scene {
  readonly clock = new TestClock();
  readonly limits: Limits;
  readonly slots: SlotPool;
  readonly arena: BufferArena;
  readonly dispatcher: HeldDispatcher;
  readonly runner: TaskRunner;
  readonly admission: Admission;
  readonly directory: SessionDirectory;
  readonly context: EngineContext;
  readonly stores: MemoryStore[] = [];
  readonly taskSets: TaskSet[] = [];
  readonly defects: unknown[] = [];
  /** How often somebody was asked to send what no received PDU and no worker had caused. */
  lateAnswerCount = 0;

  constructor(options: SceneOptions = {}) {
    // The window is wide open from the start, so that tests can have as many commands out as they like.
    const limits = { slotCount: 64, arenaBytes: 16 * 1024 * 1024, transferLengthBytesMax: 1024 * 1024, commandWindowStartCount: 4096 };
    this.limits = resolveLimits({ ...limits, ...options.limits });
    this.slots = new SlotPool(this.limits.slotCount);
    this.arena = new BufferArena(options.arenaBytes ?? this.limits.arenaBytes, this.limits.transferLengthBytesMax);
    const onDefect = (error: unknown) => this.defects.push(error);
    const shared = { arena: this.arena, clock: this.clock, onDefect };
    this.dispatcher = new HeldDispatcher({ ...shared, slots: this.slots.memory, limits: this.limits, afterCompletions: () => {} });
    this.runner = new TaskRunner({
      ...shared,
      slots: this.slots,
      dispatcher: this.dispatcher,
      onResourcesFreed: () => admission.onResourcesFreed(),
      onLateAnswer: () => this.lateAnswerCount++,
    });
    const admission = new Admission(this.runner, this.limits);
    this.admission = admission;
    const blockCount = options.blockCount ?? LUN_BLOCK_COUNT;
    const host = { ...soleUnitHost, luns: () => [0, 1, 2, 3] };
    const makeTaskSet = (lun: number, deviceType: DeviceType, execution: ExecutionPolicy): TaskSet => {
      const store = new MemoryStore(blockCount * BLOCK, { hasView: lun === Lun.view });
      const medium =
        lun < 0 ? null : new Medium(store, { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: this.limits.transferLengthBytesMax });
      const unit = new LogicalUnit({ handle: lun + 1, lun: Math.max(lun, 0), deviceType, medium, identity, host });
      if (lun >= 0) this.stores[lun] = store;
      return new TaskSet(unit, execution, new UnitMetrics(), (task) => this.runner.start(task));
    };
    this.taskSets.push(
      makeTaskSet(Lun.view, deviceTypes.disk, 'inline'),
      makeTaskSet(Lun.pool, deviceTypes.disk, 'pool'),
      makeTaskSet(Lun.copy, deviceTypes.disk, 'inline'),
      makeTaskSet(Lun.special, options.deviceType ?? deviceTypes.disk, options.specialExecution ?? 'inline'),
    );
    const target = new TargetNode({ name: TARGET_NAME, taskSets: this.taskSets, absent: makeTaskSet(-1, deviceTypes.absent, 'inline') });
    this.directory = new SessionDirectory([target], this.limits, admission, this.#accessOf(options));
    this.context = { limits: this.limits, clock: this.clock, runner: this.runner, admission, directory: this.directory, onDefect };
  }

  #accessOf({ access, discovery }: SceneOptions): AccessControl {
    const targets = new Map(access === undefined ? [] : [[TARGET_NAME, access]]);
    return new AccessControl({ limits: this.limits, targets, discovery: discovery ?? null });
  }

  /** No command holds anything any more, and nothing went wrong inside. */
  assertIdle(): void {
    assert.equal(this.defects, []);
    assert.is(this.runner.openTaskCount, 0, 'open tasks');
    assert.is(this.slots.freeCount, this.limits.slotCount, 'free slots');
    assert.is(this.arena.freeBytes, this.arena.sizeBytes, 'free bytes of the arena');
    assert.is(this.runner.share.waitingCount, 0, 'tasks that wait for memory');
    for (const { locks, tasks } of this.taskSets) {
      assert.is(locks.heldCount, 0, 'held ranges');
      assert.is(locks.waitingCount, 0, 'waiting ranges');
      assert.is(tasks.length, 0, 'tasks in the task set');
    }
    assert.is(this.dispatcher.held.length, 0, 'commands that are out');
  }
}
