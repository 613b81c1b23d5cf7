import type { UnitMetrics } from '../metrics/unit-metrics.js';
import { TaskAttribute } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { ExecutionPolicy, LogicalUnit } from '../scsi/logical-unit.js';
import { ControlMode } from '../scsi/spc/control-mode.js';
import { ScsiStatus } from '../scsi/status.js';
import { RangeLocks } from './range-locks.js';
import { NOT_ENTERED, type Task } from './task.js';
import { type AcaCondition, TaskOrder } from './task-order.js';

/** INQUIRY, REQUEST SENSE and REPORT LUNS. */
const PASSES_QUEUE: readonly number[] = [0x12, 0x03, 0xa0];

/** TST of the Control mode page: one task set for each I_T nexus. */
const TST_PER_NEXUS = 1;

/**
 * The tasks of one logical unit, of all nexuses: one task set in the words of SAM-5, or with TST = 001b as many as there are nexuses, each a `TaskOrder`.
 * Block ranges are those of the medium, whatever the TST.
 */
export class TaskSet {
  readonly unit: LogicalUnit;
  readonly execution: ExecutionPolicy;
  readonly metrics: UnitMetrics;
  readonly controlMode: ControlMode;
  readonly locks = new RangeLocks();
  /** All tasks that have entered and not left, for resets, in no order; each knows its index. A Set would rehash as it shrinks. */
  readonly #tasks: Task[] = [];
  readonly #shared: TaskOrder;
  readonly #byNexus = new WeakMap<ITNexus, TaskOrder>();
  #isPerNexus = false;
  /** One task set, and SIMPLE commands in any order: nothing of the Control mode page has to be thought of with each command. */
  #isPlain = true;
  /** Those with an ACA condition. */
  readonly #blocked: TaskOrder[] = [];
  readonly #start: (task: Task) => void;

  constructor(unit: LogicalUnit, execution: ExecutionPolicy, metrics: UnitMetrics, start: (task: Task) => void) {
    this.unit = unit;
    this.execution = execution;
    this.metrics = metrics;
    this.#start = start;
    this.#shared = new TaskOrder(start);
    this.controlMode = unit.part(ControlMode);
    this.#onModeChanged(this.controlMode);
    this.controlMode.onChange((mode) => this.#onModeChanged(mode));
  }

  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** Enters a task in its turn. True when it is enabled at once; dormant ones are started later. */
  enter(task: Task): boolean {
    const order = this.#isPlain ? this.#shared : this.#orderFor(task);
    task.order = order;
    task.setIndex = this.#tasks.length;
    this.#tasks.push(task);
    return order.enter(task);
  }

  leave(task: Task): void {
    const last = this.#tasks.pop() as Task;
    if (last !== task) {
      this.#tasks[task.setIndex] = last;
      last.setIndex = task.setIndex;
    }
    task.setIndex = NOT_ENTERED;
    const { order } = task;
    task.order = null;
    order?.leave(task);
  }

  /** The task set, in the words of SAM-5, that commands of the nexus enter. */
  orderOf(nexus: ITNexus): TaskOrder {
    if (!this.#isPerNexus) return this.#shared;
    const present = this.#byNexus.get(nexus);
    if (present !== undefined) return present;
    const order = new TaskOrder(this.#start);
    this.#byNexus.set(nexus, order);
    return order;
  }

  /**
   * What a command of the nexus ends with for which there is no slot or no memory: TASK SET FULL when the nexus has another one here, whose end will bring
   * room; BUSY when it has none, and has to try later. SAM-5 §5.3.1 "Status codes".
   */
  statusWithoutRoom(nexus: ITNexus, refused: Task | null = null): ScsiStatus {
    return this.#tasks.some((task) => task !== refused && task.owner.nexus === nexus) ? ScsiStatus.taskSetFull : ScsiStatus.busy;
  }

  /** True while there is an ACA condition: looked at with every command. */
  get hasAca(): boolean {
    return this.#blocked.length > 0;
  }

  /** The commands that stand in one of its task sets, in no order. */
  tasksOf(order: TaskOrder): Task[] {
    return this.#tasks.filter((task) => task.order === order);
  }

  establishAca(order: TaskOrder, faultedNexus: ITNexus): void {
    order.aca = { faultedNexus, parked: new Map() };
    this.#blocked.push(order);
  }

  /** Ends those ACA conditions; what they blocked goes on. */
  clearAca(concerns: (condition: AcaCondition) => boolean): void {
    for (const order of this.#blocked.slice()) {
      const { aca } = order;
      if (aca === null || !concerns(aca)) continue;
      order.aca = null;
      this.#blocked.splice(this.#blocked.indexOf(order), 1);
      this.unit.tellAcaCleared(aca.faultedNexus);
      // One that goes on may fault at once, and establish the next condition, under which the rest parks again.
      for (const resume of aca.parked.values()) resume();
      order.wakeDormant();
    }
  }

  /**
   * With restricted reordering an initiator may rely on the order of its SIMPLE commands where their ranges overlap, and those are known only when a command
   * starts: so each waits for the older ones, as if it were ORDERED. SPC-4 "Control mode page", QUEUE ALGORITHM MODIFIER. So it is for what keeps a position,
   * but for what tells of the unit alone: who looks for a tape drive must not wait until another has rewound it.
   */
  #orderFor(task: Task): TaskOrder {
    const isSimple = task.attribute === TaskAttribute.simple || task.attribute === TaskAttribute.untagged;
    const isSequential = this.unit.deviceType.isSequential === true;
    if (isSimple && isSequential && PASSES_QUEUE.includes(task.slot.cdb[0] as number)) task.attribute = TaskAttribute.headOfQueue;
    else if (isSimple && (isSequential || !this.controlMode.unrestrictedReordering)) task.attribute = TaskAttribute.ordered;
    return this.orderOf(task.owner.nexus);
  }

  /** Commands that are there stay in the task set that they have entered; a condition that nobody could clear any more must not stay. */
  #onModeChanged({ taskSetType, unrestrictedReordering }: ControlMode): void {
    const isPerNexus = taskSetType === TST_PER_NEXUS;
    this.#isPlain = !isPerNexus && unrestrictedReordering && this.unit.deviceType.isSequential !== true;
    if (isPerNexus === this.#isPerNexus) return;
    this.#isPerNexus = isPerNexus;
    const conditions = this.#blocked.map(({ aca }) => aca);
    // When a reset brings the change, what is blocked must have been aborted before.
    if (conditions.length > 0) queueMicrotask(() => this.clearAca((condition) => conditions.includes(condition)));
  }
}
