import type { DeviceLunConfig, DiskLunConfig, EngineConfig, LunConfig, TargetConfig } from '../config/engine-config.js';
import { portalGroupTagOf } from '../config/portal.js';
import type { OpenDevice } from '../devices/device-kind.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { Limits } from '../limits.js';
import { normalizeIscsiName } from '../login/index.js';
import type { StageAccounting } from '../metrics/stage-accounting.js';
import { UnitMetrics } from '../metrics/unit-metrics.js';
import { WELL_KNOWN_REPORT_LUNS } from '../pdu/index.js';
import { settableAccessStates } from '../scsi/alua/access-state.js';
import { type After, TargetPortGroups } from '../scsi/alua/target-port-groups.js';
import type { DeviceType } from '../scsi/command-table.js';
import { CopyDomain } from '../scsi/copy/copy-domain.js';
import { type DeviceTypeName, deviceTypes } from '../scsi/device-types.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { type ExecutionPolicy, LogicalUnit, type LogicalUnitIdentity, type LogicalUnitOptions } from '../scsi/logical-unit.js';
import type { Medium, MediumShape } from '../scsi/medium.js';
import { SpaceThreshold } from '../scsi/sbc/space-threshold.js';
import { Asc } from '../scsi/sense.js';
import { deriveNaa } from '../scsi/spc/naa.js';
import { soleUnitHost, type UnitState } from '../scsi/unit-host.js';
import { TargetNode } from '../session/target-node.js';
import type { BufferArena } from '../shm/buffer-arena.js';
import type { BackingStore } from '../store/store.js';
import type { SlotPool } from '../task/slot-pool.js';
import type { TaskRunner } from '../task/task-runner.js';
import { TaskSet } from '../task/task-set.js';
import type { OpenLun } from './open-luns.js';
import { type ServedDevice, type ServedDisk, ServedTarget, type ServedUnit } from './served-target.js';
import { EngineUnitHost } from './unit-host.js';
import { WorkerMedia } from './worker-media.js';

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
  readonly after: After;
  readonly onDefect: (error: unknown) => void;
  /** Where a logical unit keeps what outlives the process. */
  readonly stateOf: (targetName: string, lun: number) => UnitState;
}

/** Makes the targets of an engine and their logical units, at the start and while it runs. */
export class UnitBuilder {
  readonly #options: UnitBuilderOptions;
  readonly #copies: CopyDomain;
  /** Of logical units and of media, which share their numbers. 0 is what answers for absent ones. */
  #nextHandle = 1;

  constructor(options: UnitBuilderOptions) {
    this.#options = options;
    this.#copies = new CopyDomain({ limits: options.limits, onDefect: options.onDefect });
  }

