import type { Clock } from '../clock.js';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { TaskAttribute, TaskManagementFunction } from '../pdu/index.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { ScsiStatus } from '../scsi/status.js';
import { type MultiTaskAbort, multiTaskAborts } from '../session/multi-task-abort.js';
import type { NexusSeat, TargetNode } from '../session/target-node.js';
import { DataDirection } from '../shm/layout.js';
import { abortFor, clearAcaOf } from '../task/contingent-allegiance.js';
import { countdown } from '../task/countdown.js';
import { inStoppingOrder } from '../task/stopping-order.js';
import { NO_PIECE, type Task, type TaskOwner } from '../task/task.js';
import type { TaskRunner } from '../task/task-runner.js';
import type { TaskSet } from '../task/task-set.js';
import type { LoopbackAttribute, LoopbackCommand, LoopbackResult } from './loopback-command.js';

const CDB_LENGTH_MIN = 6;
/** A shorter CDB comes with zeroes behind it, as it does in the header of a PDU. RFC 7143 §11.3.5. */
const TRANSPORTED_CDB_LENGTH_MIN = 16;
const EXPECTED_LENGTH_MAX = 0xffffffff;
const NO_BYTES = new Uint8Array(0);

const attributes: Readonly<Record<LoopbackAttribute, number>> = {
  simple: TaskAttribute.simple,
  ordered: TaskAttribute.ordered,
  'head of queue': TaskAttribute.headOfQueue,
  aca: TaskAttribute.aca,
};

/** Task management functions, SAM-5 "Task management functions". */
const functions = {
  'abort task set': TaskManagementFunction.abortTaskSet,
  'clear task set': TaskManagementFunction.clearTaskSet,
  'logical unit reset': TaskManagementFunction.logicalUnitReset,
  'target reset': TaskManagementFunction.targetWarmReset,
  'i_t nexus reset': TaskManagementFunction.itNexusReset,
} as const;
export type LoopbackFunction = keyof typeof functions | 'clear aca';
const FUNCTION_NAMES = [...Object.keys(functions), 'clear aca'].join(', ');

export interface LoopbackNexusOptions {
  readonly target: TargetNode;
  readonly nexus: ITNexus;
  readonly runner: TaskRunner;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Commands may have freed what connections wait for. */
  readonly onClosed: (nexus: LoopbackNexus) => void;
}

interface Waiting {
  readonly resolve: (result: LoopbackResult) => void;
  readonly reject: (error: TargetError) => void;
  readonly forgetSignal: (() => void) | null;
}

/**
 * An I_T nexus within this process: commands go to the task sets of a target and come back without a socket, with the unit attentions, reservations and task
 * management that any nexus has. Made by `Engine.openLoopback`.
 */
export class LoopbackNexus implements TaskOwner, NexusSeat {
  readonly nexus: ITNexus;
  readonly target: TargetNode;
  readonly #options: LoopbackNexusOptions;
  readonly #waiting = new Map<Task, Waiting>();
  #nextTag = 1;
  #isClosed = false;
  // What a task asks of the way it came by.
  arenaBytesHeld = 0;
  commandBytes = 0;
  readonly earlyTasks = [];
  readonly isFenced = false;

  constructor(options: LoopbackNexusOptions) {
    this.#options = options;
    this.nexus = options.nexus;
    this.target = options.target;
    this.target.loopbacks.add(this);
  }

  /** LUNs that have a logical unit now. */
  get luns(): number[] {
    return this.target.luns;
  }

