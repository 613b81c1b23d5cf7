import type { Clock } from '../clock.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import { runsInline } from '../dispatch/policy.js';
import { assert } from '../errors.js';
import { TaskAttribute } from '../pdu/index.js';
import type { MediumCommandRow } from '../scsi/command-table.js';
import { executeUnitCommand, prepare } from '../scsi/device-server.js';
import { failedByDefect } from '../scsi/device-server-faults.js';
import type { Medium } from '../scsi/medium.js';
import { checkCondition, type SenseKey } from '../scsi/sense.js';
import { ScsiStatus } from '../scsi/status.js';
import { ARENA_FULL, type BufferArena } from '../shm/buffer-arena.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { DataDirection } from '../shm/layout.js';
import type { ArenaShare } from './arena-share.js';
import { publishEnd, publishStart } from './command-channels.js';
import { admitsNew, afterCheckCondition } from './contingent-allegiance.js';
import { recordFault } from './record-fault.js';
import { claimsRange, excludesAll } from './serialization.js';
import type { SlotPool } from './slot-pool.js';
import { placeAndSolicit, requestedLength } from './solicitation.js';
import { Task, type TaskOwner, TaskState } from './task.js';
import { TaskMemory } from './task-memory.js';
import { bindStoreView, copyFromStore, fetchLengthOf, isStoppedMeanwhile, observePace, setTaskAborted } from './task-outcome.js';
import type { TaskSet } from './task-set.js';

export interface TaskRunnerOptions {
  readonly slots: SlotPool;
  readonly arena: BufferArena;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly onDefect: (error: unknown) => void;
  /** Slots or memory were given back: paused connections may go on. */
  readonly onResourcesFreed: () => void;
  /** An answer was queued outside of what a connection received or a worker completed: somebody has to send it. */
  readonly onLateAnswer?: () => void;
}

/**
 * Takes each task through its life: its turn in the task set, Data-Out, block ranges, memory, the device server, the
 * answer, and the release of all it held.
 */
