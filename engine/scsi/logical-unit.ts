import { assert } from '../errors.js';
import { CommandFlag } from '../shm/layout.js';
import type { CommandGate } from './command-gate.js';
import type { DeviceType } from './command-table.js';
import type { ITNexus } from './it-nexus.js';
import type { MediaDrive } from './media-drive.js';
import type { Medium } from './medium.js';
import type { SenseDetails } from './sense.js';
import { Asc, SenseKey } from './sense-codes.js';
import { type UnitAttention, UnitAttentions } from './unit-attentions.js';
import { type LogicalUnitHost, soleUnitHost } from './unit-host.js';

/** Where medium commands of a logical unit run. */
export type ExecutionPolicy = 'inline' | 'pool' | 'auto';

export interface LogicalUnitIdentity {
  /** T10 vendor identification, at most 8 ASCII characters. */
  readonly vendor: string;
  /** Product identification, at most 16 ASCII characters. */
  readonly product: string;
  /** Product revision level, at most 4 ASCII characters. */
  readonly revision: string;
  /** Unit serial number, printable ASCII, at most 64 characters. */
  readonly serial: string;
  /** NAA designator, 16 or 32 hex digits; `deriveNaa` makes one. SPC-4 "NAA designator format". */
  readonly naa: string;
}

/** How a logical unit comes to begin anew. SAM-5 "Logical unit reset" and "Power on". */
export type ResetCause = 'power-on' | 'logical-unit-reset';

/** What REQUEST SENSE tells of a unit for as long as it lasts: why it is not ready, or which power condition it is in. */
export interface UnitCondition {
  readonly key: SenseKey;
  readonly asc: number;
  readonly details?: SenseDetails;
}

const mediumNotPresent: UnitCondition = { key: SenseKey.notReady, asc: Asc.mediumNotPresent };
const unitStopped: UnitCondition = { key: SenseKey.notReady, asc: Asc.logicalUnitStopped };

/**
 * A piece of a logical unit's state with what it has to do when the unit is reset or a nexus is lost: mode pages, reservations, a sanitize.
 * `unit.part(Kind)` makes it with its first use; a device type names those that have to be there from the start.
 */
export interface UnitPart {
  /** It was given to the unit when that was made: what it is a part of. */
  onAttached?(unit: LogicalUnit): void;
  /** All logical units that the target starts with are there, or the unit has joined them. */
  onTargetBuilt?(): void | Promise<void>;
  /** Logical unit reset: what does not outlive it goes. A promise, which must not reject, is for what takes time: the answer to the reset waits for it. */
  onReset?(cause: ResetCause): void | Promise<void>;
  /** The I_T nexus is no more: its session has ended, or it was reset. */
  onNexusLost?(nexus: ITNexus): void;
  /** The ACA condition of that nexus has ended, and nothing of what it blocked goes on yet. */
  onAcaCleared?(nexus: ITNexus): void;
  /** The medium was loaded, removed or resized: `unit.medium` is the new one. */
  onMediumChanged?(): void;
  /** The unit is taken away from its target for good: what it watches or does in the background ends. */
  onRemoved?(): void;
  /** What REQUEST SENSE is to tell now of this part, and does not clear. */
  condition?(): UnitCondition | undefined;
}
export type UnitPartKind<T extends object> = new (unit: LogicalUnit) => T;

export interface LogicalUnitOptions {
  readonly handle: number;
  readonly lun: number;
  readonly deviceType: DeviceType;
  readonly medium: Medium | null;
  readonly identity: LogicalUnitIdentity;
  /** What is around it; a unit without one stands alone. */
  readonly host?: LogicalUnitHost;
  /** Parts that a device brings along: `givenPart` finds each by its class. */
  readonly parts?: readonly UnitPart[];
  /** The medium can be taken out, SPC-4 "Standard INQUIRY data", RMB. */
  readonly removable?: boolean;
}

/**
 * A logical unit's state on the main thread. Medium commands do not see it: they get its `Medium`, on any thread.
 */
export class LogicalUnit {
  readonly handle: number;
  readonly lun: number;
  readonly deviceType: DeviceType;
  readonly identity: LogicalUnitIdentity;
  readonly host: LogicalUnitHost;
  readonly removable: boolean;
  #medium: Medium | null;
  /** START STOP UNIT with START=0 stops the unit: media commands answer NOT READY. SBC-3 §5.25. */
  stopped = false;
  /** SWP of the Control mode page. */
  softwareWriteProtected = false;
  /** `CommandFlag` bits that every command gets: D_SENSE, and a write cache that was turned off. */
  commandFlags = 0;
  /** Called after every command, when somebody watches the space of the medium; null while nobody does. */
  onMediumCommand: (() => void) | null = null;
  /** Of a drive: how media changers and operators put media in. Set by the part that is the drive. */
  mediaDrive: MediaDrive | null = null;
  readonly #gates: CommandGate[] = [];
  readonly #parts = new Map<UnitPartKind<object>, UnitPart>();
  readonly #unitAttentions: UnitAttentions;
  readonly #resetWork: Promise<void>[] = [];

  constructor(options: LogicalUnitOptions) {
    this.handle = options.handle;
    this.#unitAttentions = new UnitAttentions(options.handle);
    this.lun = options.lun;
    this.deviceType = options.deviceType;
    this.#medium = options.medium;
    this.identity = options.identity;
    this.host = options.host ?? soleUnitHost;
    this.removable = options.removable ?? false;
    for (const part of options.parts ?? []) this.#parts.set(part.constructor as UnitPartKind<object>, part);
    for (const part of options.parts ?? []) part.onAttached?.(this);
    for (const kind of this.deviceType.parts ?? []) this.part(kind);
  }

