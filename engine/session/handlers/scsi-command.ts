import { runsInline } from '../../dispatch/policy.js';
import { assert } from '../../errors.js';
import {
  BHS_CDB_LENGTH,
  BHS_LENGTH,
  decodeLun,
  decodeScsiCommand,
  emptyScsiResponse,
  encodeScsiResponse,
  parseAhs,
  RESERVED_TAG,
  RejectReason,
  SCSI_COMMAND,
  type ScsiCommandPdu,
} from '../../pdu/index.js';
import { Asc, SenseKey } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import { DataDirection } from '../../shm/layout.js';
import { NO_PIECE, type Task } from '../../task/task.js';
import { CommandTurn } from '../command-window.js';
import type { Connection } from '../connection.js';
import { PduFinish } from '../connection-state.js';

/** SCSI Command, RFC 7143 §11.3: makes a task of the header and says where its immediate data lands. */
export function handleScsiCommandHeader(connection: Connection, bytes: Uint8Array, view: DataView, at: number, ahsLength: number, dataLength: number): void {
  const pdu = decodeScsiCommand(view, at, connection.scsiCommand);
  const { session } = connection;
  connection.turn = pdu.immediate ? CommandTurn.now : session.window.turnOf(pdu.cmdSN);
  if (connection.turn === CommandTurn.outside) {
    // Its unsolicited data comes all the same.
    if (!pdu.final) connection.expectStrays(pdu.initiatorTaskTag);
    connection.dropPdu();
    return;
  }
  const reason = refusalOf(connection, pdu, view, at, ahsLength, dataLength);
  if (reason !== null) {
    // The CmdSN of a rejected command counts as received, or everything behind it would wait for ever.
    if (connection.turn === CommandTurn.early) session.window.hold(pdu.cmdSN, null);
    else if (!pdu.immediate) {
      session.window.advance();
      connection.runHeldPdus();
    }
    connection.rejectPdu(reason, bytes, at);
    return;
  }
  const task = createTask(connection, pdu, view, at, dataLength);
  connection.finish = PduFinish.scsiCommand;
  connection.landingTask = task;
  if (task === null) connection.transport.discardData();
  else if (dataLength > 0) landImmediateData(connection, task, dataLength);
}

/** The reason to reject the PDU as it stands, or null. */
function refusalOf(connection: Connection, pdu: ScsiCommandPdu, view: DataView, at: number, ahsLength: number, dataLength: number): RejectReason | null {
  connection.ahs.extendedCdbAt = -1;
  connection.ahs.bidirectionalReadLength = -1;
  if (connection.session.target === null) return RejectReason.protocolError;
  if (ahsLength > 0) {
    if (ahsLength > connection.context.limits.ahsLengthBytesMax || !parseAhs(view, at + BHS_LENGTH, ahsLength, connection.ahs))
      return RejectReason.invalidPduField;
  }
  // RFC 7143 §11.2.1.8: the reserved value names no task.
  if (pdu.initiatorTaskTag === RESERVED_TAG) return RejectReason.invalidPduField;
  if (!pdu.write && (dataLength > 0 || !pdu.final)) return RejectReason.invalidPduField;
  if (dataLength > pdu.expectedDataTransferLength) return RejectReason.invalidPduField;
  if (connection.tasks.has(pdu.initiatorTaskTag)) return RejectReason.taskInProgress;
  if (connection.session.hasOtherConnections && connection.session.isTagInUse(pdu.initiatorTaskTag)) return RejectReason.taskInProgress;
  if (pdu.immediate && connection.session.immediateTaskCount >= connection.context.limits.immediateCommandCountMax) return RejectReason.immediateCommandReject;
  return null;
}

