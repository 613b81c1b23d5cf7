import * as assert from 'uvu/assert';
import { AccessControl } from '../../engine/access/index.js';
import { TargetError } from '../../engine/errors.js';
import { type Limits, resolveLimits } from '../../engine/limits.js';
import { UnitMetrics } from '../../engine/metrics/unit-metrics.js';
import { TargetPortGroups } from '../../engine/scsi/alua/target-port-groups.js';
import { CopyDomain } from '../../engine/scsi/copy/copy-domain.js';
import { deviceTypes } from '../../engine/scsi/device-types.js';
import { LogicalUnit } from '../../engine/scsi/logical-unit.js';
import { Medium } from '../../engine/scsi/medium.js';
import { type StateValue, soleUnitHost, type UnitState } from '../../engine/scsi/unit-host.js';
import { Admission } from '../../engine/session/admission.js';
import type { EngineContext } from '../../engine/session/engine-context.js';
import { SessionDirectory } from '../../engine/session/session-directory.js';
import { TargetNode } from '../../engine/session/target-node.js';
import { BufferArena } from '../../engine/shm/buffer-arena.js';
import { SlotPool } from '../../engine/task/slot-pool.js';
import { TaskRunner } from '../../engine/task/task-runner.js';
import { TaskSet } from '../../engine/task/task-set.js';
import { EngineUnitHost } from '../../engine/units/unit-host.js';
import { HeldDispatcher } from '../engine/dispatch/held-dispatcher.js';
import { MemoryStore } from '../engine/scsi/memory-store.js';
import { identity } from '../engine/scsi/scsi-fixture.js';
import { TARGET_NAME } from '../engine/session/scene.js';
import { TestClock } from '../support/test-clock.js';

export const BLOCK = 512;
const BLOCK_COUNT = 256;
/** Little, because a sequence has few commands open and makes an engine of its own. */
const ARENA_BYTES = 1024 * 1024;
/** Portal group tags, which are the relative target port identifiers. */
export const targetPorts = [1, 2] as const;
/** The second one is removable. */
export const LUN_COUNT = 2;
export const REMOVABLE_LUN = 1;

/** What outlives the process, as text: nothing in it may depend on objects of the engine that wrote it. */
export class KeptState {
  readonly #sections = new Map<string, string>();
  /** The next save fails. */
  isFailing = false;

  of(lun: number): UnitState {
    const key = (section: string) => `${lun} ${section}`;
    return {
      isKept: true,
      load: (section) => {
        const text = this.#sections.get(key(section));
        return text === undefined ? undefined : (JSON.parse(text) as StateValue);
      },
      save: async (section, value) => {
        if (this.isFailing) {
          this.isFailing = false;
          throw new TargetError('STATE_SAVE_FAILED', 'no space');
        }
        if (value === null) this.#sections.delete(key(section));
        else this.#sections.set(key(section), JSON.stringify(value));
      },
    };
  }
}

/** Everything of an engine between sessions and stores, with real hosts around its logical units, on one thread and with time that stands still. */
export class UnitRig {
  readonly clock = new TestClock();
  readonly limits: Limits;
  readonly context: EngineContext;
  readonly taskSets: readonly TaskSet[];
  readonly #slots: SlotPool;
  readonly #arena: BufferArena;
  readonly #runner: TaskRunner;
  readonly #defects: unknown[] = [];

  /** `state` is null for an engine without a state directory. */
  constructor(state: KeptState | null) {
    this.limits = resolveLimits({ slotCount: 64, transferLengthBytesMax: 64 * 1024 });
    this.#slots = new SlotPool(this.limits.slotCount);
    this.#arena = new BufferArena(ARENA_BYTES, this.limits.transferLengthBytesMax);
    const onDefect = (error: unknown) => this.#defects.push(error);
    const shared = { slots: this.#slots, arena: this.#arena, clock: this.clock, onDefect };
    const dispatcher = new HeldDispatcher({ ...shared, slots: this.#slots.memory, limits: this.limits, afterCompletions: () => {} });
    this.#runner = new TaskRunner({ ...shared, dispatcher, onResourcesFreed: () => admission.onResourcesFreed() });
    const admission = new Admission(this.#runner, this.limits);
    const after = (delayMs: number, run: () => void) => this.clock.after(delayMs, run);
    const portGroups = TargetPortGroups.single(targetPorts, { after, transitionMsMax: 0 });
    const copies = new CopyDomain();
    const hosts: EngineUnitHost[] = [];
    const serve = (unit: LogicalUnit) => new TaskSet(unit, 'inline', new UnitMetrics(), (task) => this.#runner.start(task));
    this.taskSets = Array.from({ length: LUN_COUNT }, (_, lun) => {
      const unitState = state?.of(lun) ?? soleUnitHost.state;
      const host = new EngineUnitHost({
        ...shared,
        dispatcher,
        runner: this.#runner,
        state: unitState,
        portGroups,
        limits: this.limits,
        copies,
        after,
        mediaOf: () => soleUnitHost.media,
      });
      const store = new MemoryStore(BLOCK * BLOCK_COUNT, { durability: 'power-loss' });
      const medium = new Medium(store, { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: this.limits.transferLengthBytesMax });
      const unit = new LogicalUnit({ handle: lun + 1, lun, deviceType: deviceTypes.disk, medium, identity, host, removable: lun === REMOVABLE_LUN });
      const taskSet = serve(unit);
      host.bindTaskSet(taskSet);
      hosts.push(host);
      return taskSet;
    });
    const absent = serve(new LogicalUnit({ handle: 0, lun: 0, deviceType: deviceTypes.absent, medium: null, identity, host: soleUnitHost }));
    const node = new TargetNode({ name: TARGET_NAME, taskSets: this.taskSets, absent });
    for (const host of hosts) host.bindTarget(node);
    const directory = new SessionDirectory([node], this.limits, admission, new AccessControl({ limits: this.limits }));
    this.context = { limits: this.limits, clock: this.clock, runner: this.#runner, admission, directory, onDefect };
  }

  /** No defect, and nothing held but for so many open commands. */
  assertSound(openCount: number): void {
    assert.equal(this.#defects, []);
    assert.is(this.#runner.openTaskCount, openCount, 'open tasks');
    assert.is(this.limits.slotCount - this.#slots.freeCount, openCount, 'slots in use');
    if (openCount === 0) assert.is(this.#arena.freeBytes, this.#arena.sizeBytes, 'free bytes of the arena');
  }
}
