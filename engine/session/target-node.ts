import { assert } from '../errors.js';
import { isWellKnownLun, LUN_MAX } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { TaskSet } from '../task/task-set.js';
import type { Session } from './session.js';

/** Of portals that nobody gave another: every session may use any of them. RFC 7143 §4.1. */
export const DEFAULT_PORTAL_GROUP_TAG = 1;

export interface TargetNodeOptions {
  readonly name: string;
  readonly alias?: string | undefined;
  readonly portalGroupTags?: readonly number[] | undefined;
  readonly taskSets: readonly TaskSet[];
  /** Answers for all LUNs that have no logical unit. */
  readonly absent: TaskSet;
  /** The well-known logical units that there are. */
  readonly wellKnown?: readonly TaskSet[];
}

/** The logical units of a target, which come and go while it is up. Shared by the target and by what restricted initiators see of it. */
interface Units {
  /** By LUN. */
  readonly byLun: (TaskSet | undefined)[];
  readonly wellKnown: readonly TaskSet[];
  readonly absent: TaskSet;
}

/** An I_T nexus with what it sees of the target. A session is one. */
export interface NexusSeat {
  readonly nexus: ITNexus;
  readonly target: TargetNode | null;
}

/** One iSCSI target node: its name, its logical units and its sessions. */
export class TargetNode {
  readonly name: string;
  readonly alias: string | undefined;
  /** Null when it is reached by all portal groups. */
  readonly #portalGroupTags: ReadonlySet<number> | null;
  /** Of the whole target, whatever each of them may see. */
  readonly sessions: Set<Session>;
  /** Nexuses of this process, which have no session. */
  readonly loopbacks: Set<NexusSeat>;
  /** The target with all its LUNs: itself unless it is what a restricted initiator sees. */
  readonly whole: TargetNode;
  readonly #units: Units;
  /** By LUN, those that may be seen, whether they have a logical unit now or not; null for all. */
  readonly #visible: readonly boolean[] | null;

  constructor(options: TargetNodeOptions, restriction?: { readonly whole: TargetNode; readonly luns: ReadonlySet<number> }) {
    this.name = options.name;
    this.alias = options.alias;
    this.#portalGroupTags = options.portalGroupTags === undefined ? null : new Set(options.portalGroupTags);
    this.whole = restriction?.whole ?? this;
    this.sessions = restriction?.whole.sessions ?? new Set();
    this.loopbacks = restriction?.whole.loopbacks ?? new Set();
    this.#visible = restriction === undefined ? null : visibleOf(restriction.luns);
    this.#units = restriction === undefined ? { byLun: [], wellKnown: options.wellKnown ?? [], absent: options.absent } : restriction.whole.#units;
    if (restriction === undefined) for (const taskSet of options.taskSets) this.addUnit(taskSet);
  }

  /** Every nexus of the whole target, whatever way it comes by. */
  get seats(): NexusSeat[] {
    return [...this.sessions, ...this.loopbacks];
  }

  /** The target as an initiator sees it that may see these LUNs only: for the others it finds what it finds where there is no unit. */
  restrictedTo(luns: ReadonlySet<number>): TargetNode {
    const portalGroupTags = this.#portalGroupTags === null ? undefined : [...this.#portalGroupTags];
    const { absent } = this.#units;
    const visible = this.#visible === null ? luns : new Set([...luns].filter((lun) => this.#mayBeSeen(lun)));
    return new TargetNode({ name: this.name, alias: this.alias, portalGroupTags, taskSets: [], absent }, { whole: this.whole, luns: visible });
  }

  /** A logical unit comes to the whole target: from now on commands to its LUN go to it. */
  addUnit(taskSet: TaskSet): void {
    const { lun } = taskSet.unit;
    assert(this.whole === this && this.#units.byLun[lun] === undefined, `LUN ${lun} has a logical unit already`);
    this.#units.byLun[lun] = taskSet;
  }

  /** The logical unit goes from the whole target: from now on commands find none at its LUN. Tasks that it has stay. */
  removeUnit(taskSet: TaskSet): void {
    assert(this.whole === this && this.#units.byLun[taskSet.unit.lun] === taskSet, 'a unit that is not there cannot go');
    this.#units.byLun[taskSet.unit.lun] = undefined;
  }

  /** In the order of their LUNs. */
  get taskSets(): readonly TaskSet[] {
    return this.#units.byLun.filter((taskSet): taskSet is TaskSet => taskSet !== undefined && this.#mayBeSeen(taskSet.unit.lun));
  }

  /** Of all that a nexus can speak to: the logical units, and those that are well known. */
  get allTaskSets(): readonly TaskSet[] {
    return [...this.taskSets, ...this.#units.wellKnown];
  }

  /** The LUNs that have a logical unit, in their order. */
  get luns(): number[] {
    return this.taskSets.map((taskSet) => taskSet.unit.lun);
  }

  /** Of what answers for the LUNs that have no logical unit. */
  get absentHandle(): number {
    return this.#units.absent.unit.handle;
  }

  /** The nexus is gone: what it had in the logical units is over. SAM-5 "I_T nexus loss". */
  loseNexus(nexus: ITNexus): void {
    for (const taskSet of this.allTaskSets) {
      taskSet.unit.loseNexus(nexus);
      taskSet.clearAca(({ faultedNexus }) => faultedNexus === nexus);
    }
  }

  isReachedBy(portalGroupTag: number): boolean {
    return this.#portalGroupTags?.has(portalGroupTag) ?? true;
  }

  hasLun(lun: number): boolean {
    return this.#find(lun) !== undefined;
  }

  /** The task set of a LUN; LUNs without a logical unit share one that refuses. */
  taskSetOf(lun: number): TaskSet {
    return this.#find(lun) ?? this.#units.absent;
  }

  #find(lun: number): TaskSet | undefined {
    if (lun >= 0 && lun <= LUN_MAX) return this.#mayBeSeen(lun) ? this.#units.byLun[lun] : undefined;
    return isWellKnownLun(lun) ? this.#units.wellKnown.find(({ unit }) => unit.lun === lun) : undefined;
  }

  #mayBeSeen(lun: number): boolean {
    return this.#visible === null || this.#visible[lun] === true;
  }
}

function visibleOf(luns: ReadonlySet<number>): readonly boolean[] {
  const visible: boolean[] = [];
  for (const lun of luns) visible[lun] = true;
  return visible;
}