  /** Commands that have not ended. */
  get openCount(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves with whatever the command ends with; SCSI errors are results. Rejects with `TargetError` `LOOPBACK_ABORTED` when it was aborted or the nexus was
   * closed, and `LOOPBACK_COMMAND` when it is none that could be sent.
   */
  execute(command: LoopbackCommand): Promise<LoopbackResult> {
    const fault = this.#faultOf(command);
    if (fault !== null) return Promise.reject(new TargetError('LOOPBACK_COMMAND', fault));
    if (this.#isClosed || command.signal?.aborted === true) return Promise.reject(aborted());
    const taskSet = this.target.taskSetOf(command.lun ?? 0);
    const task = this.#makeTask(command, taskSet);
    if (task === null) return Promise.resolve(withoutRoom(taskSet.statusWithoutRoom(this.nexus), command));
    return new Promise<LoopbackResult>((resolve, reject) => {
      const forgetSignal = command.signal === undefined ? null : this.#abortOnSignal(task, command.signal);
      this.#waiting.set(task, { resolve, reject, forgetSignal });
      this.#options.runner.deliver(task);
    });
  }

  /**
   * Resolves when the function is complete: the tasks that it concerns have really stopped. Of a target reset the LUN says nothing. Rejects with
   * `TargetError` `LUN_UNKNOWN`, `LOOPBACK_COMMAND` for a function that there is not, and `LOOPBACK_ABORTED` when the nexus has been closed.
   */
  async manageTasks(name: LoopbackFunction, lun = 0): Promise<void> {
    if (this.#isClosed) throw aborted();
    if (name !== 'clear aca') {
      const rule = Object.hasOwn(functions, name) ? multiTaskAborts.get(functions[name]) : undefined;
      if (rule === undefined) throw new TargetError('LOOPBACK_COMMAND', `there is no function ${JSON.stringify(name)}; there is ${FUNCTION_NAMES}`);
      return this.#abortTasks(rule, rule.targetScoped ? this.target.taskSets : [this.#taskSetAt(lun)]);
    }
    const taskSet = this.#taskSetAt(lun);
    return new Promise((resolve) => clearAcaOf(this.nexus, taskSet, this.#options.runner, resolve));
  }

  /** I_T nexus loss: its commands are aborted, and what it had in the logical units is over. Resolves when they have stopped. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { runner, onClosed } = this.#options;
    await Promise.all(inStoppingOrder([...this.#waiting.keys()]).map((task) => new Promise<void>((resolve) => runner.abort(task, resolve))));
    this.target.loopbacks.delete(this);
    this.target.loseNexus(this.nexus);
    onClosed(this);
  }

  /** All Data-Out is there from the start. */
  solicit(): void {}

  sendAnswer(task: Task): void {
    const { slot } = task;
    const waiting = this.#takeWaiting(task);
    const dataInLength = Math.min(slot.dataInLength, slot.expectedDataInLength);
    waiting?.resolve({
      status: slot.status as ScsiStatus,
      // Not `slice`, which copies nothing of a Buffer.
      sense: new Uint8Array(slot.sense.subarray(0, slot.senseLength)),
      dataIn: new Uint8Array(slot.dataIn.subarray(slot.dataInStart, slot.dataInStart + dataInLength)),
      dataOutResidual: slot.expectedDataOutLength - slot.plannedDataOutLength,
      dataInResidual: slot.expectedDataInLength - slot.dataInLength,
    });
  }

  releaseAfterAnswer(task: Task): void {
    task.onFlushed();
  }

  holdAnswer(): boolean {
    return false;
  }

  onDataOutUnwanted(): void {}

  onTaskAnswered(): void {}

  onTaskEnded(task: Task): void {
    this.#takeWaiting(task)?.reject(aborted());
  }

  #takeWaiting(task: Task): Waiting | undefined {
    const waiting = this.#waiting.get(task);
    this.#waiting.delete(task);
    waiting?.forgetSignal?.();
    return waiting;
  }

  #faultOf({ cdb, dataOut = NO_BYTES, dataInLength = 0, attribute = 'simple' }: LoopbackCommand): string | null {
    const { transferLengthBytesMax, ahsLengthBytesMax } = this.#options.limits;
    const cdbLengthMax = TRANSPORTED_CDB_LENGTH_MIN + ahsLengthBytesMax;
    if (cdb.length < CDB_LENGTH_MIN || cdb.length > Math.min(cdbLengthMax, 260)) return `a CDB has 6 to 260 bytes, not ${cdb.length}`;
    if (dataOut.length > transferLengthBytesMax) return `Data-Out has at most ${transferLengthBytesMax} bytes, not ${dataOut.length}`;
    if (!Number.isInteger(dataInLength) || dataInLength < 0 || dataInLength > EXPECTED_LENGTH_MAX) return `${dataInLength} is no length of Data-In`;
    if (!Object.hasOwn(attributes, attribute)) return `there is no task attribute ${JSON.stringify(attribute)}`;
    return null;
  }

  /** Null when there is no slot left. */
  #makeTask({ cdb, dataOut = NO_BYTES, dataInLength = 0, attribute = 'simple' }: LoopbackCommand, taskSet: TaskSet): Task | null {
    const { runner, clock } = this.#options;
    const task = runner.create(this, taskSet, clock.nowMicros());
    if (task === null) return null;
    const { slot } = task;
    task.initiatorTaskTag = this.#nextTag++ % EXPECTED_LENGTH_MAX;
    task.attribute = attributes[attribute];
    task.immediate = false;
    slot.initiatorTaskTag = task.initiatorTaskTag;
    slot.taskAttribute = task.attribute;
    slot.cdb.fill(0, cdb.length, Math.max(cdb.length, TRANSPORTED_CDB_LENGTH_MIN));
    slot.cdb.set(cdb);
    slot.cdbLength = Math.max(cdb.length, TRANSPORTED_CDB_LENGTH_MIN);
    slot.direction = directionOf(dataOut.length, dataInLength);
    slot.expectedDataOutLength = dataOut.length;
    slot.expectedDataInLength = dataInLength;
    task.dataOut.begin(dataOut.length, dataOut.length, false, dataOut.length);
    if (dataOut.length > 0) this.#placeDataOut(task, dataOut);
    return task;
  }

  /** It stays where it is as long as the command runs on this thread, but for stores that need it aligned; in-place answers must not spoil it. */
  #placeDataOut(task: Task, dataOut: Uint8Array): void {
    const { slot, taskSet } = task;
    slot.dataOut = dataOut;
    slot.dataOutStart = 0;
    const { medium } = taskSet.unit;
    const mayStay = slot.direction === DataDirection.out && (medium === null || medium.store.alignmentBytes === 1);
    if (!mayStay) this.#options.runner.memory.keepDataOut(task);
    // Without room it would lie where neither is well.
    if (!mayStay && task.dataOutPiece === NO_PIECE) this.#options.runner.refuse(task);
  }

  /** Answers what lets go of the signal again: one may be given to any number of commands. */
  #abortOnSignal(task: Task, signal: AbortSignal): () => void {
    const { life } = task;
    const abort = () => {
      if (task.life === life && this.#waiting.has(task)) this.#options.runner.abort(task, () => {});
    };
    signal.addEventListener('abort', abort, { once: true });
    return () => signal.removeEventListener('abort', abort);
  }

  #taskSetAt(lun: number): TaskSet {
    if (!this.target.hasLun(lun)) throw new TargetError('LUN_UNKNOWN', `there is no LUN ${lun} of ${this.target.name}`);
    return this.target.taskSetOf(lun);
  }

