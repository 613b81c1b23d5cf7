import diagnosticsChannel from 'node:diagnostics_channel';
import type { Task } from './task.js';

/**
 * `node:diagnostics_channel` for anyone's tracer. Nothing is built while nobody listens. A message belongs to its listeners: it holds
 * copies, and nothing of the engine changes with it. Times are microseconds of the engine's monotonic clock (`process.hrtime`).
 */
export const COMMAND_START_CHANNEL = 'lunloom:command:start';
export const COMMAND_END_CHANNEL = 'lunloom:command:end';

/** A command's turn has come: it is complete but for Data-Out that the target will ask for, and goes to its logical unit. */
export interface CommandStartMessage {
  readonly targetPortName: string;
  readonly initiatorPortName: string;
  readonly lun: number;
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
  readonly cdb: Uint8Array;
  readonly expectedDataOutLength: number;
  readonly expectedDataInLength: number;
  readonly receivedAtMicros: number;
}

/** The last byte of the response has left, or never will, or the command was aborted. */
export interface CommandEndMessage {
  /** The message of the start, the same object; null when nobody listened then. */
  readonly start: CommandStartMessage | null;
  readonly outcome: 'answered' | 'aborted';
  /** As the standard writes it, `READ (16)`; null for a command that the logical unit does not know. */
  readonly commandName: string | null;
  readonly lun: number;
  readonly initiatorTaskTag: number;
  readonly status: number;
  readonly senseData: Uint8Array;
  readonly readBytes: number;
  readonly writeBytes: number;
  /** 0 for what an aborted command did not reach. */
  readonly receivedAtMicros: number;
  readonly orderedAtMicros: number;
  readonly dispatchedAtMicros: number;
  readonly startedAtMicros: number;
  readonly executedAtMicros: number;
  readonly completedAtMicros: number;
  readonly flushedAtMicros: number;
}

const startChannel = diagnosticsChannel.channel(COMMAND_START_CHANNEL);
const endChannel = diagnosticsChannel.channel(COMMAND_END_CHANNEL);

/** Tells tracers of a command whose turn has come, if there are any. */
export function publishStart(task: Task): void {
  if (!startChannel.hasSubscribers) return;
  const { slot, owner, taskSet } = task;
  const message: CommandStartMessage = {
    targetPortName: owner.nexus.targetPortName,
    initiatorPortName: owner.nexus.initiatorPortName,
    lun: taskSet.unit.lun,
    initiatorTaskTag: task.initiatorTaskTag,
    cmdSN: task.cmdSN,
    cdb: slot.cdb.slice(0, slot.cdbLength),
    expectedDataOutLength: slot.expectedDataOutLength,
    expectedDataInLength: slot.expectedDataInLength,
    receivedAtMicros: slot.receivedAt,
  };
  task.traced = message;
  startChannel.publish(message);
}

/** Tells tracers of a command that has ended, if there are any. */
export function publishEnd(task: Task, outcome: CommandEndMessage['outcome'], readBytes: number): void {
  if (!endChannel.hasSubscribers) return;
  const { slot } = task;
  const message: CommandEndMessage = {
    start: task.traced,
    outcome,
    commandName: task.row?.name ?? null,
    lun: task.taskSet.unit.lun,
    initiatorTaskTag: task.initiatorTaskTag,
    status: slot.status,
    senseData: slot.sense.slice(0, slot.senseLength),
    readBytes,
    writeBytes: task.dataOut.receivedLength,
    receivedAtMicros: slot.receivedAt,
    orderedAtMicros: slot.orderedAt,
    dispatchedAtMicros: slot.dispatchedAt,
    startedAtMicros: slot.startedAt,
    executedAtMicros: slot.executedAt,
    completedAtMicros: slot.completedAt,
    flushedAtMicros: slot.flushedAt,
  };
  endChannel.publish(message);
}
