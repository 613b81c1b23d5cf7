import * as net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TargetError } from '../../engine/errors.js';
import {
  BHS_LENGTH,
  crc32c,
  type DataInPdu,
  decodeDataOut,
  decodeLoginRequest,
  decodeScsiCommand,
  emptyDataIn,
  emptyReadyToTransfer,
  emptyScsiResponse,
  encodeAsyncMessage,
  encodeDataIn,
  encodeLoginResponse,
  encodeLogoutResponse,
  encodeNopIn,
  encodeReadyToTransfer,
  encodeReject,
  encodeScsiResponse,
  encodeTaskManagementResponse,
  encodeTextData,
  encodeTextResponse,
  type KeyValuePair,
  type LoginRequestPdu,
  type LoginResponsePdu,
  Opcode,
  opcodeName,
  paddedLength,
  parseTextData,
  RESERVED_TAG,
  type ReadyToTransferPdu,
  readDigest,
  readInitiatorTaskTag,
  readOpcode,
  type ScsiResponsePdu,
  writeDigest,
  writeLengths,
} from '../../engine/pdu/index.js';

const WAIT_MS_MAX = 3_000;

/** What the initiator sent, one PDU. */
export interface TakenPdu {
  readonly opcode: number;
  readonly immediate: boolean;
  readonly header: Buffer;
  readonly view: DataView;
  readonly ahs: Buffer;
  readonly data: Buffer;
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
  readonly expStatSN: number;
}

function timeOut(what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new TargetError('TEST_TIMEOUT', `${what} within ${WAIT_MS_MAX} ms`)), WAIT_MS_MAX).unref();
  });
}

/** A target that does nothing by itself: a test scripts each of its PDUs. */
export class FakeTarget {
  readonly #server: net.Server;
  readonly #accepted: FakeConnection[] = [];
  readonly #all: FakeConnection[] = [];
  #wake: () => void = () => {};

