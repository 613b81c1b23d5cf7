import { TaskAttribute } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { Task } from './task.js';

/**
 * An ACA condition, SAM-5 "Auto contingent allegiance (ACA)": a command with NACA has ended with CHECK CONDITION, and until the initiator has looked
 * into it nothing else of the task set goes on.
 */
export interface AcaCondition {
  /** The nexus that the CHECK CONDITION went to. */
  readonly faultedNexus: ITNexus;
  /** Blocked commands that have reached a point where they must not go on, and how they go on once they may. */
  readonly parked: Map<Task, () => void>;
}

/**
 * A task set as SAM-5 §8 has it, with its order: all commands of a logical unit, or with TST = 001b those of one nexus.
 *
 * | attribute     | is accepted                                     | is enabled when there is no … in the set                        |
 * |---------------|-------------------------------------------------|-----------------------------------------------------------------|
 * | SIMPLE        | dormant                                         | HEAD OF QUEUE, older ORDERED                                    |
 * | ORDERED       | dormant                                         | HEAD OF QUEUE, older of any kind                                |
 * | HEAD OF QUEUE | enabled                                         |                                                                 |
 * | ACA           | enabled, under an ACA condition of its nexus    |                                                                 |
 */
export class TaskOrder {
  /** Commands that wait for their turn, oldest first. */
  readonly dormant: Task[] = [];
  aca: AcaCondition | null = null;
  #count = 0;
  /** Enabled commands that nothing younger goes past: those with HEAD OF QUEUE, and an ORDERED one. */
  #barrierCount = 0;
  #orderedEnabled: Task | null = null;
  #waking = false;
  readonly #start: (task: Task) => void;

  constructor(start: (task: Task) => void) {
    this.#start = start;
  }

  /** True when the task is enabled at once; dormant ones are started later. */
  enter(task: Task): boolean {
    const enabled = this.#mayEnable(task);
    this.#count++;
    if (!enabled) this.dormant.push(task);
    return enabled;
  }

  leave(task: Task): void {
    this.#count--;
    if (this.#barrierCount > 0) this.#liftBarrier(task);
    if (this.aca !== null) this.aca.parked.delete(task);
    if (this.dormant.length > 0) {
      const at = this.dormant.indexOf(task);
      if (at !== -1) this.dormant.splice(at, 1);
      this.wakeDormant();
    }
  }

  /** A task that ends within its start is taken up here and not one call deeper: the queue may be long, the stack is not. */
  wakeDormant(): void {
    if (this.#waking) return;
    this.#waking = true;
    try {
      for (let next = this.#takeEnabled(); next !== undefined; next = this.#takeEnabled()) this.#start(next);
    } finally {
      this.#waking = false;
    }
  }

  #mayEnable(task: Task): boolean {
    if (task.attribute === TaskAttribute.headOfQueue) {
      this.#barrierCount++;
      return true;
    }
    if (task.passesAca) return true;
    if (this.dormant.length > 0 || this.#barrierCount > 0) return false;
    if (task.attribute !== TaskAttribute.ordered) return true;
    if (this.#count > 0) return false;
    this.#enableOrdered(task);
    return true;
  }

  #enableOrdered(task: Task): void {
    this.#orderedEnabled = task;
    this.#barrierCount++;
  }

  #liftBarrier(task: Task): void {
    if (this.#orderedEnabled === task) {
      this.#orderedEnabled = null;
      this.#barrierCount--;
    } else if (task.attribute === TaskAttribute.headOfQueue) this.#barrierCount--;
  }

  /** The oldest dormant task, when its turn has come. */
  #takeEnabled(): Task | undefined {
    const first = this.dormant[0];
    if (first === undefined || this.#barrierCount > 0 || this.aca !== null) return undefined;
    if (first.attribute === TaskAttribute.ordered) {
      if (this.#count > this.dormant.length) return undefined;
      this.#enableOrdered(first);
    }
    return this.dormant.shift();
  }
}