  /** Why there is no medium to work with, or null. SBC-3 "Medium" and "START STOP UNIT command". */
  get mediumCondition(): UnitCondition | null {
    if (this.#medium !== null) return this.stopped ? unitStopped : null;
    return this.deviceType.readiness === undefined ? mediumNotPresent : this.deviceType.readiness(this);
  }

  get medium(): Medium | null {
    return this.#medium;
  }

  /** The medium was loaded, removed or resized. */
  changeMedium(medium: Medium | null): void {
    this.#medium = medium;
    for (const part of this.#parts.values()) part.onMediumChanged?.();
  }

  /** The part of this kind, made now if it was not there. */
  part<T extends object>(kind: UnitPartKind<T>): T {
    const present = this.#parts.get(kind);
    if (present !== undefined) return present as T;
    const made = new kind(this);
    this.#parts.set(kind, made);
    return made;
  }

  /** The part of this class that the device of the unit has brought along. */
  givenPart<T extends object>(kind: abstract new (...args: never[]) => T): T {
    const given = this.#parts.get(kind as unknown as UnitPartKind<object>);
    assert(given !== undefined, `the unit has no ${kind.name}`);
    return given as T;
  }

  /** All units that the target starts with are there. */
  async announceTarget(): Promise<void> {
    for (const part of this.#parts.values()) await part.onTargetBuilt?.();
  }

  /** What the parts have to say to REQUEST SENSE now, in no order. */
  conditions(): UnitCondition[] {
    return Array.from(this.#parts.values(), (part) => part.condition?.()).filter((condition) => condition !== undefined);
  }

  /** What may keep commands from running, by rank. Mostly there is none. */
  get gates(): readonly CommandGate[] {
    return this.#gates;
  }

  /** From now on the gate is asked about every command. */
  addGate(gate: CommandGate): void {
    if (this.#gates.includes(gate)) return;
    this.#gates.push(gate);
    this.#gates.sort((one, other) => one.rank - other.rank);
  }

  removeGate(gate: CommandGate): void {
    const at = this.#gates.indexOf(gate);
    if (at !== -1) this.#gates.splice(at, 1);
  }

  setCommandFlag(flag: CommandFlag, isSet: boolean): void {
    this.commandFlags = isSet ? this.commandFlags | flag : this.commandFlags & ~flag;
  }

  /** Sense data has the descriptor format, D_SENSE of the Control mode page. */
  get descriptorSense(): boolean {
    return (this.commandFlags & CommandFlag.descriptorSense) !== 0;
  }

  /** SAM-5 "Logical unit reset": its tasks have been stopped; unit attentions are the caller's. */
  reset(cause: ResetCause): void {
    this.stopped = false;
    for (const part of this.#parts.values()) {
      const work = part.onReset?.(cause);
      if (work !== undefined) this.#resetWork.push(work);
    }
  }

  /** What resets since the last call have still to do. */
  takeResetWork(): Promise<void>[] {
    return this.#resetWork.splice(0);
  }

  /** Queues a unit attention condition for one nexus, see `UnitAttentions`. SAM-5 §5.14. */
  establishUnitAttention(nexusId: number, asc: number): void {
    this.#unitAttentions.establish(nexusId, asc);
  }

  /** True on the fast path: nothing is pending for any nexus, and this one has been told what it is told first. */
  hasNoUnitAttention(nexus: ITNexus): boolean {
    return this.#unitAttentions.isClearFor(nexus);
  }

  /** Removes and answers the condition of the nexus that comes first. */
  takeUnitAttention(nexus: ITNexus): UnitAttention | undefined {
    return this.#unitAttentions.take(nexus);
  }

  /** The conditions of the nexus in the order in which they are reported, which stay pending. */
  pendingUnitAttentions(nexus: ITNexus): readonly UnitAttention[] {
    return this.#unitAttentions.pendingOf(nexus);
  }

  /** Removes one pending condition of the nexus, for a command that reports what the condition stands for. */
  clearUnitAttention(nexus: ITNexus, asc: number): void {
    this.#unitAttentions.clear(nexus, asc);
  }

  /** Queues a unit attention condition for every nexus that is there and sees the unit, but for `except`. */
  tellNexuses(asc: number, except?: ITNexus): void {
    for (const nexus of this.host.nexusesOf(this.lun)) if (nexus.id !== except?.id) this.establishUnitAttention(nexus.id, asc);
  }

  /** The nexus is gone: what was pending for it is forgotten. SAM-5 "I_T nexus loss". */
  loseNexus(nexus: ITNexus): void {
    this.#unitAttentions.forget(nexus);
    this.resetNexus(nexus);
  }

  /** I_T nexus reset: what the nexus had here is over. It is still there and has to be told what was pending, and of this: that is the caller's. */
  resetNexus(nexus: ITNexus): void {
    for (const part of this.#parts.values()) part.onNexusLost?.(nexus);
  }

  /** SAM-5 "Clearing an ACA condition": by whatever ended it. */
  tellAcaCleared(nexus: ITNexus): void {
    for (const part of this.#parts.values()) part.onAcaCleared?.(nexus);
  }

  /** The unit is no more. Its medium goes with it. */
  retire(): void {
    for (const part of this.#parts.values()) part.onRemoved?.();
    this.#medium = null;
  }
}
