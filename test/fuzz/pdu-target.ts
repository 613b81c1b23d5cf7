import { deepStrictEqual, ok } from 'node:assert';
import { ReceiveCursor } from '../../engine/net/receive-cursor.js';
import {
  BHS_LENGTH,
  decodeAsyncMessage,
  decodeDataIn,
  decodeDataOut,
  decodeLoginRequest,
  decodeLoginResponse,
  decodeLogoutRequest,
  decodeLogoutResponse,
  decodeLun,
  decodeNopIn,
  decodeNopOut,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiCommand,
  decodeScsiResponse,
  decodeSnack,
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  decodeTextRequest,
  decodeTextResponse,
  emptyAhs,
  type FramingFault,
  Opcode,
  type PduReceiver,
  parseAhs,
  readOpcode,
} from '../../engine/pdu/index.js';
import { framePdu } from '../../initiator/index.js';
import type { FuzzTarget } from './fuzzer.js';

const LENGTH_BYTES_MAX = 4096;
const DATA_SEGMENT_LENGTH_MAX = 1024;

const decoders: Record<number, (view: DataView, at: number) => object> = {
  [Opcode.nopOut]: decodeNopOut,
  [Opcode.scsiCommand]: (view, at) => {
    const pdu = decodeScsiCommand(view, at);
    return { ...pdu, lun: decodeLun(pdu.lunHigh, pdu.lunLow) };
  },
  [Opcode.taskManagementRequest]: decodeTaskManagementRequest,
  [Opcode.loginRequest]: decodeLoginRequest,
  [Opcode.textRequest]: decodeTextRequest,
  [Opcode.dataOut]: decodeDataOut,
  [Opcode.logoutRequest]: decodeLogoutRequest,
  [Opcode.snackRequest]: decodeSnack,
  [Opcode.nopIn]: decodeNopIn,
  [Opcode.scsiResponse]: decodeScsiResponse,
  [Opcode.taskManagementResponse]: decodeTaskManagementResponse,
  [Opcode.loginResponse]: decodeLoginResponse,
  [Opcode.textResponse]: decodeTextResponse,
  [Opcode.dataIn]: decodeDataIn,
  [Opcode.logoutResponse]: decodeLogoutResponse,
  [Opcode.readyToTransfer]: decodeReadyToTransfer,
  [Opcode.asyncMessage]: decodeAsyncMessage,
  [Opcode.reject]: decodeReject,
};

/** Where a receiver has its data put, by the first byte of the header: in place, landed, or dropped. */
type Placement = 'in-place' | 'landed' | 'discarded';

/** Decodes every header by its opcode and writes down what it was told. */
class Recorder implements PduReceiver {
  readonly events: string[] = [];
  readonly cursor: ReceiveCursor;
  readonly #landing = new Uint8Array(DATA_SEGMENT_LENGTH_MAX);
  #placement: Placement = 'in-place';
  takenBytes = 0;

  constructor(digests: number) {
    this.cursor = new ReceiveCursor(this, DATA_SEGMENT_LENGTH_MAX);
    this.cursor.headerDigest = (digests & 1) !== 0;
    this.cursor.dataDigest = (digests & 2) !== 0;
  }

