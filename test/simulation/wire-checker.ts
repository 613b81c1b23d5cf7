import {
  crc32c,
  decodeDataIn,
  decodeDataOut,
  decodeReadyToTransfer,
  decodeScsiCommand,
  decodeScsiResponse,
  decodeTaskManagementRequest,
  Opcode,
  RESERVED_TAG,
  readOpcode,
  readTargetNumbers,
  TaskManagementFunction,
} from '../../engine/pdu/index.js';
import { serialDifference } from '../../engine/session/command-window.js';
import type { WirePdu } from './pdu-cutter.js';
import type { SessionParameters } from './scenario.js';
import type { LinkObserver } from './sim-link.js';
import { must } from './violation.js';

interface AskedRange {
  readonly targetTransferTag: number;
  readonly from: number;
  readonly to: number;
  isOpen: boolean;
}

/** What one command may still be sent. */
class TaskWatch {
  readonly read: boolean;
  readonly write: boolean;
  readonly expectedLength: number;
  nextDataSN = 0;
  nextOffset = 0;
  burstBytes = 0;
  /** By DataSN: what was sent, to compare what is sent again. */
  readonly sentData = new Map<number, string>();
  readonly asked: AskedRange[] = [];
  statusCount = 0;
  /** Another connection has taken it over so often: its data and its status may come anew. */
  reassignCount = 0;
  nextR2TSN = 0;
  hasRecoveryR2T = false;

  constructor({ read, write, expectedDataTransferLength }: { read: boolean; write: boolean; expectedDataTransferLength: number }) {
    this.read = read;
    this.write = write;
    this.expectedLength = expectedDataTransferLength;
  }
}

/** Commands of one session as the target has got them, on whichever connection. */
export class SessionWatch {
  readonly tasks = new Map<number, TaskWatch>();
  readonly parameters: SessionParameters;
  readonly windowCountMax: number;

  constructor(parameters: SessionParameters, windowCountMax: number) {
    this.parameters = parameters;
    this.windowCountMax = windowCountMax;
  }
}

/** PDUs that bear a StatSN of their own. */
function takesStatSN(header: DataView): boolean {
  const opcode = readOpcode(header, 0);
  if (opcode === Opcode.dataIn) return decodeDataIn(header, 0).statusPresent;
  if (opcode === Opcode.nopIn) return header.getUint32(16) !== RESERVED_TAG;
  return opcode !== Opcode.readyToTransfer;
}

/** Looks at all that the target sends by one connection, before anything happens to it, and holds it against the rules. */
export class WireChecker implements LinkObserver {
  readonly #session: SessionWatch;
  readonly #name: string;
  #nextStatSN = -1;
  #expCmdSN = 0;
  #maxCmdSN = 0;
  #hasNumbers = false;
  #snackCount = 0;
  /** By StatSN: whom it answered. */
  readonly #answered = new Map<number, string>();

  constructor(session: SessionWatch, name: string) {
    this.#session = session;
    this.#name = name;
  }

  onDelivered({ header }: WirePdu): void {
    const opcode = readOpcode(header, 0);
    const { tasks } = this.#session;
    if (opcode === Opcode.snackRequest) this.#snackCount++;
    else if (opcode === Opcode.scsiCommand) {
      const pdu = decodeScsiCommand(header, 0);
      if (!tasks.has(pdu.initiatorTaskTag)) tasks.set(pdu.initiatorTaskTag, new TaskWatch(pdu));
    } else if (opcode === Opcode.dataOut) {
      const { final, initiatorTaskTag, targetTransferTag } = decodeDataOut(header, 0);
      const range = tasks.get(initiatorTaskTag)?.asked.find((each) => each.targetTransferTag === targetTransferTag);
      if (range !== undefined && final) range.isOpen = false;
    } else if (opcode === Opcode.taskManagementRequest) {
      const pdu = decodeTaskManagementRequest(header, 0);
      const task = tasks.get(pdu.referencedTaskTag);
      if (pdu.function === TaskManagementFunction.taskReassign && task !== undefined) task.reassignCount++;
    }
  }

