import { CommandFlag } from '../shm/layout.js';
import type { CommandGate } from './command-gate.js';
import type { DeviceType } from './command-table.js';
import type { FirstAttention, ITNexus } from './it-nexus.js';
import type { Medium } from './medium.js';
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
  /** NAA designator, 16 hex digits; `deriveNaa` makes one. SPC-4 "NAA designator format". */
  readonly naa: string;
}

export interface UnitAttention {
  readonly asc: number;
}

/** How a logical unit comes to begin anew. SAM-5 "Logical unit reset" and "Power on". */
export type ResetCause = 'power-on' | 'logical-unit-reset';

/**
 * A piece of a logical unit's state with what it has to do when the unit is reset or a nexus is lost: mode pages, reservations, a sanitize.
 * `unit.part(Kind)` makes it with its first use; a device type names those that have to be there from the start.
 */
export interface UnitPart {
  /** Logical unit reset: what does not outlive it goes. */
  onReset?(cause: ResetCause): void;
  /** The I_T nexus is no more: its session has ended, or it was reset. */
  onNexusLost?(nexus: ITNexus): void;
  /** The medium was loaded, removed or resized: `unit.medium` is the new one. */
  onMediumChanged?(): void;
}
export type UnitPartKind<T extends UnitPart> = new (unit: LogicalUnit) => T;

/** More pending unit attentions of one nexus than this collapse into the oldest ones: the queue must be bounded. */
const UNIT_ATTENTION_COUNT_MAX = 8;

export interface LogicalUnitOptions {
  readonly handle: number;
  readonly lun: number;
  readonly deviceType: DeviceType;
  readonly medium: Medium | null;
  readonly identity: LogicalUnitIdentity;
  /** What is around it; a unit without one stands alone. */
  readonly host?: LogicalUnitHost;
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
  readonly #gates: CommandGate[] = [];
  readonly #parts = new Map<UnitPartKind<UnitPart>, UnitPart>();
  readonly #unitAttentions = new Map<number, UnitAttention[]>();

  constructor(options: LogicalUnitOptions) {
    this.handle = options.handle;
    this.lun = options.lun;
    this.deviceType = options.deviceType;
    this.#medium = options.medium;
    this.identity = options.identity;
    this.host = options.host ?? soleUnitHost;
    this.removable = options.removable ?? false;
    for (const kind of this.deviceType.parts ?? []) this.part(kind);
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
  part<T extends UnitPart>(kind: UnitPartKind<T>): T {
    const present = this.#parts.get(kind);
    if (present !== undefined) return present as T;
    const made = new kind(this);
    this.#parts.set(kind, made);
    return made;
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
    for (const part of this.#parts.values()) part.onReset?.(cause);
  }

  /** Queues a unit attention condition for one nexus, SAM-5 §5.14. Repeats are dropped. */
  establishUnitAttention(nexusId: number, asc: number): void {
    const pending = this.#unitAttentions.get(nexusId);
    if (pending === undefined) {
      this.#unitAttentions.set(nexusId, [{ asc }]);
      return;
    }
    if (pending.length < UNIT_ATTENTION_COUNT_MAX && !pending.some((attention) => attention.asc === asc)) pending.push({ asc });
  }

  /** True on the fast path: nothing is pending for any nexus, and this one has been told what it is told first. */
  hasNoUnitAttention(nexus: ITNexus): boolean {
    return this.#unitAttentions.size === 0 && this.#firstAttentionOf(nexus) === undefined;
  }

  #firstAttentionOf({ firstAttention }: ITNexus): FirstAttention | undefined {
    return firstAttention === undefined || firstAttention.toldHandles.has(this.handle) ? undefined : firstAttention;
  }

  /** Removes and answers the oldest pending condition of the nexus. */
  takeUnitAttention(nexus: ITNexus): UnitAttention | undefined {
    const firstOfAll = this.#firstAttentionOf(nexus);
    if (firstOfAll !== undefined) {
      firstOfAll.toldHandles.add(this.handle);
      return firstOfAll;
    }
    const pending = this.#unitAttentions.get(nexus.id);
    const first = pending?.shift();
    if (pending !== undefined && pending.length === 0) this.#unitAttentions.delete(nexus.id);
    return first;
  }

  /** The conditions of the nexus, oldest first, which stay pending. */
  pendingUnitAttentions(nexus: ITNexus): readonly UnitAttention[] {
    const firstOfAll = this.#firstAttentionOf(nexus);
    return [...(firstOfAll === undefined ? [] : [firstOfAll]), ...(this.#unitAttentions.get(nexus.id) ?? [])];
  }

  /** Removes one pending condition of the nexus, for a command that reports what the condition stands for. */
  clearUnitAttention(nexus: ITNexus, asc: number): void {
    if (nexus.firstAttention?.asc === asc) nexus.firstAttention.toldHandles.add(this.handle);
    const pending = this.#unitAttentions.get(nexus.id);
    if (pending === undefined) return;
    const remaining = pending.filter((attention) => attention.asc !== asc);
    if (remaining.length === 0) this.#unitAttentions.delete(nexus.id);
    else this.#unitAttentions.set(nexus.id, remaining);
  }

  /** Queues a unit attention condition for every nexus that is there and sees the unit, but for `except`. */
  tellNexuses(asc: number, except?: ITNexus): void {
    for (const nexus of this.host.nexusesOf(this.lun)) if (nexus.id !== except?.id) this.establishUnitAttention(nexus.id, asc);
  }

  /** The nexus is gone: what was pending for it is forgotten. SAM-5 "I_T nexus loss". */
  loseNexus(nexus: ITNexus): void {
    this.#unitAttentions.delete(nexus.id);
    for (const part of this.#parts.values()) part.onNexusLost?.(nexus);
  }
}
