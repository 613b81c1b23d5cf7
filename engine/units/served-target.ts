import type { DeviceLunConfig, DiskLunConfig, TargetConfig } from '../config/engine-config.js';
import type { OpenDevice } from '../devices/device-kind.js';
import type { TargetPortGroups } from '../scsi/alua/target-port-groups.js';
import type { LogicalUnit } from '../scsi/logical-unit.js';
import type { Medium } from '../scsi/medium.js';
import type { TargetNode } from '../session/target-node.js';
import type { BackingStore } from '../store/store.js';
import type { TaskSet } from '../task/task-set.js';
import type { EngineUnitHost } from './unit-host.js';

interface ServedCommon {
  readonly unit: LogicalUnit;
  readonly taskSet: TaskSet;
  readonly host: EngineUnitHost;
}

export interface ServedDisk extends ServedCommon {
  readonly device: null;
  /** As it is served now: its size changes when it is resized. */
  config: DiskLunConfig;
  /** Stays open while the medium is ejected. */
  store: BackingStore;
  /** That of the store, whether it is loaded now or ejected. */
  medium: Medium;
}

export interface ServedDevice extends ServedCommon {
  readonly device: OpenDevice;
  readonly config: DeviceLunConfig;
}

/** One logical unit with all that it is made of. */
export type ServedUnit = ServedDisk | ServedDevice;

/** A target with the logical units that it has now. */
export class ServedTarget {
  readonly name: string;
  readonly config: TargetConfig;
  readonly node: TargetNode;
  readonly portGroups: TargetPortGroups;
  readonly #units = new Map<number, ServedUnit>();

  constructor(name: string, config: TargetConfig, node: TargetNode, portGroups: TargetPortGroups) {
    this.name = name;
    this.config = config;
    this.node = node;
    this.portGroups = portGroups;
  }

  /** By LUN. */
  get units(): ServedUnit[] {
    return [...this.#units.values()].sort((one, other) => one.config.lun - other.config.lun);
  }

  find(lun: number): ServedUnit | undefined {
    return this.#units.get(lun);
  }

  add(served: ServedUnit): void {
    this.#units.set(served.config.lun, served);
    served.host.bindTarget(this.node);
    this.node.addUnit(served.taskSet);
  }

  remove(served: ServedUnit): void {
    this.#units.delete(served.config.lun);
    this.node.removeUnit(served.taskSet);
  }

  /** The configuration with the LUNs that there are now. */
  get currentConfig(): TargetConfig {
    return { ...this.config, luns: this.units.map(({ config }) => config) };
  }
}
