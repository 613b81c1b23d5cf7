import type { UnitMetrics } from '../metrics/unit-metrics.js';
import { TaskAttribute } from '../pdu/index.js';
import type { ExecutionPolicy, LogicalUnit } from '../scsi/logical-unit.js';
import { RangeLocks } from './range-locks.js';
import type { Task } from './task.js';

/**
 * The task set of one logical unit, shared by all nexuses (TST = 000b): who may run, in which order. SAM-5 §8.
 */
export class TaskSet {
  readonly unit: LogicalUnit;
  readonly execution: ExecutionPolicy;
  readonly metrics: UnitMetrics;
  readonly locks = new RangeLocks();
  /** All tasks that have entered and not left, for resets. */
  readonly #tasks = new Set<Task>();
  readonly #dormant: Task[] = [];
  #orderedEnabled: Task | null = null;
  readonly #start: (task: Task) => void;

  constructor(unit: LogicalUnit, execution: ExecutionPolicy, metrics: UnitMetrics, start: (task: Task) => void) {
    this.unit = unit;
    this.execution = execution;
    this.metrics = metrics;
    this.#start = start;
  }

  get tasks(): ReadonlySet<Task> {
    return this.#tasks;
  }

  /** Enters a task in its turn. True when it is enabled at once; dormant ones are started later. */
  enter(task: Task): boolean {
    const enabled = this.#mayEnable(task, this.#tasks.size);
    this.#tasks.add(task);
    task.entered = true;
    if (!enabled) this.#dormant.push(task);
    return enabled;
  }

  leave(task: Task): void {
    this.#tasks.delete(task);
    task.entered = false;
    if (this.#orderedEnabled === task) this.#orderedEnabled = null;
    if (this.#dormant.length > 0) this.#wakeDormant(task);
  }

  /** `olderCount`: tasks in the set before this one. HEAD OF QUEUE overtakes; ORDERED waits for all older ones. */
  #mayEnable(task: Task, olderCount: number): boolean {
    if (task.attribute === TaskAttribute.headOfQueue) return true;
    if (this.#dormant.length > 0 || this.#orderedEnabled !== null) return false;
    if (task.attribute !== TaskAttribute.ordered) return true;
    if (olderCount > 0) return false;
    this.#orderedEnabled = task;
    return true;
  }

  #wakeDormant(left: Task): void {
    const at = this.#dormant.indexOf(left);
    if (at !== -1) this.#dormant.splice(at, 1);
    while (this.#dormant.length > 0 && this.#orderedEnabled === null) {
      const first = this.#dormant[0] as Task;
      if (first.attribute === TaskAttribute.ordered) {
        if (this.#tasks.size > this.#dormant.length) return;
        this.#orderedEnabled = first;
      }
      this.#dormant.shift();
      this.#start(first);
    }
  }
}