  onTargetPdu(pdu: WirePdu): void {
    const { header } = pdu;
    const opcode = readOpcode(header, 0);
    this.#checkNumbers(header, opcode);
    if (opcode === Opcode.dataIn) this.#checkDataIn(pdu);
    else if (opcode === Opcode.readyToTransfer) this.#checkR2T(header);
    else if (opcode === Opcode.scsiResponse) this.#checkResponse(header);
  }

  /** RFC 7143 §4.2.2.1, §4.2.2.2: StatSN without gaps, numbers of the window that never go back. */
  #checkNumbers(header: DataView, opcode: number): void {
    const { statSN, expCmdSN, maxCmdSN } = readTargetNumbers(header, 0);
    if (this.#hasNumbers) {
      must(serialDifference(expCmdSN, this.#expCmdSN) >= 0, () => this.#text(`ExpCmdSN went back from ${this.#expCmdSN} to ${expCmdSN}`));
      must(serialDifference(maxCmdSN, this.#maxCmdSN) >= 0, () => this.#text(`MaxCmdSN shrank from ${this.#maxCmdSN} to ${maxCmdSN}`));
    }
    this.#hasNumbers = true;
    this.#expCmdSN = expCmdSN;
    this.#maxCmdSN = maxCmdSN;
    const roomCount = serialDifference(maxCmdSN, expCmdSN) + 1;
    must(roomCount >= 0 && roomCount <= this.#session.windowCountMax, () => this.#text(`the window has room for ${roomCount} commands`));
    if (!takesStatSN(header)) {
      const isNumberless = opcode === Opcode.dataIn;
      must(isNumberless || statSN === this.#nextStatSN, () => this.#text(`StatSN ${statSN} is shown where ${this.#nextStatSN} comes next`));
      return;
    }
    const who = `${opcode === Opcode.dataIn ? Opcode.scsiResponse : opcode} ${header.getUint32(16)}`;
    const isNew = this.#nextStatSN === -1 || statSN === this.#nextStatSN;
    if (isNew) {
      this.#nextStatSN = (statSN + 1) >>> 0;
      this.#answered.set(statSN, who);
      this.#countStatus(header, opcode);
      return;
    }
    must(serialDifference(statSN, this.#nextStatSN) < 0, () => this.#text(`StatSN ${statSN} came where ${this.#nextStatSN} was due`));
    must(this.#snackCount > 0, () => this.#text(`StatSN ${statSN} was used twice, and nobody asked for it again`));
    must(this.#answered.get(statSN) === who, () => this.#text(`StatSN ${statSN} was sent again with another answer`));
  }

  #countStatus(header: DataView, opcode: number): void {
    if (opcode !== Opcode.scsiResponse && opcode !== Opcode.dataIn) return;
    const task = this.#taskOf(header);
    task.statusCount++;
    must(task.statusCount <= 1 + task.reassignCount, () => this.#text(`command ${header.getUint32(16).toString(16)} was answered twice`));
  }

  #taskOf(header: DataView): TaskWatch {
    const tag = header.getUint32(16);
    const task = this.#session.tasks.get(tag);
    must(task !== undefined, () => this.#text(`something was sent for command ${tag.toString(16)}, which never came`));
    return task;
  }

  /** RFC 7143 §11.7: DataSN, offsets, segment and burst lengths. */
  #checkDataIn({ header, data }: WirePdu): void {
    const task = this.#taskOf(header);
    const { dataSN, bufferOffset, final, statusPresent } = decodeDataIn(header, 0);
    const { maxRecvDataSegmentLength, maxBurstLength, errorRecoveryLevel } = this.#session.parameters;
    const name = `Data-In ${dataSN} of command ${header.getUint32(16).toString(16)}`;
    must(task.read, () => this.#text(`${name} of a command that reads nothing`));
    must(data.length <= maxRecvDataSegmentLength, () => this.#text(`${name} is longer than MaxRecvDataSegmentLength`));
    must(bufferOffset + data.length <= task.expectedLength, () => this.#text(`${name} goes beyond the expected length`));
    const content = `${bufferOffset} ${data.length} ${crc32c(data, 0, data.length)}`;
    const before = task.sentData.get(dataSN);
    if (before !== undefined && task.reassignCount === 0) {
      must(errorRecoveryLevel > 0 && this.#snackCount > 0, () => this.#text(`${name} was sent twice, and nobody asked for it again`));
      must(before === content, () => this.#text(`${name} was sent again with other data`));
      return;
    }
    task.sentData.set(dataSN, content);
    if (task.reassignCount > 0) return;
    // R2Ts and Data-In of a bidirectional command are numbered together, RFC 7143 §4.2.2.4.
    if (task.write && task.nextOffset === 0) task.nextDataSN = task.nextR2TSN;
    must(dataSN === task.nextDataSN, () => this.#text(`${name} came where DataSN ${task.nextDataSN} was due`));
    must(bufferOffset === task.nextOffset, () => this.#text(`${name} begins at ${bufferOffset}, not at ${task.nextOffset}`));
    task.nextDataSN++;
    task.nextOffset += data.length;
    task.burstBytes += data.length;
    must(task.burstBytes <= maxBurstLength, () => this.#text(`${name} makes a burst of ${task.burstBytes} bytes`));
    must(!statusPresent || final, () => this.#text(`${name} bears status without F`));
    if (final) task.burstBytes = 0;
    must(final || task.burstBytes < maxBurstLength, () => this.#text(`${name} ends a burst without F`));
  }

  #checkResponse(header: DataView): void {
    const task = this.#taskOf(header);
    const { expDataSN, status } = decodeScsiResponse(header, 0);
    if (task.reassignCount > 0 || this.#snackCount > 0) return;
    must(expDataSN === task.nextDataSN, () => this.#text(`ExpDataSN ${expDataSN} after ${task.nextDataSN} Data-In PDUs`));
    if (status !== 0 || !task.write || task.hasRecoveryR2T) return;
    const isOpen = task.asked.some((range) => range.isOpen);
    must(!isOpen, () => this.#text(`GOOD for command ${header.getUint32(16).toString(16)} before its data had come`));
  }

  /** RFC 7143 §11.8: R2TSN, lengths, and no more at a time than was agreed. */
  #checkR2T(header: DataView): void {
    const task = this.#taskOf(header);
    const { r2tSN, bufferOffset, desiredDataTransferLength, targetTransferTag } = decodeReadyToTransfer(header, 0);
    const { maxBurstLength, maxOutstandingR2T, errorRecoveryLevel } = this.#session.parameters;
    const name = `R2T ${r2tSN} of command ${header.getUint32(16).toString(16)}`;
    must(task.write, () => this.#text(`${name} of a command that writes nothing`));
    if (r2tSN < task.nextR2TSN) {
      must(errorRecoveryLevel > 0 && this.#snackCount > 0, () => this.#text(`${name} was sent twice, and nobody asked for it again`));
      return;
    }
    // What is asked for while a command has no connection is sent nowhere.
    must(r2tSN === task.nextR2TSN || task.reassignCount > 0, () => this.#text(`${name} came where R2TSN ${task.nextR2TSN} was due`));
    task.nextR2TSN = r2tSN + 1;
    const to = bufferOffset + desiredDataTransferLength;
    must(desiredDataTransferLength > 0 && desiredDataTransferLength <= maxBurstLength, () => this.#text(`${name} asks for ${desiredDataTransferLength} bytes`));
    must(to <= task.expectedLength, () => this.#text(`${name} asks for more than the expected length`));
    const isRepeated = task.asked.some((range) => range.from < to && bufferOffset < range.to);
    if (isRepeated) {
      must(errorRecoveryLevel > 0, () => this.#text(`${name} asks again for bytes from ${bufferOffset}`));
      task.hasRecoveryR2T = true;
    }
    task.asked.push({ targetTransferTag, from: bufferOffset, to, isOpen: true });
    if (task.hasRecoveryR2T || task.reassignCount > 0) return;
    const openCount = task.asked.filter((range) => range.isOpen).length;
    must(errorRecoveryLevel > 0 || openCount <= maxOutstandingR2T, () => this.#text(`${name} makes ${openCount} outstanding R2Ts`));
  }

  #text(message: string): string {
    return `${this.#name}: ${message}`;
  }
}
