import type { MediumJob } from '../dispatch/job.js';
import { assert } from '../errors.js';
import type { CommandRow, Deferral, DeviceType } from '../scsi/command-table.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { Medium } from '../scsi/medium.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { CommandStartMessage } from './command-channels.js';
import { DataOutTransfer } from './data-out-transfer.js';
import type { PduOutput, Releasable } from './pdu-output.js';
import type { RangeClaim } from './range-locks.js';
import type { TaskOrder } from './task-order.js';
import type { TaskRunner } from './task-runner.js';
import type { TaskSet } from './task-set.js';

/** The states of a task and the ways between them. */
export const TaskState = {
  /** Header seen; immediate data or the turn by CmdSN is still missing. */
  arriving: 'arriving',
  /** In the task set, held back by the attributes of others. SAM-5 §8.6 "Task attributes". */
  dormant: 'dormant',
  /** Enabled; Data-Out is being asked for and collected. */
  transferring: 'transferring',
  /** All data is here; a block range or memory is missing, or an ACA condition blocks it. */
  waiting: 'waiting',
  /** With a device server, here or on a worker. */
  executing: 'executing',
  /** The outcome is known; an unsolicited Data-Out sequence, a response fence or an ACA condition has to end first. */
  draining: 'draining',
  /** Response queued; the bytes have not left yet. */
  responding: 'responding',
  /** Nothing refers to the task's resources any more. */
  ended: 'ended',
} as const;
export type TaskState = (typeof TaskState)[keyof typeof TaskState];

const transitions: Record<TaskState, readonly TaskState[]> = {
  arriving: ['dormant', 'transferring', 'draining', 'responding', 'ended'],
  dormant: ['transferring', 'draining', 'responding', 'ended'],
  transferring: ['waiting', 'executing', 'draining', 'responding', 'ended'],
  waiting: ['executing', 'draining', 'responding', 'ended'],
  executing: ['draining', 'responding', 'ended'],
  draining: ['responding', 'ended'],
  responding: ['ended'],
  ended: ['arriving'],
};

/** What the transfer of data needs of the negotiated parameters. RFC 7143 §13. */
export interface TransferParameters {
  /** Longest data segment the initiator takes; bytes. */
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly maxOutstandingR2T: number;
  /** From 1 on, data is acknowledged and may have to be sent again. */
  readonly errorRecoveryLevel: number;
}

/** The way by which a task came, as the task sees it: a connection, or a nexus of this process. */
export interface TaskOwner {
  readonly nexus: ITNexus;
  /** Arena bytes that tasks of this connection hold. */
  arenaBytesHeld: number;
  /** What a command of late needed of the arena at most; bytes. The command window follows it. */
  commandBytes: number;
  /** Tasks of its session that came before their turn by CmdSN and wait for older ones. */
  readonly earlyTasks: Iterable<Task>;
  /** Answers may have to wait for others to arrive. */
  readonly isFenced: boolean;
  /** True when the answer of the task has to wait: it will be advanced again. RFC 7143 §4.2.2.3. */
  holdAnswer(task: Task): boolean;
  /** Asks for Data-Out that has not come, of which there is memory for all. */
  solicit(task: Task): void;
  /** Sends the outcome; the task leaves its task set behind it. */
  sendAnswer(task: Task): void;
  /** Calls `task.onFlushed` when what was sent has left, or never will: perhaps at once, and then the task is another's. */
  releaseAfterAnswer(task: Task): void;
  /** What still comes of the task's Data-Out is not wanted any more. */
  onDataOutUnwanted(task: Task): void;
  /** The response is queued: the initiator may use the tag again. */
  onTaskAnswered(task: Task): void;
  /** The task holds nothing any more. */
  onTaskEnded(task: Task): void;
}

/** A connection, which sends and is sent PDUs. */
export interface PduTaskOwner extends TaskOwner {
  readonly output: PduOutput;
  readonly parameters: TransferParameters;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
  /** The next StatSN, without using it up. */
  readonly statSN: number;
  takeStatSN(): number;
  takeTargetTransferTag(): number;
}

export const NO_PIECE = -1;
export const NOT_ENTERED = -1;

