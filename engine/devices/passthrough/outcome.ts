import { Asc, checkCondition, SenseKey } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { DataDirection, SENSE_CAPACITY_BYTES } from '../../shm/layout.js';
import type { CarriedAnswer, CarriedCommand } from './carrier.js';

const REQUEST_SENSE = 0x03;

/**
 * The slot as a command that travels. Data-In lands where the slot says, or in `ownMemory` when the command moves data both ways. The views are of the slot and
 * the arena: nothing is copied.
 */
export function carriedFrom(command: CommandSlot, ownMemory: Uint8Array | null): CarriedCommand {
  const { dataOut, dataOutStart, dataOutLength, dataIn, dataInStart, dataInCapacity } = command;
  return {
    cdb: command.cdb.subarray(0, command.cdbLength),
    attribute: command.taskAttribute as CarriedCommand['attribute'],
    direction: command.direction as DataDirection,
    dataOut: dataOutLength === 0 ? null : dataOut.subarray(dataOutStart, dataOutStart + dataOutLength),
    dataIn: ownMemory ?? (dataInCapacity === 0 ? null : dataIn.subarray(dataInStart, dataInStart + dataInCapacity)),
  };
}

/** Puts what the device answered into the slot, word for word. */
export function bringBack(command: CommandSlot, answer: CarriedAnswer, ownMemory: Uint8Array | null): void {
  const senseLength = Math.min(answer.sense.length, SENSE_CAPACITY_BYTES);
  command.status = answer.status;
  command.senseLength = senseLength;
  if (senseLength > 0) command.sense.set(answer.sense.subarray(0, senseLength));
  if (ownMemory !== null) {
    command.dataIn = ownMemory;
    command.dataInStart = 0;
  }
  command.dataInLength = answer.dataInLength;
  // The residual of Data-Out is told from it, RFC 7143 §11.4.5.2.
  if (command.direction === DataDirection.out || command.direction === DataDirection.bidirectional) command.plannedDataOutLength = answer.dataOutLength;
}

/** It may have been executed, nobody can say: whoever made it decides whether to make it again. Linux does so with disks and not with tapes. */
export function answerLost(command: CommandSlot): void {
  checkCondition(command, SenseKey.abortedCommand, Asc.logicalUnitCommunicationFailure);
}

/** The way to the device cannot carry such a command. */
export function answerRefused(command: CommandSlot): void {
  checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb);
}

/** Sense data that tells of a unit attention, wherever it came: with a status, or as the data of REQUEST SENSE. Empty when there is none. */
export function senseOf(command: CommandSlot): Uint8Array {
  if (command.status === ScsiStatus.checkCondition) return command.sense.subarray(0, command.senseLength);
  if (command.status !== ScsiStatus.good || command.cdb[0] !== REQUEST_SENSE) return command.sense.subarray(0, 0);
  return command.dataIn.subarray(command.dataInStart, command.dataInStart + Math.min(command.dataInLength, command.dataInCapacity));
}
