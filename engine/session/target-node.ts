import { LUN_MAX } from '../pdu/index.js';
import type { TaskSet } from '../task/task-set.js';
import type { Session } from './session.js';

/** Of portals that nobody gave another: every session may use any of them. RFC 7143 §4.1. */
export const DEFAULT_PORTAL_GROUP_TAG = 1;

/** One iSCSI target node: its name, its logical units and its sessions. */
export class TargetNode {
  readonly name: string;
  readonly alias: string | undefined;
  /** Null when it is reached by all portal groups. */
  readonly #portalGroupTags: ReadonlySet<number> | null;
  /** Of the whole target, whatever each of them may see. */
  readonly sessions: Set<Session>;
  /** The target with all its LUNs: itself unless it is what a restricted initiator sees. */
  readonly whole: TargetNode;
  /** In the order of their LUNs. */
  readonly taskSets: readonly TaskSet[];
  readonly #byLun: readonly (TaskSet | undefined)[];
  /** Answers for all LUNs that have no logical unit. */
  readonly #absent: TaskSet;

  constructor(options: {
    name: string;
    alias?: string | undefined;
    portalGroupTags?: readonly number[] | undefined;
    taskSets: readonly TaskSet[];
    absent: TaskSet;
    whole?: TargetNode;
  }) {
    this.name = options.name;
    this.whole = options.whole ?? this;
    this.sessions = options.whole?.sessions ?? new Set();
    this.alias = options.alias;
    this.#portalGroupTags = options.portalGroupTags === undefined ? null : new Set(options.portalGroupTags);
    this.#absent = options.absent;
    const byLun: (TaskSet | undefined)[] = [];
    for (const taskSet of options.taskSets) byLun[taskSet.unit.lun] = taskSet;
    this.#byLun = byLun;
    this.taskSets = byLun.filter((taskSet) => taskSet !== undefined);
  }

  /** The target as an initiator sees it that may see these LUNs only: for the others it finds what it finds where there is no unit. */
  restrictedTo(luns: ReadonlySet<number>): TargetNode {
    const taskSets = this.taskSets.filter((taskSet) => luns.has(taskSet.unit.lun));
    const portalGroupTags = this.#portalGroupTags === null ? undefined : [...this.#portalGroupTags];
    return new TargetNode({ name: this.name, alias: this.alias, portalGroupTags, taskSets, absent: this.#absent, whole: this.whole });
  }

  /** The LUNs that have a logical unit, in their order. */
  get luns(): number[] {
    return this.taskSets.map((taskSet) => taskSet.unit.lun);
  }

  /** Of what answers for the LUNs that have no logical unit. */
  get absentHandle(): number {
    return this.#absent.unit.handle;
  }

  isReachedBy(portalGroupTag: number): boolean {
    return this.#portalGroupTags?.has(portalGroupTag) ?? true;
  }

  hasLun(lun: number): boolean {
    return lun >= 0 && lun <= LUN_MAX && this.#byLun[lun] !== undefined;
  }

  /** The task set of a LUN; LUNs without a logical unit share one that refuses. */
  taskSetOf(lun: number): TaskSet {
    return (lun >= 0 ? this.#byLun[lun] : undefined) ?? this.#absent;
  }
}