/** One command from its header to the last byte of its response. Pooled: `begin` starts a new life. */
export class Task implements MediumJob, RangeClaim, Releasable, Deferral {
  readonly #runner: TaskRunner;
  #state: TaskState = TaskState.ended;
  slot!: CommandSlot;
  owner!: TaskOwner;
  taskSet!: TaskSet;
  /** Of a medium command: as it was when the command was planned, for the unit may be given another. */
  medium!: Medium;
  row: CommandRow | null = null;
  initiatorTaskTag = 0;
  lunHigh = 0;
  lunLow = 0;
  attribute = 0;
  cmdSN = 0;
  immediate = false;
  /** The initiator no longer wants an answer (ABORT TASK, reset, connection gone). */
  aborted = false;
  /** Where the task stands in its task set, `NOT_ENTERED` when it does not count there. */
  setIndex = NOT_ENTERED;
  /** The task set of SAM-5 that it stands in, while it does. */
  order: TaskOrder | null = null;
  /** An ACA condition does not block it. */
  passesAca = false;
  /** Another nexus has aborted it while it was executing: it ends with TASK ABORTED status. */
  isTerminated = false;
  readonly dataOut = new DataOutTransfer();
  /** Arena pieces, `NO_PIECE` when there is none, and their lengths. */
  dataOutPiece = NO_PIECE;
  dataOutPieceLength = 0;
  dataInPiece = NO_PIECE;
  dataInPieceLength = 0;
  /** What tracers were told at the start; null when there was none. */
  traced: CommandStartMessage | null = null;
  /** Told when an aborted task has really stopped. */
  onStopped: (() => void)[] | null = null;

  /** A unit command that ends by what `defer` answered, mostly after its `execute` has returned. */
  isDeferred = false;
  /** Counts the commands that this record has been, and their deferrals that were given up: what is called late must not end another. */
  #life = 0;
  #onAbort: (() => void) | null = null;

  claimStart = 0;
  claimEnd = 0;
  claimExclusive = false;
  claimIndex = -1;

  constructor(runner: TaskRunner) {
    this.#runner = runner;
  }

  begin(owner: TaskOwner, taskSet: TaskSet, slot: CommandSlot): void {
    this.transition(TaskState.arriving);
    this.owner = owner;
    this.taskSet = taskSet;
    this.slot = slot;
    this.row = null;
    this.aborted = false;
    this.setIndex = NOT_ENTERED;
    this.passesAca = false;
    this.isTerminated = false;
    this.onStopped = null;
    this.isDeferred = false;
    this.#life++;
    this.#onAbort = null;
  }

  get life(): number {
    return this.#life;
  }

  /** The task counts in its task set. */
  get entered(): boolean {
    return this.setIndex !== NOT_ENTERED;
  }

  /** An ACA condition keeps it from going on. SAM-5 "Blocked command state". */
  get isBlocked(): boolean {
    return this.order !== null && this.order.aca !== null && !this.passesAca;
  }

  get state(): TaskState {
    return this.#state;
  }

  transition(next: TaskState): void {
    // The message is only built when it is needed: this runs four times a command.
    if (!transitions[this.#state].includes(next)) assert(false, `task cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }

  get deviceType(): DeviceType {
    return this.taskSet.unit.deviceType;
  }

  defer(onAbort?: () => void): () => void {
    assert(this.#state === TaskState.executing && !this.isDeferred, 'a command is deferred once, while it executes');
    this.isDeferred = true;
    this.#onAbort = onAbort ?? null;
    // Data-Out may lie in the receive chunk, which is used again when this call returns.
    this.#runner.memory.keepDataOut(this);
    const life = this.#life;
    let hasEnded = false;
    return () => {
      assert(!hasEnded, 'a deferred command has ended twice');
      hasEnded = true;
      if (life === this.#life) this.#runner.onDeferredExecuted(this);
    };
  }

  tellDefect(error: unknown): void {
    this.#runner.tellDefect(error);
  }

  /** Its `execute` has failed: nobody can be relied on to end it. */
  giveUpDeferral(): void {
    this.isDeferred = false;
    this.#life++;
    this.#onAbort = null;
  }

  /** The work of a deferred command is to stop soon. */
  abortDeferred(): void {
    const onAbort = this.#onAbort;
    this.#onAbort = null;
    onAbort?.();
  }

  onExecuted(): void {
    this.#runner.onExecuted(this);
  }

  onRangeGranted(): void {
    this.#runner.onRangeGranted(this);
  }

  onFlushed(atMicros?: number): void {
    this.#runner.onFlushed(this, atMicros);
  }
}
