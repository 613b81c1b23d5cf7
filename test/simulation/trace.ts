import {
  DATA_OUT,
  decodeDataIn,
  decodeDataOut,
  decodeLoginRequest,
  decodeLoginResponse,
  decodeLogoutRequest,
  decodeLogoutResponse,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiCommand,
  decodeScsiResponse,
  decodeSnack,
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  isImmediate,
  Opcode,
  opcodeName,
  readDataSegmentLength,
  readInitiatorNumbers,
  readInitiatorTaskTag,
  readOpcode,
  readTargetNumbers,
} from '../../engine/pdu/index.js';
import type { SimClock } from './sim-clock.js';

const LINE_COUNT_MAX = 20_000;
const TARGET_OPCODE_BIT = 0x20;

/** What happened, to be read when something went wrong; lines are only made then. */
export class Trace {
  readonly #clock: SimClock;
  readonly #entries: { readonly micros: number; readonly text: () => string }[] = [];
  /** Of all, also those that were forgotten. */
  entryCount = 0;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  add(text: () => string): void {
    this.entryCount++;
    this.#entries.push({ micros: this.#clock.elapsedMicros, text });
    if (this.#entries.length > LINE_COUNT_MAX) this.#entries.splice(0, LINE_COUNT_MAX / 2);
  }

  lines(): string[] {
    return this.#entries.map(({ micros, text }) => `${(micros / 1000).toFixed(3).padStart(10)} ms  ${text()}`);
  }
}

const flagsText = (flags: Record<string, boolean>) =>
  Object.entries(flags)
    .filter(([, isSet]) => isSet)
    .map(([name]) => ` ${name}`)
    .join('');

const tag = (value: number) => (value === 0xffffffff ? '-' : value.toString(16));

/** One PDU in one line: `dataIn itt 103 dataSN 2 @1024 +512 F S statSN 17 | stat 17 exp 40 max 50`. */
export function describePdu(header: DataView): string {
  const opcode = readOpcode(header, 0);
  const length = readDataSegmentLength(header, 0);
  const name = `${opcodeName(opcode)}${isImmediate(header, 0) && opcode < TARGET_OPCODE_BIT ? ' I' : ''} itt ${tag(readInitiatorTaskTag(header, 0))}`;
  return `${name}${detailsOf(header, opcode, length)}${numbersOf(header, opcode)}`;
}

function numbersOf(header: DataView, opcode: number): string {
  if ((opcode & TARGET_OPCODE_BIT) !== 0) {
    const { statSN, expCmdSN, maxCmdSN } = readTargetNumbers(header, 0);
    return ` | stat ${statSN} exp ${expCmdSN} max ${maxCmdSN}`;
  }
  const { cmdSN, expStatSN } = readInitiatorNumbers(header, 0);
  return opcode === Opcode.dataOut || opcode === Opcode.snackRequest ? ` | expStat ${expStatSN}` : ` | cmd ${cmdSN} expStat ${expStatSN}`;
}

function detailsOf(header: DataView, opcode: number, length: number): string {
  switch (opcode) {
    case Opcode.scsiCommand: {
      const pdu = decodeScsiCommand(header, 0);
      const cdb = Buffer.from(header.buffer, header.byteOffset + 32, 10).toString('hex');
      const flags = flagsText({ F: pdu.final, R: pdu.read, W: pdu.write });
      return ` lun ${pdu.lunHigh >>> 16} cdb ${cdb} expect ${pdu.expectedDataTransferLength} +${length}${flags}`;
    }
    case Opcode.dataOut: {
      const pdu = decodeDataOut(header, 0);
      return ` ttt ${tag(pdu.targetTransferTag)} dataSN ${header.getUint32(DATA_OUT.dataSN)} @${pdu.bufferOffset} +${length}${flagsText({ F: pdu.final })}`;
    }
    case Opcode.dataIn: {
      const { dataSN, bufferOffset, final, acknowledge, statusPresent } = decodeDataIn(header, 0);
      return ` dataSN ${dataSN} @${bufferOffset} +${length}${flagsText({ F: final, A: acknowledge, S: statusPresent })}`;
    }
    case Opcode.readyToTransfer: {
      const pdu = decodeReadyToTransfer(header, 0);
      return ` ttt ${tag(pdu.targetTransferTag)} r2tSN ${pdu.r2tSN} @${pdu.bufferOffset} +${pdu.desiredDataTransferLength}`;
    }
    case Opcode.scsiResponse: {
      const { status, expDataSN } = decodeScsiResponse(header, 0);
      return ` status ${status} expDataSN ${expDataSN} +${length}`;
    }
    default:
      return controlDetailsOf(header, opcode, length);
  }
}

function controlDetailsOf(header: DataView, opcode: number, length: number): string {
  switch (opcode) {
    case Opcode.snackRequest: {
      const { type, begRun, runLength, targetTransferTag } = decodeSnack(header, 0);
      return ` type ${type} ttt ${tag(targetTransferTag)} run ${begRun}+${runLength}`;
    }
    case Opcode.reject:
      return ` reason ${decodeReject(header, 0).reason}`;
    case Opcode.taskManagementRequest: {
      const pdu = decodeTaskManagementRequest(header, 0);
      return ` function ${pdu.function} lun ${pdu.lunHigh >>> 16} ref ${tag(pdu.referencedTaskTag)} refCmd ${pdu.refCmdSN} expData ${pdu.expDataSN}`;
    }
    case Opcode.taskManagementResponse:
      return ` response ${decodeTaskManagementResponse(header, 0).response}`;
    case Opcode.loginRequest: {
      const { cid, tsih } = decodeLoginRequest(header, 0);
      return ` cid ${cid} tsih ${tsih} +${length}`;
    }
    case Opcode.loginResponse: {
      const { status, tsih } = decodeLoginResponse(header, 0);
      return ` status ${status.toString(16)} tsih ${tsih} +${length}`;
    }
    case Opcode.logoutRequest: {
      const { reason, cid } = decodeLogoutRequest(header, 0);
      return ` reason ${reason} cid ${cid}`;
    }
    case Opcode.logoutResponse:
      return ` response ${decodeLogoutResponse(header, 0).response}`;
    default:
      return ` ttt ${tag(header.getUint32(20))} +${length}`;
  }
}