  #abortTasks(rule: MultiTaskAbort, taskSets: readonly TaskSet[]): Promise<void> {
    const { runner } = this.#options;
    return new Promise((resolve) => {
      const finished = countdown(resolve);
      for (const taskSet of taskSets) {
        const affected = taskSet.tasks.filter((task) => this.#isAffected(rule, task));
        rule.affectUnit?.(this, taskSet);
        for (const work of taskSet.unit.takeResetWork()) void work.then(finished.add());
        for (const task of inStoppingOrder(affected)) {
          if (rule.affectUnit !== undefined) runner.abort(task, finished.add());
          else abortFor(this.nexus, task, runner, finished.add());
        }
        if (rule.endsAca !== undefined) taskSet.clearAca(({ faultedNexus }) => rule.endsAca === 'all' || faultedNexus === this.nexus);
      }
      finished.start();
    });
  }

  #isAffected(rule: MultiTaskAbort, task: Task): boolean {
    if (rule.stops === 'all' || task.owner.nexus === this.nexus) return true;
    return rule.stops === 'task set' && task.order === task.taskSet.orderOf(this.nexus);
  }
}

function directionOf(dataOutLength: number, dataInLength: number): number {
  if (dataOutLength > 0) return dataInLength > 0 ? DataDirection.bidirectional : DataDirection.out;
  return dataInLength > 0 ? DataDirection.in : DataDirection.none;
}

function withoutRoom(status: ScsiStatus, { dataOut = NO_BYTES, dataInLength = 0 }: LoopbackCommand): LoopbackResult {
  return { status, sense: NO_BYTES, dataIn: NO_BYTES, dataOutResidual: dataOut.length, dataInResidual: dataInLength };
}

function aborted(): TargetError {
  return new TargetError('LOOPBACK_ABORTED', 'the command was aborted');
}
