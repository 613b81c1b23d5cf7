import { ScsiStatus } from '../../engine/scsi/status.js';
import type { CommandResult } from '../command-exchange.js';
import { InitiatorError } from '../errors.js';
import { describeSense, type ParsedSense, parseSense } from '../sense-data.js';

/** Thrown by `LogicalUnitClient` when a command ends with any status but GOOD and CONDITION MET; the subclasses tell which. */
export class ScsiCommandError extends InitiatorError {
  override readonly name: string = 'ScsiCommandError';
  /** What was asked for, such as `READ (10)`. */
  readonly command: string;
  /** A `ScsiStatus` value. */
  readonly status: number;
  /** Null when the status came without sense data. */
  readonly sense: ParsedSense | null;
  /** All that came back: Data-In before the error and residuals among it. */
  readonly result: CommandResult;
  constructor(command: string, result: CommandResult) {
    const sense = parseSense(result.sense);
    super('SCSI_STATUS', `${command} ended with ${statusName(result.status)}${sense === null ? '' : `: ${describeSense(sense)}`}`);
    this.command = command;
    this.status = result.status;
    this.sense = sense;
    this.result = result;
  }
}

/** CHECK CONDITION: what is wrong is in `sense`. */
export class ScsiError extends ScsiCommandError {
  override readonly name = 'ScsiError';
  /** A `SenseKey` value; null without sense data. */
  get senseKey(): number | null {
    return this.sense?.key ?? null;
  }
  /** ASC and ASCQ together, as `Asc` has them; null without sense data. */
  get ascAscq(): number | null {
    return this.sense?.ascAscq ?? null;
  }
}

/** RESERVATION CONFLICT: another nexus holds a reservation that shuts this command out. */
export class ReservationConflictError extends ScsiCommandError {
  override readonly name = 'ReservationConflictError';
}

/** BUSY: to be tried again later. */
export class BusyError extends ScsiCommandError {
  override readonly name = 'BusyError';
}

/** TASK SET FULL: too many commands are waiting. */
export class TaskSetFullError extends ScsiCommandError {
  override readonly name = 'TaskSetFullError';
}

/** ACA ACTIVE: an auto contingent allegiance has to be cleared before. */
export class AcaActiveError extends ScsiCommandError {
  override readonly name = 'AcaActiveError';
}

/** TASK ABORTED: another nexus aborted the command. */
export class TaskAbortedError extends ScsiCommandError {
  override readonly name = 'TaskAbortedError';
}

const errorsByStatus: Readonly<Record<number, new (command: string, result: CommandResult) => ScsiCommandError>> = {
  [ScsiStatus.checkCondition]: ScsiError,
  [ScsiStatus.reservationConflict]: ReservationConflictError,
  [ScsiStatus.busy]: BusyError,
  [ScsiStatus.taskSetFull]: TaskSetFullError,
  [ScsiStatus.acaActive]: AcaActiveError,
  [ScsiStatus.taskAborted]: TaskAbortedError,
};

/** The error that a status asks for. */
export function scsiErrorOf(command: string, result: CommandResult): ScsiCommandError {
  return new (errorsByStatus[result.status] ?? ScsiCommandError)(command, result);
}

const statusNames: Readonly<Record<number, string>> = {
  [ScsiStatus.good]: 'GOOD',
  [ScsiStatus.checkCondition]: 'CHECK CONDITION',
  [ScsiStatus.conditionMet]: 'CONDITION MET',
  [ScsiStatus.busy]: 'BUSY',
  [ScsiStatus.reservationConflict]: 'RESERVATION CONFLICT',
  [ScsiStatus.taskSetFull]: 'TASK SET FULL',
  [ScsiStatus.acaActive]: 'ACA ACTIVE',
  [ScsiStatus.taskAborted]: 'TASK ABORTED',
};

/** As the standard prints it. SAM-5 §5.3 "Status". */
export function statusName(status: number): string {
  return statusNames[status] ?? `status 0x${status.toString(16).padStart(2, '0')}`;
}
