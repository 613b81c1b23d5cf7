import type { CommandSlot } from '../../../shm/command-slot.js';
import { PROTECTION_LENGTH_BYTES } from '../../../store/protected-store.js';
import type { MediumCommandRow } from '../../command-table.js';
import type { Medium } from '../../medium.js';
import { ScsiStatus } from '../../status.js';
import { orWriteRow } from '../orwrite.js';
import { threadScratch } from '../scratch.js';
import { DISABLE_WRITE_BIT, xdWriteReadRows } from '../xdwriteread.js';
import { exclusiveOr, inclusiveOr } from '../xor.js';
import { checksOf, type ProtectForm, protectedRow, protectOf, transferBlockBytes } from './protect-field.js';
import {
  apart,
  checkDataOut,
  incomingProtectionScratch,
  pieceBlocksOf,
  readPiece,
  threadProtectionScratch,
  writeIncoming,
  writePiece,
} from './protected-blocks.js';
import { generateProtection, keepTags } from './protection-checks.js';

/* Commands that make new blocks of what is there and what comes. */

/** Of XDWRITEREAD: Data-In has the exclusive or of the protection information too. */
const XORPINFO_BIT = 0x01;

export const protectedOrWriteRow: MediumCommandRow = protectedRow(orWriteRow, { execute: executeOrWrite });

/** The whole blocks that came, once their protection information has been checked; null when a check has ended the command. */
function admitDataOut(command: CommandSlot, medium: Medium, form: ProtectForm): number | null {
  const arrivedBytes = Math.min(command.plannedDataOutLength, command.dataOutLength);
  const count = Math.floor(arrivedBytes / transferBlockBytes(command, medium, form));
  const isProtected = protectOf(command, form) !== 0;
  return isProtected && !checkDataOut(command, medium, 0, count, checksOf(command, medium, form, 'data-out')) ? null : count;
}

/** Piece by piece. What results has a guard of its own, and the tags that came with Data-Out. SBC-3 "ORWRITE (16) command". */
function executeOrWrite(command: CommandSlot, medium: Medium, form: ProtectForm): void {
  const { blockLengthBytes } = medium;
  const count = admitDataOut(command, medium, form);
  if (count === null) return;
  const unitBytes = transferBlockBytes(command, medium, form);
  const checks = checksOf(command, medium, form, 'medium');
  const durable = orWriteRow.isDurable?.(command) === true;
  const result = apart(medium, threadScratch(), 0, incomingProtectionScratch());
  const stepCount = pieceBlocksOf(medium);
  for (let done = 0; done < count; done += stepCount) {
    const pieceCount = Math.min(stepCount, count - done);
    if (readPiece(command, medium, done, pieceCount, checks) < pieceCount) return;
    for (let index = 0; index < pieceCount; index++) {
      const present = { bytes: result.data, start: index * blockLengthBytes };
      inclusiveOr(present, present, { bytes: command.dataOut, start: command.dataOutStart + (done + index) * unitBytes }, blockLengthBytes);
    }
    generateProtection(result, medium, command.lba + done, pieceCount);
    if (unitBytes > blockLengthBytes) {
      keepTags(result, { bytes: command.dataOut, start: command.dataOutStart + done * unitBytes + blockLengthBytes, stride: unitBytes }, pieceCount);
    }
    if (!writePiece(command, medium, result, command.lba + done, pieceCount, durable)) return;
  }
}

export const protectedXdWriteReadRows: readonly MediumCommandRow[] = xdWriteReadRows.map((row) => {
  const flagsAt = row.cdbLength === 10 ? 1 : 10;
  const withXorOfProtection = { ...row, cdbUsage: row.cdbUsage.map((bits, at) => (at === flagsAt ? bits | XORPINFO_BIT : bits)) };
  return protectedRow(withXorOfProtection, {
    plan(command, medium, form, unit) {
      row.plan(command, medium, unit);
      if (command.status !== ScsiStatus.good || command.plannedDataOutLength === 0) return;
      command.plannedDataOutLength = command.lbaCount * transferBlockBytes(command, medium, form);
      command.plannedDataInLength = command.lbaCount * returnedBlockBytes(command, medium, form);
    },
    execute: (command, medium, form) => executeXdWriteRead(command, medium, form, row.isDurable?.(command) === true),
  });
});

function returnedBlockBytes(command: CommandSlot, medium: Medium, form: ProtectForm): number {
  const wantsProtection = ((command.cdb[form.flagsAt as number] as number) & XORPINFO_BIT) !== 0;
  return wantsProtection ? transferBlockBytes(command, medium, form) : medium.blockLengthBytes;
}

/** As without protection information, but that nothing is written where a check of Data-Out fails. */
function executeXdWriteRead(command: CommandSlot, medium: Medium, form: ProtectForm, durable: boolean): void {
  const count = admitDataOut(command, medium, form);
  if (count === null) return;
  const flags = command.cdb[form.flagsAt as number] as number;
  const unitBytes = transferBlockBytes(command, medium, form);
  const returnedBytes = returnedBlockBytes(command, medium, form);
  const checks = checksOf(command, medium, form, 'medium');
  const stepCount = pieceBlocksOf(medium);
  for (let done = 0; done < count; done += stepCount) {
    const pieceCount = Math.min(stepCount, count - done);
    const goodCount = readPiece(command, medium, done, pieceCount, checks);
    if ((flags & DISABLE_WRITE_BIT) === 0 && goodCount > 0) {
      const incoming = { at: done * unitBytes, offset: done, count: goodCount, isProtected: unitBytes > medium.blockLengthBytes };
      if (!writeIncoming(command, medium, incoming, durable)) {
        command.dataInLength = done * returnedBytes;
        return;
      }
    }
    for (let index = 0; index < goodCount; index++) returnExclusiveOr(command, medium, { index, offset: done + index, unitBytes, returnedBytes });
    if (goodCount < pieceCount) {
      command.dataInLength = (done + goodCount) * returnedBytes;
      return;
    }
  }
  command.dataInLength = count * returnedBytes;
}

interface ReturnedBlock {
  readonly index: number;
  readonly offset: number;
  readonly unitBytes: number;
  readonly returnedBytes: number;
}

/** No more than the initiator takes. Data-In may lie where Data-Out does: a block goes to where it was, or before. */
function returnExclusiveOr(command: CommandSlot, { blockLengthBytes }: Medium, { index, offset, unitBytes, returnedBytes }: ReturnedBlock): void {
  const room = Math.min(command.dataInCapacity, command.expectedDataInLength) - offset * returnedBytes;
  const target = command.dataInStart + offset * returnedBytes;
  const source = command.dataOutStart + offset * unitBytes;
  const dataBytes = Math.min(blockLengthBytes, room);
  if (dataBytes <= 0) return;
  const before = { bytes: threadScratch(), start: index * blockLengthBytes };
  exclusiveOr({ bytes: command.dataIn, start: target }, { bytes: command.dataOut, start: source }, before, dataBytes);
  const protectionBytes = Math.min(returnedBytes, room) - blockLengthBytes;
  if (protectionBytes <= 0) return;
  const protectionBefore = { bytes: threadProtectionScratch(), start: index * PROTECTION_LENGTH_BYTES };
  const into = { bytes: command.dataIn, start: target + blockLengthBytes };
  exclusiveOr(into, { bytes: command.dataOut, start: source + blockLengthBytes }, protectionBefore, protectionBytes);
}
