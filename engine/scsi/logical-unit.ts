import type { DeviceType } from './command-table.js';
import type { FirstAttention, ITNexus } from './it-nexus.js';
import type { Medium } from './medium.js';

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

/** The LUNs of a target, for REPORT LUNS. */
export interface LunInventory {
  readonly luns: () => readonly number[];
}

export interface UnitAttention {
  readonly asc: number;
}

/** More pending unit attentions of one nexus than this collapse into the oldest ones: the queue must be bounded. */
const UNIT_ATTENTION_COUNT_MAX = 8;

/**
 * A logical unit's state on the main thread. Medium commands do not see it: they get its `Medium`, on any thread.
 */
export class LogicalUnit {
  readonly handle: number;
  readonly lun: number;
  readonly deviceType: DeviceType;
  readonly medium: Medium | null;
  readonly identity: LogicalUnitIdentity;
  readonly inventory: LunInventory;
  /** START STOP UNIT with START=0 stops the unit: media commands answer NOT READY. SBC-3 §5.25. */
  stopped = false;
  readonly #unitAttentions = new Map<number, UnitAttention[]>();

  constructor(options: { handle: number; lun: number; deviceType: DeviceType; medium: Medium | null; identity: LogicalUnitIdentity; inventory: LunInventory }) {
    this.handle = options.handle;
    this.lun = options.lun;
    this.deviceType = options.deviceType;
    this.medium = options.medium;
    this.identity = options.identity;
    this.inventory = options.inventory;
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

  /** Forgets what was pending for a nexus that is gone. */
  forgetNexus(nexusId: number): void {
    this.#unitAttentions.delete(nexusId);
  }
}