/** A task for the command, or null when no slot is left. */
function createTask(connection: Connection, pdu: ScsiCommandPdu, view: DataView, at: number, dataLength: number): Task | null {
  const { session, ahs } = connection;
  const lun = decodeLun(pdu.lunHigh, pdu.lunLow);
  // A session without a target was refused above.
  const taskSet = (session.target as NonNullable<typeof session.target>).taskSetOf(lun);
  const task = connection.context.runner.create(connection, taskSet, connection.receivedAtMicros);
  if (task === null) return null;
  const { slot } = task;
  task.initiatorTaskTag = pdu.initiatorTaskTag;
  task.lunHigh = pdu.lunHigh;
  task.lunLow = pdu.lunLow;
  task.attribute = pdu.attribute;
  task.cmdSN = pdu.cmdSN;
  task.immediate = pdu.immediate;
  slot.initiatorTaskTag = pdu.initiatorTaskTag;
  slot.taskAttribute = pdu.attribute;
  copyCdb(connection, task, view, at);
  const bidirectional = pdu.read && pdu.write;
  slot.direction = bidirectional ? DataDirection.bidirectional : pdu.write ? DataDirection.out : pdu.read ? DataDirection.in : DataDirection.none;
  slot.expectedDataOutLength = pdu.write ? pdu.expectedDataTransferLength : 0;
  slot.expectedDataInLength = bidirectional ? Math.max(0, ahs.bidirectionalReadLength) : pdu.read ? pdu.expectedDataTransferLength : 0;
  const { parameters, context } = connection;
  const pieceCountMax = parameters.dataPDUInOrder ? 0 : context.limits.dataOutPieceCountMax;
  task.dataOut.begin(slot.expectedDataOutLength, dataLength, pdu.write && !pdu.final, parameters.firstBurstLength, pieceCountMax);
  if (connection.retransmission !== null) session.onTagUsedAgain(pdu.initiatorTaskTag);
  connection.tasks.set(pdu.initiatorTaskTag, task);
  if (connection.stoppedTags.size > 0) connection.stoppedTags.delete(pdu.initiatorTaskTag);
  session.openTaskCount++;
  if (pdu.immediate) session.immediateTaskCount++;
  return task;
}

function copyCdb(connection: Connection, task: Task, view: DataView, at: number): void {
  const { slot } = task;
  const { ahs } = connection;
  for (let offset = 0; offset < BHS_CDB_LENGTH; offset += 4) slot.cdbView.setUint32(offset, view.getUint32(at + SCSI_COMMAND.cdb + offset));
  slot.cdbLength = BHS_CDB_LENGTH;
  if (ahs.extendedCdbAt === -1) return;
  assert(BHS_CDB_LENGTH + ahs.extendedCdbLength <= slot.cdb.length, 'a CDB is longer than its slot has room for');
  for (let i = 0; i < ahs.extendedCdbLength; i++) slot.cdb[BHS_CDB_LENGTH + i] = view.getUint8(ahs.extendedCdbAt + i);
  slot.cdbLength = BHS_CDB_LENGTH + ahs.extendedCdbLength;
}

/**
 * Immediate data is used where it lies when all of it is there and the command will run at once on this thread;
 * otherwise it lands in the arena.
 */
function landImmediateData(connection: Connection, task: Task, dataLength: number): void {
  const { transport, context } = connection;
  const { taskSet } = task;
  const medium = taskSet.unit.medium;
  const { direction } = task.slot;
  // The Data-In of a bidirectional command may take its place: it has to last until that has left.
  const complete = dataLength === task.dataOut.expectedLength && connection.turn === CommandTurn.now && direction === DataDirection.out;
  if (complete && transport.isDataContiguous && medium !== null && medium.store.alignmentBytes === 1) {
    const row = task.deviceType.commands.find(task.slot.cdb);
    if (row !== undefined && runsInline(taskSet.execution, row, task.slot, medium, dataLength, true)) return;
  }
  if (placeDataOut(connection, task)) transport.landIn(context.runner.arena.bytes, task.dataOutPiece, task.dataOutPieceLength);
  else transport.discardData();
}