  onHeader(bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    ok(dataSegmentLengthBytes <= DATA_SEGMENT_LENGTH_MAX, 'an over-long segment is a fault');
    const decode = decoders[readOpcode(view, at)];
    const ahs = emptyAhs();
    const ahsRight = parseAhs(view, at + BHS_LENGTH, ahsLengthBytes, ahs);
    const header = Buffer.from(bytes.subarray(at, at + BHS_LENGTH + ahsLengthBytes)).toString('hex');
    this.events.push(`${header} ${ahsRight} ${JSON.stringify(decode?.(view, at) ?? null)}`);
    this.takenBytes += BHS_LENGTH + ahsLengthBytes + dataSegmentLengthBytes;
    this.#placement = (['in-place', 'landed', 'discarded'] as const)[(bytes[at + 16] as number) % 3] ?? 'in-place';
    this.#landing.fill(0);
    if (this.#placement === 'landed') this.cursor.landIn(this.#landing, 0, DATA_SEGMENT_LENGTH_MAX);
    else if (this.#placement === 'discarded') this.cursor.discardData();
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    const memory = this.#placement === 'landed' ? this.#landing.subarray(0, lengthBytes) : bytes.subarray(at, at + lengthBytes);
    const data = this.#placement === 'discarded' ? '' : Buffer.from(memory).toString('hex');
    this.events.push(`${this.#placement} ${lengthBytes} ${digestRight} ${data}`);
  }

  onFramingFault(fault: FramingFault, bytes: Uint8Array, at: number): void {
    this.events.push(`${fault} ${Buffer.from(bytes.subarray(at, at + BHS_LENGTH)).toString('hex')}`);
  }
}

/** Chunks of lengths that the input itself decides, in memory that is used again, as the receive memory is. */
function pushInPieces(cursor: ReceiveCursor, stream: Uint8Array): void {
  const memory = new Uint8Array(LENGTH_BYTES_MAX);
  let state = stream.length + 1;
  for (let at = 0; at < stream.length; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345 + (stream[at] as number)) >>> 0;
    const length = Math.min(stream.length - at, 1 + ((state >>> 16) % ((state & 7) === 0 ? 300 : 60)));
    memory.fill(0xee);
    memory.set(stream.subarray(at, at + length));
    if ((state & 0x300) === 0) {
      cursor.pause();
      cursor.push(memory, new DataView(memory.buffer), length);
      memory.fill(0xdd);
      cursor.resume();
    } else {
      cursor.push(memory, new DataView(memory.buffer), length);
    }
    at += length;
  }
}

function header(opcode: number, fields: Readonly<Record<number, number>> = {}): Uint8Array {
  const bytes = new Uint8Array(BHS_LENGTH);
  bytes[0] = opcode;
  bytes[1] = 0x80;
  for (const [at, value] of Object.entries(fields)) bytes[Number(at)] = value;
  return bytes;
}

const seedOf = (digests: number, ...pdus: Buffer[]): Uint8Array => Buffer.concat([Buffer.from([digests]), ...pdus]);

function seeds(): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let digests = 0; digests < 4; digests++) {
    const frame = (bytes: Uint8Array, data = '', ahs = '') =>
      framePdu(bytes, { ahs: Buffer.from(ahs, 'hex'), data: Buffer.from(data), headerDigest: (digests & 1) !== 0, dataDigest: (digests & 2) !== 0 });
    const opcodes = Object.values(Opcode).map((opcode) => frame(header(opcode, { 16: opcode })));
    all.push(seedOf(digests, ...opcodes));
    all.push(seedOf(digests, frame(header(Opcode.scsiCommand, { 16: 1 }), 'data', '0005020000001000'), frame(header(Opcode.dataOut, { 16: 2 }), 'more of it')));
    all.push(seedOf(digests, frame(header(Opcode.textRequest), 'SendTargets=All\0'), frame(header(Opcode.nopOut, { 16: 1 }), 'x'.repeat(777))));
  }
  return all;
}

/** The PDU reader: however a stream is cut into chunks, the same PDUs come out, and no more bytes than went in. */
export const pduTarget: FuzzTarget = {
  name: 'pdu',
  lengthBytesMax: LENGTH_BYTES_MAX,
  seeds: seeds(),
  run(input) {
    const digests = (input[0] ?? 0) & 3;
    const stream = input.subarray(1);
    const whole = new Recorder(digests);
    whole.cursor.push(stream.slice());
    const pieces = new Recorder(digests);
    pushInPieces(pieces.cursor, stream);
    deepStrictEqual(pieces.events, whole.events);
    ok(whole.takenBytes <= stream.length + DATA_SEGMENT_LENGTH_MAX, 'at most the last segment is still to come');
  },
};