export class TaskRunner {
  readonly slots: SlotPool;
  readonly memory: TaskMemory;
  readonly #options: TaskRunnerOptions;
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #idleTasks: Task[] = [];
  #openTaskCount = 0;
  /** The task whose turn came within the current call: what it reaches without waiting needs no clock reading of its own. */
  #justOrdered: Task | null = null;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.slots = options.slots;
    this.memory = new TaskMemory(options.arena, (task) => this.refuse(task));
    this.#dispatcher = options.dispatcher;
    this.#clock = options.clock;
  }

  /** Tasks that hold a slot. */
  get openTaskCount(): number {
    return this.#openTaskCount;
  }

  get arena(): BufferArena {
    return this.memory.arena;
  }

  get share(): ArenaShare {
    return this.memory.share;
  }

  /** A fresh task with a slot, or null when there is no slot left. */
  create(owner: TaskOwner, taskSet: TaskSet, receivedAtMicros: number): Task | null {
    const slot = this.slots.acquire();
    if (slot === null) return null;
    const task = this.#idleTasks.pop() ?? new Task(this);
    task.begin(owner, taskSet, slot);
    slot.nexusId = owner.nexus.id;
    slot.resetStamps();
    slot.receivedAt = receivedAtMicros;
    this.#openTaskCount++;
    return task;
  }

  /** The task's turn by CmdSN has come and its own PDU is complete. */
  deliver(task: Task): void {
    task.slot.orderedAt = this.#clock.nowMicros();
    publishStart(task);
    if (task.dataOut.poisoned) {
      // Its transfer failed before its turn came: it never enters the task set.
      this.#conclude(task);
      return;
    }
    if ((task.attribute === TaskAttribute.aca || task.taskSet.hasAca) && !admitsNew(task)) {
      task.dataOut.poisoned = true;
      this.#conclude(task);
      return;
    }
    if (task.taskSet.enter(task)) {
      this.#justOrdered = task;
      this.start(task);
      this.#justOrdered = null;
      return;
    }
    this.memory.keepDataOut(task);
    task.transition(TaskState.dormant);
  }

  /** The task is enabled: checks it and begins to collect its data. */
  start(task: Task): void {
    const { slot, taskSet, owner } = task;
    if (task.dataOut.poisoned) {
      this.#conclude(task);
      return;
    }
    task.transition(TaskState.transferring);
    let row: Task['row'];
    try {
      row = prepare(slot, taskSet.unit, owner.nexus);
    } catch (error) {
      this.#options.onDefect(error);
      failedByDefect(slot);
      row = null;
    }
    task.row = row;
    if (row?.runsOn === 'any') task.medium = taskSet.unit.medium as Medium;
    task.dataOut.wantedLength = row === null ? 0 : Math.min(task.dataOut.expectedLength, slot.plannedDataOutLength);
    if (row === null) this.#conclude(task);
    else this.advanceTransfer(task);
  }

  /** Data-Out has made progress: asks for more, or executes when all is here. */
  advanceTransfer(task: Task): void {
    if (task.state === TaskState.draining) {
      if (!task.dataOut.isExpecting) this.#answer(task);
      return;
    }
    if (task.state !== TaskState.transferring) return;
    const { dataOut } = task;
    if (dataOut.isComplete) {
      this.#claimMemory(task);
      return;
    }
    if (dataOut.unsolicitedOpen) return;
    if (!dataOut.isLacking && dataOut.receivedLength + requestedLength(task) >= dataOut.wantedLength) return;
    if (task.dataOutPieceLength >= dataOut.wantedLength) task.owner.solicit(task);
    else placeAndSolicit(task, this.memory);
  }

  /**
   * Ends a task with CHECK CONDITION because its transfer broke the rules. The answer waits for the open Data-Out
   * sequences to end, so that no stray PDU arrives for a tag that may be in use again. RFC 7143 §7.9 "Sequence Errors".
   */
  failTransfer(task: Task, key: SenseKey, asc: number): void {
    task.slot.flags = task.taskSet.unit.commandFlags;
    checkCondition(task.slot, key, asc);
    task.dataOut.poisoned = true;
    this.share.withdraw(task);
    this.#concludeInTurn(task);
  }

  /** Ends a task that there is no room for. */
  refuse(task: Task): void {
    task.slot.status = task.taskSet.statusWithoutRoom(task.owner.nexus, task);
    task.dataOut.poisoned = true;
    this.#concludeInTurn(task);
  }

  /** One whose turn has not come, by CmdSN or in its task set, is concluded when it comes. */
  #concludeInTurn(task: Task): void {
    if (task.state !== TaskState.arriving && task.state !== TaskState.dormant) this.#conclude(task);
  }

  /** Stops a task without an answer. `onStopped` is called once it has really stopped, perhaps at once. */
  abort(task: Task, onStopped: () => void): void {
    if (task.state === TaskState.responding || task.state === TaskState.ended) {
      onStopped();
      return;
    }
    task.onStopped ??= [];
    task.onStopped.push(onStopped);
    if (task.aborted) return;
    task.aborted = true;
    // A worker that has the command cannot be stopped: the task ends when it comes back.
    if (task.state !== TaskState.executing) this.#end(task);
    else task.abortDeferred();
  }

  /**
   * Stops a task that another nexus has aborted: its own learns of it by TASK ABORTED status. `onStopped` is called once the task has really stopped, whether
   * its answer has left or waits for Data-Out sequences to end. SAM-5 "TASK ABORTED".
   */
  terminate(task: Task, onStopped: () => void): void {
    if (task.aborted || task.state === TaskState.responding || task.state === TaskState.ended) {
      this.abort(task, onStopped);
      return;
    }
    // Who is told of the end of a command must not wait for the end of what blocks it.
    task.passesAca = true;
    if (task.state === TaskState.executing) {
      task.onStopped ??= [];
      task.onStopped.push(onStopped);
      if (task.isTerminated) return;
      task.isTerminated = true;
      task.abortDeferred();
      return;
    }
    if (task.claimIndex !== -1) task.taskSet.locks.release(task);
    else if (task.taskSet.locks.waitingCount > 0) task.taskSet.locks.withdraw(task);
    this.share.withdraw(task);
    setTaskAborted(task.slot);
    task.dataOut.poisoned = true;
    this.#conclude(task);
    onStopped();
  }

  /** A device server has set the outcome. */
  onExecuted(task: Task): void {
    const { slot } = task;
    if (task.isTerminated) setTaskAborted(slot);
    const now = this.#clock.nowMicros();
    slot.completedAt = now;
    // On this thread execution starts when it is dispatched. A worker that died has set one stamp or none.
    if (slot.startedAt === 0) slot.startedAt = slot.dispatchedAt;
    if (slot.executedAt === 0) slot.executedAt = now;
    if (task.row?.runsOn === 'any' && task.medium.store.blocking) observePace(task.row, task);
    if (task.taskSet.unit.onMediumCommand !== null) task.taskSet.unit.onMediumCommand();
    if (slot.dataInFromStore) bindStoreView(task);
    else if (task.claimIndex !== -1) task.taskSet.locks.release(task);
    this.memory.freeDataOut(task);
    if (task.aborted) this.#end(task);
    else if (task.isTerminated) this.#concludeTerminated(task);
    else this.#conclude(task);
  }

  /** What a deferred command waited for may have come from anywhere. */
  onDeferredExecuted(task: Task): void {
    this.onExecuted(task);
    this.#options.onLateAnswer?.();
  }

  tellDefect(error: unknown): void {
    this.#options.onDefect(error);
  }

  #concludeTerminated(task: Task): void {
    // Taken first, because when the answer leaves at once the task is another's.
    const stopped = task.onStopped ?? [];
    task.onStopped = null;
    this.#conclude(task);
    for (const onStopped of stopped) onStopped();
  }

  onRangeGranted(task: Task): void {
    if (task.isBlocked) {
      task.taskSet.locks.release(task);
      this.#claimRange(task);
    } else this.#dispatch(task);
  }

  /** The last byte of the response has left user space, or never will. */
  onFlushed(task: Task, atMicros = this.#clock.nowMicros()): void {
    const { slot, taskSet, owner } = task;
    slot.flushedAt = atMicros;
    const readBytes = Math.min(slot.dataInLength, slot.expectedDataInLength);
    const writeBytes = task.dataOut.receivedLength;
    const failed = slot.status !== ScsiStatus.good && slot.status !== ScsiStatus.conditionMet;
    // One that failed its checks has a row all the same, unless the unit does not know the command.
    const row = task.row ?? task.deviceType.commands.find(slot.cdb) ?? null;
    taskSet.metrics.recordCommand(atMicros - slot.receivedAt, readBytes, writeBytes, failed);
    if (failed) recordFault(taskSet.metrics, row, slot);
    taskSet.metrics.recordStages(row, slot, readBytes, writeBytes, failed, owner.nexus.initiatorPortName);
    publishEnd(task, 'answered', readBytes);
    this.#end(task);
  }

  /**
   * Everything has arrived: memory first, then the block range, then the device server. Whoever holds a range lacks
   * nothing more, and whoever waits for memory holds none, so that commands never wait for each other in a circle.
   */
  #claimMemory(task: Task): void {
    const { row, slot } = task;
    assert(row !== null, 'a task without a command row was executed');
    if (task.isBlocked) {
      this.#park(task, () => this.#claimMemory(task));
      return;
    }
    slot.dataOutLength = Math.min(task.dataOut.receivedLength, task.dataOut.wantedLength);
    if (row.runsOn === 'main') {
      const length = row.reservesDataIn === true ? Math.min(slot.plannedDataInLength, slot.expectedDataInLength) : 0;
      if (length === 0) this.#executeUnitCommand(task);
      else this.#placeDataIn(task, length);
      return;
    }
    if (row.planFromDataOut !== undefined && !this.#plansFromDataOut(row, task)) return;
    if (slot.dataOutLength === 0) this.memory.freeDataOut(task);
    else if (slot.direction === DataDirection.bidirectional && row.answersInPlace === true) this.memory.turnIntoDataIn(task);
    const length = fetchLengthOf(task);
    if (length === 0 || (row.buildsDataIn !== true && task.medium.store.view(slot.lba * task.medium.blockLengthBytes, length) !== null)) {
      this.#claimRange(task);
      return;
    }
    this.#placeDataIn(task, length);
  }

  /** Goes on when there is memory for so much Data-In, perhaps at once. */
  #placeDataIn(task: Task, length: number): void {
    const offset = this.share.tryAllocate(task.owner, length);
    if (offset !== ARENA_FULL) {
      this.memory.placeDataIn(task, offset, length);
      this.#onPlaced(task);
      return;
    }
    if (task.slot.dataOutLength > 0) this.memory.keepDataOut(task);
    if (task.state === TaskState.transferring) task.transition(TaskState.waiting);
    this.share.waitFor(task, length, (granted) => {
      this.memory.placeDataIn(task, granted, length);
      this.#onPlaced(task);
    });
    this.memory.makeRoomFor(task);
  }

  #onPlaced(task: Task): void {
    if (task.row?.runsOn !== 'main') this.#claimRange(task);
    else if (task.isBlocked) this.#park(task, () => this.#executeUnitCommand(task));
    else this.#executeUnitCommand(task);
  }

  /** The ranges of the command stand in its parameter list. False when it has ended. */
  #plansFromDataOut(row: MediumCommandRow, task: Task): boolean {
    try {
      row.planFromDataOut?.(task.slot, task.medium);
    } catch (error) {
      this.#options.onDefect(error);
      failedByDefect(task.slot);
    }
    if (task.slot.status === ScsiStatus.good) return true;
    this.#conclude(task);
    return false;
  }

  #claimRange(task: Task): void {
    const { row, slot, taskSet } = task;
    assert(row !== null && row.runsOn === 'any', 'only medium commands claim a range');
    if (task.isBlocked) {
      this.#park(task, () => this.#claimRange(task));
      return;
    }
    if (!claimsRange(row.mediumAccess) || slot.lbaCount === 0) {
      this.#dispatch(task);
      return;
    }
    task.claimStart = slot.lba;
    task.claimEnd = slot.lba + slot.lbaCount;
    task.claimExclusive = excludesAll(row.mediumAccess);
    if (taskSet.locks.acquire(task)) {
      this.#dispatch(task);
      return;
    }
    this.memory.keepDataOut(task);
    if (task.state === TaskState.transferring) task.transition(TaskState.waiting);
  }

  /** An ACA condition blocks the task: `resume` is called when it is over. */
  #park(task: Task, resume: () => void): void {
    this.memory.keepDataOut(task);
    task.order?.aca?.parked.set(task, () => {
      resume();
      this.#options.onLateAnswer?.();
    });
    if (task.state === TaskState.transferring) task.transition(TaskState.waiting);
  }

  /** It was executing when an ACA condition came: blocked commands do not complete. SAM-5 "Blocked command state". */
  #parkAnswer(task: Task): void {
    if (task.state !== TaskState.draining) task.transition(TaskState.draining);
    // What is left in the store would keep its range from the commands that are to repair something.
    if (task.slot.dataInFromStore) copyFromStore(task.slot);
    if (task.claimIndex !== -1) task.taskSet.locks.release(task);
    task.order?.aca?.parked.set(task, () => {
      this.advanceTransfer(task);
      this.#options.onLateAnswer?.();
    });
  }

  #dispatch(task: Task): void {
    const { row, slot, taskSet, medium } = task;
    assert(row !== null, 'a task without a command row was dispatched');
    if (taskSet.unit.gates.length > 0 && isStoppedMeanwhile(task, row)) {
      if (task.claimIndex !== -1) taskSet.locks.release(task);
      this.#conclude(task);
      return;
    }
    // What is sent straight out of the store is not copied, however long it is.
    const copyLength = Math.max(task.dataInPieceLength, slot.dataOutLength);
    let inline = runsInline(taskSet.execution, row, slot, medium, copyLength, this.#dispatcher.hasWorkers);
    if (!inline) {
      this.memory.keepDataOut(task);
      // Without room in the arena the data lies where no worker sees it.
      inline = slot.dataOutLength > 0 && slot.dataOut !== this.arena.bytes;
    }
    task.transition(TaskState.executing);
    slot.logicalUnitHandle = medium.handle;
    taskSet.metrics.recordDispatch(inline);
    slot.dispatchedAt = this.#justOrdered === task ? slot.orderedAt : this.#clock.nowMicros();
    if (inline) {
      this.#dispatcher.executeInline(task);
      return;
    }
    this.#dispatcher.submit(task);
  }

  #executeUnitCommand(task: Task): void {
    const { row, slot, taskSet, owner } = task;
    assert(row !== null && row.runsOn === 'main', 'only unit commands run here');
    task.transition(TaskState.executing);
    slot.dispatchedAt = this.#justOrdered === task ? slot.orderedAt : this.#clock.nowMicros();
    const { life } = task;
    try {
      executeUnitCommand(row, slot, taskSet.unit, owner.nexus, task);
    } catch (error) {
      this.#options.onDefect(error);
      // What was deferred may have ended before, and be another's by now.
      if (life !== task.life || task.state !== TaskState.executing) return;
      failedByDefect(slot);
      task.giveUpDeferral();
      this.onExecuted(task);
      return;
    }
    if (life === task.life && !task.isDeferred) this.onExecuted(task);
  }

  /** The outcome is known. */
  #conclude(task: Task): void {
    if (task.dataOut.isExpecting) {
      if (task.state !== TaskState.draining) task.transition(TaskState.draining);
      return;
    }
    this.#answer(task);
  }

  #answer(task: Task): void {
    if (task.owner.isFenced && task.owner.holdAnswer(task)) {
      if (task.state !== TaskState.draining) task.transition(TaskState.draining);
      return;
    }
    if (task.isBlocked) {
      this.#parkAnswer(task);
      return;
    }
    task.transition(TaskState.responding);
    const { taskSet, owner, slot } = task;
    if (slot.completedAt === 0) this.#stampUnexecuted(slot);
    owner.onTaskAnswered(task);
    owner.sendAnswer(task);
    if (slot.status === ScsiStatus.checkCondition) afterCheckCondition(task, this);
    if (task.entered) taskSet.leave(task);
    // Last, because a closed output calls back at once, and then the task is another's.
    owner.releaseAfterAnswer(task);
  }

  /** Ended by its checks, its transfer or for want of room: its execution took no time, and what it waited for came before. */
  #stampUnexecuted(slot: CommandSlot): void {
    const now = this.#justOrdered?.slot === slot ? slot.orderedAt : this.#clock.nowMicros();
    slot.dispatchedAt = now;
    slot.startedAt = now;
    slot.executedAt = now;
    slot.completedAt = now;
  }

  /** Gives back everything the task holds. */
  #end(task: Task): void {
    const { owner, slot, taskSet } = task;
    if (task.state !== TaskState.responding) publishEnd(task, 'aborted', 0);
    task.transition(TaskState.ended);
    this.share.withdraw(task);
    if (task.claimIndex !== -1) taskSet.locks.release(task);
    else if (taskSet.locks.waitingCount > 0) taskSet.locks.withdraw(task);
    this.memory.freeAll(task);
    if (task.entered) taskSet.leave(task);
    slot.resetOutcome();
    this.slots.release(slot);
    this.#openTaskCount--;
    const stopped = task.onStopped;
    task.onStopped = null;
    owner.onTaskEnded(task);
    this.#idleTasks.push(task);
    if (stopped !== null) for (const onStopped of stopped) onStopped();
    this.#options.onResourcesFreed();
  }
}