/** Memory for all Data-Out of the task; false when there is none. Less than all would be held while waiting for the rest. */
export function placeDataOut(connection: Connection, task: Task): boolean {
  if (task.dataOutPiece !== NO_PIECE) return true;
  const { runner, limits } = connection.context;
  return runner.memory.allocateDataOut(task, Math.min(task.dataOut.expectedLength, limits.transferLengthBytesMax));
}

/** The command PDU is complete: its turn decides whether it starts or is kept. */
export function finishScsiCommand(connection: Connection, bytes: Uint8Array, dataAt: number): void {
  const pdu = connection.scsiCommand;
  const task = connection.landingTask;
  if (task !== null && task.dataOut.receivedLength > 0 && task.dataOutPiece === NO_PIECE) {
    task.slot.dataOut = bytes;
    task.slot.dataOutStart = dataAt;
  }
  connection.landingTask = null;
  if (!pdu.immediate && (connection.turn === CommandTurn.early || pdu.cmdSN !== connection.session.window.expCmdSN)) {
    // While its data came, another connection may have brought what was missing, or a function has let it count as received.
    connection.turn = connection.session.window.turnOf(pdu.cmdSN);
    if (connection.turn === CommandTurn.outside) {
      if (!pdu.final) connection.expectStrays(pdu.initiatorTaskTag);
      if (task !== null) connection.context.runner.abort(task, ignore);
      return;
    }
  }
  if (task !== null) checkUnsolicitedData(connection, task);
  if (connection.turn === CommandTurn.early) {
    holdCommand(connection, pdu, task);
    return;
  }
  if (!pdu.immediate) connection.session.window.advance();
  if (task === null) answerWithoutRoom(connection, pdu);
  else connection.context.runner.deliver(task);
  if (!pdu.immediate) connection.runHeldPdus();
}

/** Fails a task whose command PDU broke the rules of unsolicited data, or whose immediate data found no memory. */
function checkUnsolicitedData(connection: Connection, task: Task): void {
  const { runner } = connection.context;
  const { dataOut } = task;
  const immediateLength = dataOut.receivedLength;
  const { immediateData, firstBurstLength, initialR2T } = connection.parameters;
  const unexpected = immediateLength > 0 && (!immediateData || immediateLength > firstBurstLength);
  if (unexpected || (dataOut.unsolicitedOpen && initialR2T)) runner.failTransfer(task, SenseKey.abortedCommand, Asc.unexpectedUnsolicitedData);
  else if (immediateLength > 0 && task.slot.dataOut.length === 0) runner.refuse(task);
}

/** Keeps a command that came before its turn. One without a slot is answered now, and its CmdSN counts as received. */
function holdCommand(connection: Connection, pdu: ScsiCommandPdu, task: Task | null): void {
  if (task === null) answerWithoutRoom(connection, pdu);
  else if (!task.dataOut.poisoned) connection.context.runner.memory.keepDataOut(task);
  connection.session.window.hold(pdu.cmdSN, task);
  connection.session.onHeldPdu();
}

const response = emptyScsiResponse();

/** There was no slot for the command. */
function answerWithoutRoom(connection: Connection, pdu: ScsiCommandPdu): void {
  if (!pdu.final) connection.expectStrays(pdu.initiatorTaskTag);
  const taskSet = connection.session.target?.taskSetOf(decodeLun(pdu.lunHigh, pdu.lunLow));
  response.status = taskSet?.statusWithoutRoom(connection.nexus) ?? ScsiStatus.busy;
  response.initiatorTaskTag = pdu.initiatorTaskTag;
  const numbers = connection.takeNumbers();
  response.statSN = numbers.statSN;
  response.expCmdSN = numbers.expCmdSN;
  response.maxCmdSN = numbers.maxCmdSN;
  const { output } = connection;
  const offset = output.begin();
  encodeScsiResponse(response, 0, output.view, offset);
  output.end();
}

function ignore(): void {}
