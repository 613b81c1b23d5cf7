import type { UnitMetrics } from '../metrics/unit-metrics.js';
import { TaskAttribute } from '../pdu/index.js';
import type { ExecutionPolicy, LogicalUnit } from '../scsi/logical-unit.js';
import { RangeLocks } from './range-locks.js';
import { NOT_ENTERED, type Task } from './task.js';

/**
 * The task set of one logical unit, shared by all nexuses (TST = 000b): who may run, in which order. SAM-5 §8.
 */
export class TaskSet {
  readonly unit: LogicalUnit;
  readonly execution: ExecutionPolicy;
  readonly metrics: UnitMetrics;
  readonly locks = new RangeLocks();
  /** All tasks that have entered and not left, for resets, in no order; each knows its index. A Set would rehash as it shrinks. */
  readonly #tasks: Task[] = [];
  readonly #dormant: Task[] = [];
  #orderedEnabled: Task | null = null;
  #waking = false;
  readonly #start: (task: Task) => void;

  constructor(unit: LogicalUnit, execution: ExecutionPolicy, metrics: UnitMetrics, start: (task: Task) => void) {
    this.unit = unit;
    this.execution = execution;
    this.metrics = metrics;
    this.#start = start;
  }

  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** Tasks that are held back by an ORDERED one, oldest first. */
  get dormant(): readonly Task[] {
    return this.#dormant;
  }

  /** Enters a task in its turn. True when it is enabled at once; dormant ones are started later. */
  enter(task: Task): boolean {
    const enabled = this.#mayEnable(task, this.#tasks.length);
    task.setIndex = this.#tasks.length;
    this.#tasks.push(task);
    if (!enabled) this.#dormant.push(task);
    return enabled;
  }

  leave(task: Task): void {
    const last = this.#tasks.pop() as Task;
    if (last !== task) {
      this.#tasks[task.setIndex] = last;
      last.setIndex = task.setIndex;
    }
    task.setIndex = NOT_ENTERED;
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

  /** A task that ends within its start is taken up here and not one call deeper: the queue may be long, the stack is not. */
  #wakeDormant(left: Task): void {
    const at = this.#dormant.indexOf(left);
    if (at !== -1) this.#dormant.splice(at, 1);
    if (this.#waking) return;
    this.#waking = true;
    try {
      for (let next = this.#takeEnabled(); next !== undefined; next = this.#takeEnabled()) this.#start(next);
    } finally {
      this.#waking = false;
    }
  }

  /** The oldest dormant task, when its turn has come. */
  #takeEnabled(): Task | undefined {
    const first = this.#dormant[0];
    if (first === undefined || this.#orderedEnabled !== null) return undefined;
    if (first.attribute === TaskAttribute.ordered) {
      if (this.#tasks.length > this.#dormant.length) return undefined;
      this.#orderedEnabled = first;
    }
    return this.#dormant.shift();
  }
}
