import type { EngineConfig, LunConfig, TargetConfig } from '../config/engine-config.js';
import { portalGroupTagOf } from '../config/portal.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { Limits } from '../limits.js';
import { normalizeIscsiName } from '../login/index.js';
import type { StageAccounting } from '../metrics/stage-accounting.js';
import { UnitMetrics } from '../metrics/unit-metrics.js';
import { WELL_KNOWN_REPORT_LUNS } from '../pdu/index.js';
import { settableAccessStates } from '../scsi/alua/access-state.js';
import { type After, TargetPortGroups } from '../scsi/alua/target-port-groups.js';
import { CopyDomain } from '../scsi/copy/copy-domain.js';
import { type DeviceTypeName, deviceTypes } from '../scsi/device-types.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import { type ExecutionPolicy, LogicalUnit, type LogicalUnitIdentity } from '../scsi/logical-unit.js';
import { Medium, type MediumShape } from '../scsi/medium.js';
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
import { ServedTarget, type ServedUnit } from './served-target.js';
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

  /** `stores` are those of `openStores`. */
  buildTarget(config: TargetConfig, stores: ReadonlyMap<LunConfig, BackingStore>): ServedTarget {
    const name = normalizeTargetName(config.name);
    const portGroups = this.#makePortGroups(config);
    const host = { ...soleUnitHost, luns: () => node.luns, onLunsReported: (nexus: ITNexus) => clearLunsChanged(node, nexus), portGroups };
    const identity = identityOf(name, { lun: 0 });
    const absentUnit = new LogicalUnit({ handle: 0, lun: 0, deviceType: deviceTypes.absent, medium: null, identity, host });
    const wellKnown = { handle: this.#nextHandle++, lun: WELL_KNOWN_REPORT_LUNS, deviceType: deviceTypes.reportLunsUnit, medium: null, identity, host };
    const node: TargetNode = new TargetNode({
      name,
      alias: config.alias,
      portalGroupTags: config.portalGroupTags,
      taskSets: [],
      absent: this.#makeTaskSet(absentUnit, name, 'inline'),
      wellKnown: [this.#makeTaskSet(new LogicalUnit(wellKnown), name, 'inline')],
    });
    const target = new ServedTarget(name, config, node, portGroups);
    for (const lun of config.luns) this.buildUnit(target, lun, stores.get(lun) as BackingStore);
    return target;
  }

  /** A logical unit over an open store, in its place. */
  buildUnit(target: ServedTarget, config: LunConfig, store: BackingStore): ServedUnit {
    const { slots, arena, dispatcher, runner, onDefect, stateOf, after, limits } = this.#options;
    const { name, portGroups } = target;
    const host = new EngineUnitHost({
      slots,
      arena,
      dispatcher,
      runner,
      onDefect,
      state: stateOf(name, config.lun),
      portGroups,
      limits,
      copies: this.#copies,
      after,
    });
    const medium = this.attachMedium(config, store);
    const unit = this.#makeUnit(name, config, medium, host);
    const taskSet = this.#makeTaskSet(unit, name, config.execution ?? this.#options.config.execution);
    host.bindTaskSet(taskSet);
    unit.part(SpaceThreshold).configure({ percent: config.thresholdPercent ?? null, after });
    const served: ServedUnit = { config, store, medium, unit, taskSet, host };
    target.add(served);
    return served;
  }

  /** What a unit finds of itself in its kept state may be no good: then there is none. Throws `TargetError` `STATE_…`. */
  #makeUnit(targetName: string, config: LunConfig, medium: Medium, host: EngineUnitHost): LogicalUnit {
    const { lun, removable = false } = config;
    try {
      const identity = identityOf(targetName, config);
      return new LogicalUnit({ handle: this.#nextHandle++, lun, deviceType: deviceTypes[deviceTypeNameOf(config)], medium, identity, host, removable });
    } catch (error) {
      this.#options.dispatcher.detach(medium.handle);
      throw error;
    }
  }

  /** A store as the medium of a LUN, known to all workers. */
  attachMedium(lun: LunConfig, store: BackingStore): Medium {
    const { dispatcher, limits } = this.#options;
    const shape = shapeOf(lun, store, limits);
    const medium = new Medium(store, shape, this.#nextHandle++);
    dispatcher.attach({ handle: medium.handle, deviceTypeName: deviceTypeNameOf(lun), store: store.descriptor, shape });
    return medium;
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

  #makeTaskSet(unit: LogicalUnit, targetName: string, execution: ExecutionPolicy): TaskSet {
    const { accounting, runner } = this.#options;
    const metrics = new UnitMetrics(accounting, { targetName, lun: unit.deviceType.modes === undefined ? null : unit.lun });
    return new TaskSet(unit, execution, metrics, (task) => runner.start(task));
  }
}

function clearLunsChanged(node: TargetNode, nexus: ITNexus): void {
  for (const { unit } of node.allTaskSets) unit.clearUnitAttention(nexus, Asc.reportedLunsDataHasChanged);
}

/** Blocks with protection information are served by a device type of their own. */
function deviceTypeNameOf({ protectionType }: LunConfig): DeviceTypeName {
  return protectionType === undefined ? 'disk' : 'protectedDisk';
}

/** How the store is seen. What is not said follows from the store: it is thin when it can give space back and has given some. */
export function shapeOf(lun: LunConfig, store: BackingStore, limits: Limits): MediumShape {
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

/** Names that stay the same over restarts: they follow from the target's name and the LUN unless they are given. */
export function identityOf(targetName: string, lun: Pick<LunConfig, 'lun' | 'serial' | 'vendor' | 'product' | 'naa'>): LogicalUnitIdentity {
  const naa = lun.naa ?? deriveNaa(targetName, lun.lun, lun.serial ?? '');
  return { vendor: lun.vendor ?? VENDOR, product: lun.product ?? PRODUCT, revision: REVISION, serial: lun.serial ?? naa.toUpperCase(), naa };
}
