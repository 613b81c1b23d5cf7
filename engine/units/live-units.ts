import type { Clock } from '../clock.js';
import { formatByteSize } from '../config/byte-size.js';
import { documentOf, readConfigDocument } from '../config/config-document.js';
import type { DiskLunConfig, EngineConfig, LunConfig, StoreConfig } from '../config/engine-config.js';
import { lunDocumentOf } from '../config/lun-document.js';
import { ConfigError, locateProblem } from '../config/problem.js';
import { showLunText } from '../config/store-text.js';
import type { DeviceOperation } from '../devices/device-kind.js';
import { assert, TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { type AccessStateName, accessStateName, settableAccessStates } from '../scsi/alua/access-state.js';
import { Asc } from '../scsi/sense.js';
import { MediumRemoval } from '../scsi/spc/medium-removal.js';
import type { BackingStore } from '../store/store.js';
import { closeLuns, type OpenLunsContext, openLun } from './open-luns.js';
import type { ServedDisk, ServedTarget, ServedUnit } from './served-target.js';
import type { UnitBuilder } from './unit-builder.js';
import { UnitMediumChange } from './unit-medium-change.js';
import { type PortGroupStatus, type TargetUnits, unitStatusOf } from './unit-status.js';

export interface LiveUnitsOptions {
  readonly config: EngineConfig;
  readonly limits: Limits;
  readonly builder: UnitBuilder;
  readonly clock: Clock;
  readonly opening: OpenLunsContext;
  readonly targets: readonly ServedTarget[];
}

/**
 * What an operator may ask of the logical units of a running engine. Targets are known by their names, units by their LUNs. Changes hold until the engine
 * stops: the configuration that it was started with is not written. One change of a unit at a time, the next is refused with `LUN_BUSY`. All throw
 * `TargetError` `TARGET_UNKNOWN` and `LUN_UNKNOWN`.
 */
export class LiveUnits {
  readonly #options: LiveUnitsOptions;
  /** Units that are being changed. */
  readonly #busy = new Map<ServedUnit, Promise<void>>();
  #isStopping = false;

  constructor(options: LiveUnitsOptions) {
    this.#options = options;
  }

  /** All that is served, by target and LUN. */
  list(): TargetUnits[] {
    const { config, targets } = this.#options;
    return targets.map((target) => ({
      name: target.name,
      luns: target.units.map((served) => unitStatusOf(served, config)),
      portGroups: target.portGroups.groups.map(
        ({ id, ports, state, isPreferred }): PortGroupStatus => ({ id, portals: ports, state: accessStateName(state), preferred: isPreferred }),
      ),
    }));
  }

  /**
   * Serves one more LUN. `lun` is what would stand in the configuration file, or a `LunConfig`; relative paths of files start at the working directory of
   * the process. Initiators that may see it are told that the LUNs have changed. Throws `ConfigError`, `LUN_EXISTS`, and `TargetError` `STORE_…`.
   */
  async add(targetName: string, lun: LunConfig | Readonly<Record<string, unknown>>): Promise<LunConfig> {
    const target = this.#targetOf(targetName);
    if (target.find(lun.lun as number) !== undefined) throw new TargetError('LUN_EXISTS', `${target.name} has a LUN ${lun.lun} already`);
    if (this.#isStopping) throw new TargetError('LUN_BUSY', 'the engine is being stopped');
    const isConfig = 'blockLengthBytes' in lun || 'device' in lun;
    const config = this.#complete(target, isConfig ? lunDocumentOf(lun as LunConfig) : (lun as Readonly<Record<string, unknown>>));
    const open = await openLun(config, { ...this.#options.opening, targetName: target.name });
    let served: ServedUnit;
    try {
      // While it was opened, another may have taken its place.
      if (target.find(config.lun) !== undefined) throw new TargetError('LUN_EXISTS', `${target.name} has a LUN ${config.lun} already`);
      served = this.#options.builder.buildUnit(target, open);
    } catch (error) {
      await closeLuns([open]).catch(() => undefined);
      throw error;
    }
    await this.#announce(target, served);
    // The unit itself is new to all of them: it has its power on to tell, by the first unit attention of their nexuses.
    this.#tellLunsChanged(target, config.lun, served);
    return served.config;
  }

  /** A unit that finds that it does not belong to its target goes again, before anybody has been told of it. */
  async #announce(target: ServedTarget, served: ServedUnit): Promise<void> {
    try {
      await served.unit.announceTarget();
    } catch (error) {
      target.remove(served);
      served.unit.retire();
      await served.host.close();
      forget(served, target);
      await closeLuns([served]).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Takes a LUN away. At once initiators find no unit there and are told that the LUNs have changed; commands that the unit has get `drainMsMax` to end,
   * then they are aborted. Resolves when the store is closed. Rejects with `STORE_FLUSH_FAILED` when what was acknowledged may be lost.
   */
  async remove(targetName: string, lun: number): Promise<void> {
    const target = this.#targetOf(targetName);
    const served = this.#unitOf(target, lun);
    await this.#exclusively(served, async (change) => {
      // Before it goes: who could see it is told.
      this.#tellLunsChanged(target, lun);
      target.remove(served);
      await change.drain({ abort: true });
      served.unit.retire();
      // Work in the background has no end that could be waited for.
      await served.host.close();
      if (served.device === null) await served.host.media.release(served.medium);
      forget(served, target);
      await closeLuns([served]);
    });
  }

  /**
   * Gives a LUN another size, a multiple of its block length. Its initiators are told that the capacity has changed. A smaller size is refused unless
   * `force` says that what lies behind it may be lost. Rejects with `CONFIG_INVALID`, `LUN_SHRINKS`, `LUN_BUSY`, `LUN_EJECTED` and `STORE_…`.
   */
  async resize(targetName: string, lun: number, sizeBytes: number, { force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const target = this.#targetOf(targetName);
    const served = diskOf(this.#unitOf(target, lun));
    const config = withSize(served.config, served.store, sizeBytes);
    this.#complete(target, lunDocumentOf(config), lun);
    if (served.unit.medium === null) throw new TargetError('LUN_EJECTED', `LUN ${lun} has no medium now; load it first`);
    if (sizeBytes < served.store.sizeBytes && !force) {
      throw new TargetError(
        'LUN_SHRINKS',
        `LUN ${lun} has ${formatByteSize(served.store.sizeBytes)}; a smaller size loses what lies behind it and has to be forced`,
      );
    }
    if (sizeBytes === served.store.sizeBytes) return;
    await this.#exclusively(served, async (change) => {
      await change.resize(served, sizeBytes);
      served.config = config;
      served.unit.tellNexuses(Asc.capacityDataHasChanged);
    });
  }

  /**
   * Takes the medium of a removable unit out, as its button would; without effect when there is none. Throws `LUN_NOT_REMOVABLE`, and `LUN_PREVENTED` when an
   * initiator wants it to stay, unless forced.
   */
  async eject(targetName: string, lun: number, { force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const served = this.#removableOf(targetName, lun);
    if (served.device !== null) {
      await this.operate(targetName, lun, 'eject', force ? ['force'] : []);
      return;
    }
    const { unit, store } = served;
    const removal = unit.part(MediumRemoval);
    if (removal.isPrevented && !force) throw new TargetError('LUN_PREVENTED', `an initiator prevents the removal of the medium of LUN ${lun}`);
    if (!store.readOnly && store.flush() < 0) throw new TargetError('STORE_FLUSH_FAILED', `LUN ${lun} could not be flushed; its medium stays`);
    removal.eject();
  }

  /** Puts the medium of a removable unit in again; its initiators are told that it may have changed. Throws `LUN_NOT_REMOVABLE`. */
  async load(targetName: string, lun: number): Promise<void> {
    const { unit, device } = this.#removableOf(targetName, lun);
    if (device !== null) await this.operate(targetName, lun, 'load', []);
    else if (unit.part(MediumRemoval).load()) unit.tellNexuses(Asc.mediumMayHaveChanged);
  }

  /**
   * Asks a device for something that its kind can do: `name` is one of its operations. Resolves with what is to be shown. Rejects with `OPERATION_UNKNOWN`,
   * and what the device refuses with.
   */
  async operate(targetName: string, lun: number, name: string, args: readonly string[]): Promise<unknown> {
    const { device, config } = this.#unitOf(this.#targetOf(targetName), lun);
    const operations: Readonly<Record<string, DeviceOperation>> = device?.operations ?? {};
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation !== undefined) return operation.run(args);
    const known = Object.entries(operations).map(([each, { usage }]) => operationText(each, usage));
    const text = `LUN ${lun} is ${showLunText(config)}, which has no operation ${JSON.stringify(name)}`;
    throw new TargetError('OPERATION_UNKNOWN', known.length === 0 ? text : `${text}; it has ${known.join('; ')}`);
  }

  /**
   * Changes the access state of a target port group, which is an implicit transition to initiators: for `transitionMs` the group is transitioning. Throws
   * `PORT_GROUP_UNKNOWN`, and `PORT_GROUP_TIME` for more than `accessTransitionMsMax`.
   */
  setAccessState(targetName: string, groupId: number, state: AccessStateName, transitionMs = 0): void {
    const { portGroups, name } = this.#targetOf(targetName);
    if (portGroups.find(groupId) === undefined) {
      const known = portGroups.groups.map(({ id }) => id).join(', ');
      throw new TargetError('PORT_GROUP_UNKNOWN', `${name} has no target port group ${groupId}; it has ${known}`);
    }
    if (!Number.isInteger(transitionMs) || transitionMs < 0 || transitionMs > portGroups.transitionMsMax) {
      throw new TargetError('PORT_GROUP_TIME', `a transition takes 0 to ${portGroups.transitionMsMax} milliseconds, not ${transitionMs}`);
    }
    portGroups.setImplicitly(groupId, settableAccessStates[state], transitionMs);
  }

  /** The engine stops: no change begins any more. Resolves when those that had begun have ended, for which commands must end too. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#busy.values());
  }

  #targetOf(targetName: string): ServedTarget {
    const { targets } = this.#options;
    const target = targets.find(({ name }) => name === targetName.toLowerCase()) ?? targets.find(({ name }) => name === targetName);
    if (target === undefined)
      throw new TargetError('TARGET_UNKNOWN', `there is no target named ${targetName}; there is ${targets.map(({ name }) => name).join(', ')}`);
    return target;
  }

  #unitOf(target: ServedTarget, lun: number): ServedUnit {
    const served = target.find(lun);
    if (served === undefined) throw new TargetError('LUN_UNKNOWN', `there is no LUN ${lun} of ${target.name}`);
    return served;
  }

  #removableOf(targetName: string, lun: number): ServedUnit {
    const served = this.#unitOf(this.#targetOf(targetName), lun);
    if (!served.unit.removable) throw new TargetError('LUN_NOT_REMOVABLE', `LUN ${lun} is not removable`);
    return served;
  }

  async #exclusively(served: ServedUnit, run: (change: UnitMediumChange) => Promise<void>): Promise<void> {
    const { lun } = served.config;
    if (this.#isStopping || this.#busy.has(served)) throw new TargetError('LUN_BUSY', `LUN ${lun} is being ${this.#isStopping ? 'closed' : 'changed'} already`);
    const changed = run(new UnitMediumChange(served, this.#options));
    this.#busy.set(served, changed);
    try {
      await changed;
    } finally {
      this.#busy.delete(served);
    }
  }

  /** Holds a LUN against the rules of the file and all that is served now, but for the one that it takes the place of. */
  #complete(target: ServedTarget, raw: Readonly<Record<string, unknown>>, replaced?: number): LunConfig {
    const { config, targets } = this.#options;
    const others = targets.filter((other) => other !== target && other.units.length > 0).map(({ currentConfig }) => currentConfig);
    const own = { ...target.currentConfig, luns: target.currentConfig.luns.filter(({ lun }) => lun !== replaced) };
    // Rules about initiators may name LUNs that have gone for now, and have been judged when the engine started.
    const document = documentOf({ ...config, insecure: true, targets: [own, ...others].map(({ access: _access, ...rest }) => rest) });
    const [ownDocument, ...otherDocuments] = document['targets'] as Record<string, unknown>[];
    const luns = ownDocument?.['luns'] as unknown[];
    const path = ['targets', 0, 'luns', luns.length];
    const read = readConfigDocument({ ...document, targets: [{ ...ownDocument, luns: [...luns, raw] }, ...otherDocuments] }, process.cwd());
    if (read.config === null) {
      const origin = { kind: 'option', option: `LUN ${String(raw['lun'] ?? '')}`.trim(), depth: path.length } as const;
      throw new ConfigError(read.problems.map((problem) => locateProblem(problem, origin)));
    }
    const complete = read.config.targets[0]?.luns.at(-1);
    assert(complete !== undefined, 'the LUN that was put last comes last');
    return complete;
  }

  /** REPORTED LUNS DATA HAS CHANGED at every unit of who sees the LUN; REPORT LUNS at one of them clears it at all. SPC-4 "REPORT LUNS command". */
  #tellLunsChanged({ node }: ServedTarget, lun: number, except?: ServedUnit): void {
    for (const { nexus, target } of node.seats) {
      if (target?.hasLun(lun) !== true) continue;
      for (const { unit } of target.allTaskSets) {
        if (unit !== except?.unit) unit.establishUnitAttention(nexus.id, Asc.reportedLunsDataHasChanged);
      }
    }
  }
}

/** `delay MILLISECONDS (before each command is carried)`, on one line as all messages are. */
function operationText(name: string, usage: string): string {
  const [args = '', what = ''] = usage.split(/ {2,}/, 2);
  return `${name} ${args}`.trim() + (what === '' ? '' : ` (${what})`);
}

/** The store of a LUN with another size: a `size` where a file has none of its own says what it has to have. */
function withSize(config: DiskLunConfig, store: BackingStore, sizeBytes: number): DiskLunConfig {
  if (!Number.isInteger(sizeBytes) || sizeBytes <= 0) throw new TargetError('CONFIG_INVALID', `expected a size in bytes, not ${sizeBytes}`);
  if (sizeBytes % config.blockLengthBytes !== 0) {
    throw new TargetError('CONFIG_INVALID', `LUN ${config.lun}: expected a multiple of its block size of ${config.blockLengthBytes} bytes, not ${sizeBytes}`);
  }
  assert(store.sizeBytes > 0, 'a store has a size');
  return { ...config, store: { ...config.store, sizeBytes } satisfies StoreConfig };
}

/** What was kept for the unit elsewhere: histograms, and which nexuses it has told of its power on. */
function forget({ unit, taskSet }: ServedUnit, { node }: ServedTarget): void {
  taskSet.metrics.release();
  for (const { nexus } of node.seats) nexus.firstAttention?.toldHandles.delete(unit.handle);
}

/** Throws `LUN_NOT_A_DISK`. */
function diskOf(served: ServedUnit): ServedDisk {
  if (served.device === null) return served;
  throw new TargetError('LUN_NOT_A_DISK', `LUN ${served.config.lun} is ${showLunText(served.config)}, which has no size to change`);
}
