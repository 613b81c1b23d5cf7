import { LUN_MAX } from '../pdu/index.js';
import type { TaskSet } from '../task/task-set.js';
import type { Session } from './session.js';

/** Portal group of all portals: every session may use any of them. RFC 7143 §4.1. */
export const PORTAL_GROUP_TAG = 1;

/** One iSCSI target node: its name, its logical units and its sessions. */
export class TargetNode {
  readonly name: string;
  readonly alias: string | undefined;
  readonly sessions = new Set<Session>();
  /** In the order of their LUNs. */
  readonly taskSets: readonly TaskSet[];
  readonly #byLun: readonly (TaskSet | undefined)[];
  /** Answers for all LUNs that have no logical unit. */
  readonly #absent: TaskSet;

  constructor(options: { name: string; alias?: string | undefined; taskSets: readonly TaskSet[]; absent: TaskSet }) {
    this.name = options.name;
    this.alias = options.alias;
    this.#absent = options.absent;
    const byLun: (TaskSet | undefined)[] = [];
    for (const taskSet of options.taskSets) byLun[taskSet.unit.lun] = taskSet;
    this.#byLun = byLun;
    this.taskSets = byLun.filter((taskSet) => taskSet !== undefined);
  }

  /** Of what answers for the LUNs that have no logical unit. */
  get absentHandle(): number {
    return this.#absent.unit.handle;
  }

  hasLun(lun: number): boolean {
    return lun >= 0 && lun <= LUN_MAX && this.#byLun[lun] !== undefined;
  }

  /** The task set of a LUN; LUNs without a logical unit share one that refuses. */
  taskSetOf(lun: number): TaskSet {
    return (lun >= 0 ? this.#byLun[lun] : undefined) ?? this.#absent;
  }
}
