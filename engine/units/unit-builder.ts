import type { EngineConfig, LunConfig, TargetConfig } from '../config/engine-config.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { Limits } from '../limits.js';
import { normalizeIscsiName } from '../login/index.js';
import type { StageAccounting } from '../metrics/stage-accounting.js';
import { UnitMetrics } from '../metrics/unit-metrics.js';
import { type DeviceTypeName, deviceTypes } from '../scsi/device-types.js';
import { type ExecutionPolicy, LogicalUnit, type LogicalUnitIdentity } from '../scsi/logical-unit.js';
import { Medium } from '../scsi/medium.js';
import { deriveNaa } from '../scsi/spc/naa.js';
import { soleUnitHost, type UnitState } from '../scsi/unit-host.js';
import { TargetNode } from '../session/target-node.js';
import type { BufferArena } from '../shm/buffer-arena.js';
import { openStore } from '../store/open-store.js';
import type { BackingStore } from '../store/store.js';
import type { SlotPool } from '../task/slot-pool.js';
import type { TaskRunner } from '../task/task-runner.js';
import { TaskSet } from '../task/task-set.js';
import { EngineUnitHost } from './unit-host.js';

const VENDOR = 'LUNLOOM';
const PRODUCT = 'VIRTUAL-DISK';
const REVISION = '0100';

export interface UnitBuilderOptions {
  readonly config: EngineConfig;
  readonly limits: Limits;
  readonly slots: SlotPool;
  readonly arena: BufferArena;
  readonly dispatcher: Dispatcher;
  readonly runner: TaskRunner;
  readonly accounting: StageAccounting;
  readonly onDefect: (error: unknown) => void;
  /** Where a logical unit keeps what outlives the process. */
  readonly stateOf: (targetName: string, lun: number) => UnitState;
}

/** Opens the stores of an engine and makes its targets and logical units. */
export class UnitBuilder {
  readonly #options: UnitBuilderOptions;
  readonly stores: BackingStore[] = [];
  readonly taskSets: TaskSet[] = [];
  /** Of logical units and of media, which share their numbers. 0 is what answers for absent ones. */
  #nextHandle = 1;

  constructor(options: UnitBuilderOptions) {
    this.#options = options;
  }

  buildTarget(target: TargetConfig, stores: ReadonlyMap<LunConfig, BackingStore>): TargetNode {
    const name = normalizeTargetName(target.name);
    const hosts: EngineUnitHost[] = [];
    const taskSets = target.luns.map((lun) => {
      const host = this.#makeHost(name, lun.lun);
      hosts.push(host);
      return this.#buildUnit(name, lun, stores.get(lun) as BackingStore, host);
    });
    const absentHost = { ...soleUnitHost, luns: () => node.luns };
    const identity = identityOf(name, { lun: 0 });
    const absentUnit = new LogicalUnit({ handle: 0, lun: 0, deviceType: deviceTypes.absent, medium: null, identity, host: absentHost });
    const absent = this.#makeTaskSet(absentUnit, name, 'inline');
    const node = new TargetNode({ name, alias: target.alias, portalGroupTags: target.portalGroupTags, taskSets, absent });
    for (const host of hosts) host.bindTarget(node);
    return node;
  }

  #makeHost(targetName: string, lun: number): EngineUnitHost {
    const { slots, arena, dispatcher, runner, onDefect, stateOf } = this.#options;
    return new EngineUnitHost({ slots, arena, dispatcher, runner, onDefect, state: stateOf(targetName, lun) });
  }

  #buildUnit(targetName: string, lun: LunConfig, store: BackingStore, host: EngineUnitHost): TaskSet {
    const { config } = this.#options;
    const medium = this.attachMedium(lun, store, 'disk');
    const identity = identityOf(targetName, lun);
    const unit = new LogicalUnit({ handle: this.#nextHandle++, lun: lun.lun, deviceType: deviceTypes.disk, medium, identity, host });
    const taskSet = this.#makeTaskSet(unit, targetName, lun.execution ?? config.execution);
    host.bindTaskSet(taskSet);
    this.taskSets.push(taskSet);
    return taskSet;
  }

  /** A store as the medium of a LUN, known to all workers. */
  attachMedium(lun: LunConfig, store: BackingStore, deviceTypeName: DeviceTypeName): Medium {
    const { dispatcher, limits } = this.#options;
    const shape = { blockLengthBytes: lun.blockLengthBytes, readOnly: lun.readOnly, transferLengthBytesMax: limits.transferLengthBytesMax };
    const medium = new Medium(store, shape, this.#nextHandle++);
    dispatcher.attach({ handle: medium.handle, deviceTypeName, store: store.descriptor, shape });
    return medium;
  }

  #makeTaskSet(unit: LogicalUnit, targetName: string, execution: ExecutionPolicy): TaskSet {
    const { accounting, runner } = this.#options;
    const metrics = new UnitMetrics(accounting, { targetName, lun: unit.deviceType === deviceTypes.absent ? null : unit.lun });
    return new TaskSet(unit, execution, metrics, (task) => runner.start(task));
  }
}

/** The stores of all LUNs. When one cannot be opened, those that were are closed again. Throws `TargetError` `STORE_…`. */
export function openStores(config: EngineConfig, limits: Limits): Map<LunConfig, BackingStore> {
  const stores = new Map<LunConfig, BackingStore>();
  try {
    for (const { luns } of config.targets) {
      for (const lun of luns) {
        const { readOnly, blockLengthBytes } = lun;
        stores.set(lun, openStore(lun.store, { readOnly, blockLengthBytes, transferLengthBytesMax: limits.transferLengthBytesMax }));
      }
    }
  } catch (error) {
    for (const store of stores.values()) store.close();
    throw error;
  }
  return stores;
}

export function normalizeTargetName(name: string): string {
  return normalizeIscsiName(name) ?? name;
}

/** Names that stay the same over restarts: they follow from the target's name and the LUN unless they are given. */
export function identityOf(targetName: string, lun: Pick<LunConfig, 'lun' | 'serial' | 'vendor' | 'product' | 'naa'>): LogicalUnitIdentity {
  const naa = lun.naa ?? deriveNaa(targetName, lun.lun, lun.serial ?? '');
  return { vendor: lun.vendor ?? VENDOR, product: lun.product ?? PRODUCT, revision: REVISION, serial: lun.serial ?? naa.toUpperCase(), naa };
}