  /** `luns` are those of `openLuns`. */
  buildTarget(config: TargetConfig, luns: ReadonlyMap<LunConfig, OpenLun>): ServedTarget {
    const name = normalizeTargetName(config.name);
    const portGroups = this.#makePortGroups(config);
    const host = { ...soleUnitHost, luns: () => node.luns, onLunsReported: (nexus: ITNexus) => clearLunsChanged(node, nexus), portGroups };
    const identity = identityOf(name, { lun: 0 });
    const absentUnit = new LogicalUnit({ handle: 0, lun: 0, deviceType: deviceTypes.absent, medium: null, identity, host });
    const wellKnown = { handle: this.#nextHandle++, lun: WELL_KNOWN_REPORT_LUNS, deviceType: deviceTypes.reportLunsUnit, medium: null, identity, host };
    const noLun = { targetName: name, lun: null };
    const node: TargetNode = new TargetNode({
      name,
      alias: config.alias,
      portalGroupTags: config.portalGroupTags,
      taskSets: [],
      absent: this.#makeTaskSet(absentUnit, noLun, 'inline'),
      wellKnown: [this.#makeTaskSet(new LogicalUnit(wellKnown), noLun, 'inline')],
    });
    const target = new ServedTarget(name, config, node, portGroups);
    for (const lun of config.luns) this.buildUnit(target, luns.get(lun) as OpenLun);
    return target;
  }

  /** A logical unit of what is open, in its place. */
  buildUnit(target: ServedTarget, lun: OpenLun): ServedUnit {
    const served = lun.device === null ? this.#buildDisk(target, lun.config, lun.store) : this.#buildDevice(target, lun.config, lun.device);
    target.add(served);
    return served;
  }

  #buildDisk(target: ServedTarget, config: DiskLunConfig, store: BackingStore): ServedDisk {
    const deviceType = deviceTypes[deviceTypeNameOf(config)];
    const host = this.#makeHost(target, config.lun, deviceType);
    const medium = this.attachDisk(config, store, host);
    const options = { deviceType, medium, identity: identityOf(target.name, config), host, removable: config.removable ?? false };
    const unit = this.#makeUnit(config.lun, options, () => this.#options.dispatcher.detach(medium.handle));
    const taskSet = this.#bindTaskSet(target, config, unit, host);
    unit.part(SpaceThreshold).configure({ percent: config.thresholdPercent ?? null, after: this.#options.after });
    return { device: null, config, store, medium, unit, taskSet, host };
  }

  #buildDevice(target: ServedTarget, config: DeviceLunConfig, device: OpenDevice): ServedDevice {
    const { deviceType, parts, removable = false } = device;
    const host = this.#makeHost(target, config.lun, deviceType);
    const options = { deviceType, medium: null, identity: identityOf(target.name, config, device.identity), host, parts, removable };
    const unit = this.#makeUnit(config.lun, options, () => {});
    return { device, config, unit, taskSet: this.#bindTaskSet(target, config, unit, host), host };
  }

  #makeHost({ name, portGroups }: ServedTarget, lun: number, deviceType: DeviceType): EngineUnitHost {
    const { slots, arena, dispatcher, runner, onDefect, stateOf, after, limits } = this.#options;
    return new EngineUnitHost({
      slots,
      arena,
      dispatcher,
      runner,
      onDefect,
      state: stateOf(name, lun),
      portGroups,
      limits,
      copies: this.#copies,
      after,
      mediaOf: (isUsed) => new WorkerMedia({ dispatcher, after, deviceTypeName: deviceType.name, nextHandle: () => this.#nextHandle++, isUsed }),
    });
  }

  #bindTaskSet({ name }: ServedTarget, config: LunConfig, unit: LogicalUnit, host: EngineUnitHost): TaskSet {
    const taskSet = this.#makeTaskSet(unit, { targetName: name, lun: config.lun }, config.execution ?? this.#options.config.execution);
    host.bindTaskSet(taskSet);
    return taskSet;
  }

  /** What a unit finds of itself in its kept state may be no good: then there is none. Throws `TargetError` `STATE_…`. */
  #makeUnit(lun: number, options: Omit<LogicalUnitOptions, 'handle' | 'lun'>, giveUp: () => void): LogicalUnit {
    try {
      return new LogicalUnit({ handle: this.#nextHandle++, lun, ...options });
    } catch (error) {
      giveUp();
      throw error;
    }
  }

  /** A store as the medium of a disk, known to all workers. */
  attachDisk(lun: DiskLunConfig, store: BackingStore, host: EngineUnitHost): Medium {
    return host.media.attach(store, shapeOf(lun, store, this.#options.limits));
  }

  /** Those of the configuration, or one of all ports. */
  #makePortGroups({ portGroups, portalGroupTags }: TargetConfig): TargetPortGroups {
    const { config, limits, after } = this.#options;
    const options = { after, transitionMsMax: limits.accessTransitionMsMax };
    const tags = [...new Set(config.portals.map(portalGroupTagOf))].filter((tag) => portalGroupTags?.includes(tag) ?? true);
    if (portGroups === undefined) return TargetPortGroups.single(tags, options);
    const groups = portGroups.map(({ id, portals, state, preferred }) => ({ id, ports: portals, state: settableAccessStates[state], isPreferred: preferred }));
    return new TargetPortGroups(groups, options);
  }

  /** `lun` is null for what answers where there is no unit, and for well-known ones. */
  #makeTaskSet(unit: LogicalUnit, name: { readonly targetName: string; readonly lun: number | null }, execution: ExecutionPolicy): TaskSet {
    const { accounting, runner } = this.#options;
    const metrics = new UnitMetrics(accounting, name);
    return new TaskSet(unit, execution, metrics, (task) => runner.start(task));
  }
}

function clearLunsChanged(node: TargetNode, nexus: ITNexus): void {
  for (const { unit } of node.allTaskSets) unit.clearUnitAttention(nexus, Asc.reportedLunsDataHasChanged);
}

/** Blocks with protection information are served by a device type of their own. */
function deviceTypeNameOf({ protectionType }: DiskLunConfig): DeviceTypeName {
  return protectionType === undefined ? 'disk' : 'protectedDisk';
}

/** How the store is seen. What is not said follows from the store: it is thin when it can give space back and has given some. */
export function shapeOf(lun: DiskLunConfig, store: BackingStore, limits: Limits): MediumShape {
  const thin = store.provisioning !== null && (lun.thin ?? store.sparse);
  return {
    blockLengthBytes: lun.blockLengthBytes,
    readOnly: lun.readOnly,
    transferLengthBytesMax: limits.transferLengthBytesMax,
    writeSameLengthBytesMax: limits.writeSameLengthBytesMax,
    unmapLengthBytesMax: limits.unmapLengthBytesMax,
    unmapDescriptorCountMax: limits.unmapDescriptorCountMax,
    thin,
    ...(lun.physicalBlockLengthBytes === undefined ? {} : { physicalBlockLengthBytes: lun.physicalBlockLengthBytes }),
    ...(lun.protectionType === undefined ? {} : { protectionType: lun.protectionType }),
  };
}

export function normalizeTargetName(name: string): string {
  return normalizeIscsiName(name) ?? name;
}

/** Names that stay the same over restarts: they follow from the target's name and the LUN unless they are given, or the device has some of its own. */
export function identityOf(
  targetName: string,
  lun: Pick<LunConfig, 'lun' | 'serial' | 'vendor' | 'product' | 'naa'>,
  own: Partial<LogicalUnitIdentity> = {},
): LogicalUnitIdentity {
  const naa = lun.naa ?? own.naa ?? deriveNaa(targetName, lun.lun, lun.serial ?? '');
  return {
    vendor: lun.vendor ?? own.vendor ?? VENDOR,
    product: lun.product ?? own.product ?? PRODUCT,
    revision: own.revision ?? REVISION,
    serial: lun.serial ?? own.serial ?? naa.toUpperCase(),
    naa,
  };
}
