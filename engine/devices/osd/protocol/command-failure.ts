import { TargetError } from '../../../errors.js';
import type { SenseDetails } from '../../../scsi/sense.js';
import { Asc, SenseKey } from '../../../scsi/sense-codes.js';

/**
 * How an OSD command fails. It is thrown, and caught where the command began: what is undone on the way is the store's transaction, which rolls back for
 * what is thrown through it.
 */
export class CommandFailure extends TargetError {
  readonly key: SenseKey;
  readonly asc: number;
  readonly details: SenseDetails;
  /** Which attributes are to blame, for the OSD attribute identification descriptor. */
  readonly attributes: readonly AttributeName[];

  constructor(key: SenseKey, asc: number, details: SenseDetails = {}, attributes: readonly AttributeName[] = []) {
    super('OSD_COMMAND_FAILED', `sense ${key.toString(16)}h/${asc.toString(16)}h`);
    this.key = key;
    this.asc = asc;
    this.details = details;
    this.attributes = attributes;
  }
}

export interface AttributeName {
  readonly page: number;
  readonly number: number;
}

export function invalidCdbField(byte: number, bit?: number): CommandFailure {
  return new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInCdb, { fieldPointer: { byte, inCdb: true, ...(bit === undefined ? {} : { bit }) } });
}

export function invalidListField(byte: number, attributes: readonly AttributeName[] = []): CommandFailure {
  return new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInParameterList, { fieldPointer: { byte, inCdb: false } }, attributes);
}

export function listLengthError(): CommandFailure {
  return new CommandFailure(SenseKey.illegalRequest, Asc.parameterListLengthError);
}

export function quotaError(): CommandFailure {
  return new CommandFailure(SenseKey.dataProtect, Asc.quotaError);
}