  private constructor(server: net.Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      const connection = new FakeConnection(socket);
      this.#accepted.push(connection);
      this.#all.push(connection);
      this.#wake();
    });
  }

  static start(): Promise<FakeTarget> {
    const server = net.createServer({ noDelay: true });
    const target = new FakeTarget(server);
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(target)));
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async accept(): Promise<FakeConnection> {
    while (this.#accepted.length === 0) await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), timeOut('no connection came')]);
    return this.#accepted.shift() as FakeConnection;
  }

  close(): void {
    for (const connection of this.#all) connection.destroy();
    this.#server.close();
  }
}

export type LoginAnswers = (offers: ReadonlyMap<string, string>, request: LoginRequestPdu) => { pairs?: KeyValuePair[]; response?: Partial<LoginResponsePdu> };

/** Agrees with everything, and declares a MaxRecvDataSegmentLength of its own. */
export function agreeable(extra: Readonly<Record<string, string>> = {}): LoginAnswers {
  return (offers) => {
    const pairs: KeyValuePair[] = [];
    for (const [key, value] of offers) {
      if (['InitiatorName', 'SessionType', 'TargetName', 'MaxRecvDataSegmentLength'].includes(key)) continue;
      pairs.push([key, extra[key] ?? value.split(',')[0] ?? value]);
    }
    pairs.push(['TargetPortalGroupTag', '1'], ['MaxRecvDataSegmentLength', extra['MaxRecvDataSegmentLength'] ?? '65536']);
    return { pairs };
  };
}

/** One accepted connection. Numbers are kept as a target keeps them; a test may set them wrong. */
export class FakeConnection {
  statSN = 1000;
  expCmdSN = 1;
  maxCmdSN = 32;
  headerDigest = false;
  dataDigest = false;
  isClosed = false;
  /** Nothing leaves while this is set: `release` sends it all in one write, so that the initiator sees one turn. */
  #held: Buffer[] | null = null;
  readonly #socket: net.Socket;
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  async #need(lengthBytes: number): Promise<void> {
    while (this.#bytes.length < lengthBytes) {
      if (this.isClosed) throw new TargetError('TEST_CLOSED', 'the initiator closed the connection');
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), timeOut('the initiator sent nothing')]);
    }
  }

  /** The next PDU, whose digests must be right; of this opcode, if told. */
  async next(opcode?: number): Promise<TakenPdu> {
    await this.#need(BHS_LENGTH);
    const ahsLength = (this.#bytes[4] as number) * 4;
    const dataLength = this.#bytes.readUIntBE(5, 3);
    const dataAt = BHS_LENGTH + ahsLength + (this.headerDigest ? 4 : 0);
    const dataEnd = dataAt + paddedLength(dataLength);
    const end = dataEnd + (this.dataDigest && dataLength > 0 ? 4 : 0);
    await this.#need(end);
    const bytes = this.#bytes.subarray(0, end);
    this.#bytes = this.#bytes.subarray(end);
    const all = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.headerDigest) this.#requireDigest(bytes, 0, dataAt - 4, all);
    if (end > dataEnd) this.#requireDigest(bytes, dataAt, dataEnd, all);
    if (bytes.subarray(dataAt + dataLength, dataEnd).some((byte) => byte !== 0))
      throw new TargetError('TEST_PADDING', 'the initiator pads with other than zeroes');
    const header = Buffer.from(bytes.subarray(0, BHS_LENGTH));
    const view = new DataView(header.buffer, header.byteOffset, BHS_LENGTH);
    const taken = readOpcode(view, 0);
    if (opcode !== undefined && taken !== opcode) throw new TargetError('TEST_OPCODE', `${opcodeName(taken)} came, not ${opcodeName(opcode)}`);
    const immediate = ((header[0] as number) & 0x40) !== 0;
    const cmdSN = view.getUint32(24);
    // Where a target counts: non-immediate requests (Data-Out has no CmdSN).
    if (!immediate && taken !== Opcode.dataOut && cmdSN === this.expCmdSN) this.expCmdSN = (this.expCmdSN + 1) >>> 0;
    return {
      opcode: taken,
      immediate,
      header,
      view,
      ahs: Buffer.from(bytes.subarray(BHS_LENGTH, BHS_LENGTH + ahsLength)),
      data: Buffer.from(bytes.subarray(dataAt, dataAt + dataLength)),
      initiatorTaskTag: readInitiatorTaskTag(view, 0),
      cmdSN,
      expStatSN: view.getUint32(28),
    };
  }

  #requireDigest(bytes: Buffer, from: number, to: number, view: DataView): void {
    if (crc32c(bytes, from, to) !== readDigest(view, to)) throw new TargetError('TEST_DIGEST', 'the initiator sent a wrong digest');
  }

  /** True when nothing comes for a moment. */
  async isQuiet(quietMs = 30): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    return this.#bytes.length === 0;
  }

  // --- Sending -----------------------------------------------------------------------------------------------------

  sendRaw(bytes: Buffer): void {
    if (this.#held !== null) this.#held.push(bytes);
    else this.#socket.write(bytes);
  }

  hold(): void {
    this.#held = [];
  }

  held(): Buffer {
    const bytes = Buffer.concat(this.#held ?? []);
    this.#held = null;
    return bytes;
  }

  release(): void {
    this.sendRaw(this.held());
  }

  /** Writes the bytes in pieces of these lengths (the last takes the rest), giving the initiator a turn after each. */
  async sendInPieces(bytes: Buffer, lengths: readonly number[]): Promise<void> {
    let at = 0;
    for (const lengthBytes of [...lengths, bytes.length]) {
      const part = bytes.subarray(at, at + lengthBytes);
      at += part.length;
      if (part.length === 0) continue;
      await new Promise<void>((resolve) => this.#socket.write(part, () => resolve()));
      await nextTurn();
      await nextTurn();
    }
  }

  /** Frames and sends what `encode` writes; `patch` may spoil the header before its digest is taken. */
  pdu(
    encode: (view: DataView) => void,
    data: Uint8Array = Buffer.alloc(0),
    patch: (header: Buffer<ArrayBuffer>) => void = () => {},
    corruptDataDigest = false,
  ): void {
    const header = Buffer.alloc(BHS_LENGTH);
    encode(new DataView(header.buffer, header.byteOffset, BHS_LENGTH));
    patch(header);
    const ahs = Buffer.alloc((header[4] as number) * 4);
    const padded = Buffer.alloc(paddedLength(data.length));
    padded.set(data);
    const parts: Buffer[] = [header, ahs];
    if (this.headerDigest) parts.push(digestOf(Buffer.concat(parts)));
    parts.push(padded);
    if (this.dataDigest && data.length > 0) parts.push(digestOf(corruptDataDigest ? Buffer.concat([padded, Buffer.alloc(4)]) : padded));
    this.sendRaw(Buffer.concat(parts));
  }

  /** The numbers for a response that has a StatSN of its own. */
  status(): { statSN: number; expCmdSN: number; maxCmdSN: number } {
    const numbers = this.unnumbered();
    this.statSN = (this.statSN + 1) >>> 0;
    return numbers;
  }

  unnumbered(): { statSN: number; expCmdSN: number; maxCmdSN: number } {
    return { statSN: this.statSN, expCmdSN: this.expCmdSN, maxCmdSN: this.maxCmdSN };
  }

  /** Takes Login Requests and answers them until the full-feature phase, or until `answers` sets a status. */
  async login(answers: LoginAnswers = agreeable()): Promise<LoginRequestPdu[]> {
    const requests: LoginRequestPdu[] = [];
    for (;;) {
      const pdu = await this.next(Opcode.loginRequest);
      const request = decodeLoginRequest(pdu.view, 0);
      requests.push(request);
      this.expCmdSN = request.cmdSN;
      if (this.maxCmdSN === 32) this.maxCmdSN = (request.cmdSN + 31) >>> 0;
      const { pairs = [], response = {} } = answers(new Map(parseTextData(pdu.data) ?? []), request);
      const sent = this.loginResponse(request, pairs, response);
      if (sent.status !== 0) return requests;
      if (sent.transit && sent.nextStage === 3) {
        const agreed = new Map(pairs);
        this.headerDigest = agreed.get('HeaderDigest') === 'CRC32C';
        this.dataDigest = agreed.get('DataDigest') === 'CRC32C';
        return requests;
      }
    }
  }

  loginResponse(request: LoginRequestPdu, pairs: Iterable<KeyValuePair>, response: Partial<LoginResponsePdu> = {}): LoginResponsePdu {
    const last = request.transit && request.nextStage === 3;
    const { transit, currentStage, nextStage, isid, initiatorTaskTag } = request;
    const pdu: LoginResponsePdu = {
      transit,
      continue: false,
      currentStage,
      nextStage,
      isid,
      tsih: last ? 7 : 0,
      initiatorTaskTag,
      versionMax: 0,
      versionActive: 0,
      status: 0,
      ...this.status(),
      ...response,
    };
    const data = encodeTextData(pairs);
    this.pdu((view) => encodeLoginResponse(pdu, data.length, view, 0), data);
    return pdu;
  }

  scsiResponse(command: TakenPdu, fields: Partial<ScsiResponsePdu> = {}, sense: Uint8Array = Buffer.alloc(0), patch?: (header: Buffer) => void): void {
    const data = sense.length === 0 ? sense : Buffer.concat([Buffer.from([sense.length >> 8, sense.length & 0xff]), sense]);
    const pdu = { ...emptyScsiResponse(), initiatorTaskTag: command.initiatorTaskTag, ...this.status(), ...fields };
    this.pdu((view) => encodeScsiResponse(pdu, data.length, view, 0), data, patch);
  }

  dataIn(command: TakenPdu, data: Uint8Array, fields: Partial<DataInPdu> = {}, patch?: (header: Buffer) => void, corruptDataDigest = false): void {
    const numbers = fields.statusPresent ? this.status() : { ...this.unnumbered(), statSN: 0 };
    const pdu = { ...emptyDataIn(), initiatorTaskTag: command.initiatorTaskTag, ...numbers, ...fields };
    this.pdu((view) => encodeDataIn(pdu, data.length, view, 0), data, patch, corruptDataDigest);
  }

  r2t(command: TakenPdu, fields: Partial<ReadyToTransferPdu>, patch?: (header: Buffer) => void): void {
    const { lunHigh } = decodeScsiCommand(command.view, 0);
    const pdu = { ...emptyReadyToTransfer(), initiatorTaskTag: command.initiatorTaskTag, lunHigh, targetTransferTag: 77, ...this.unnumbered(), ...fields };
    this.pdu((view) => encodeReadyToTransfer(pdu, view, 0), undefined, patch);
  }

  nopIn(fields: { initiatorTaskTag?: number; targetTransferTag?: number; statSN?: number; lunHigh?: number } = {}, data: Uint8Array = Buffer.alloc(0)): void {
    const { initiatorTaskTag = RESERVED_TAG, targetTransferTag = RESERVED_TAG } = fields;
    const numbers = initiatorTaskTag === RESERVED_TAG ? this.unnumbered() : this.status();
    const pdu = { lunHigh: 0, lunLow: 0, ...numbers, ...fields, initiatorTaskTag, targetTransferTag };
    this.pdu((view) => encodeNopIn(pdu, data.length, view, 0), data);
  }

  taskManagementResponse(request: TakenPdu, response: number): void {
    this.pdu((view) => encodeTaskManagementResponse({ response, initiatorTaskTag: request.initiatorTaskTag, ...this.status() }, view, 0));
  }

  textResponse(request: TakenPdu, data: Uint8Array, fields: { final?: boolean; continue?: boolean; targetTransferTag?: number } = {}): void {
    const { final = true, targetTransferTag = final ? RESERVED_TAG : 9 } = fields;
    const pdu = { lunHigh: 0, lunLow: 0, final, continue: fields.continue ?? false, initiatorTaskTag: request.initiatorTaskTag, targetTransferTag };
    this.pdu((view) => encodeTextResponse({ ...pdu, ...this.status() }, data.length, view, 0), data);
  }

  logoutResponse(request: TakenPdu, response = 0): void {
    const pdu = { response, initiatorTaskTag: request.initiatorTaskTag, ...this.status(), time2Wait: 0, time2Retain: 0 };
    this.pdu((view) => encodeLogoutResponse(pdu, view, 0));
  }

  asyncMessage(asyncEvent: number, data: Uint8Array = Buffer.alloc(0)): void {
    const pdu = { lunHigh: 0, lunLow: 0, ...this.status(), asyncEvent, asyncVCode: 0, parameter1: 0, parameter2: 0, parameter3: 5 };
    this.pdu((view) => encodeAsyncMessage(pdu, data.length, view, 0), data);
  }

  reject(rejected: TakenPdu, reason: number): void {
    this.pdu((view) => encodeReject({ reason, dataSN: 0, ...this.status() }, BHS_LENGTH, view, 0), rejected.header);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  const digest = Buffer.alloc(4);
  writeDigest(crc32c(bytes, 0, bytes.length), new DataView(digest.buffer, digest.byteOffset, 4), 0);
  return digest;
}

/** Sets TotalAHSLength in a header: a target that sends an AHS. */
export function withAhs(header: Buffer): void {
  const dataLength = header.readUIntBE(5, 3);
  writeLengths(new DataView(header.buffer, header.byteOffset, BHS_LENGTH), 0, 8, dataLength);
}

/** The fields of a Data-Out PDU that was taken. */
export function dataOutOf(pdu: TakenPdu): { dataSN: number; bufferOffset: number; final: boolean; targetTransferTag: number; lengthBytes: number } {
  const { dataSN, bufferOffset, final, targetTransferTag } = decodeDataOut(pdu.view, 0);
  return { dataSN, bufferOffset, final, targetTransferTag, lengthBytes: pdu.data.length };
}
