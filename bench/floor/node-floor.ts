import { createServer, type Socket } from 'node:net';
import { BHS_LENGTH, Opcode } from '../../engine/pdu/index.js';

/**
 * What a target in Node cannot do without: a socket, a turn of the event loop, a copy. The same answers as `epoll-floor.c`, which says what is
 * left out. Takes the size of its medium in bytes as its only argument, and prints its portal as one JSON line.
 */

const BLOCK_BYTES = 512;
const WINDOW = 256;
const SEGMENT_BYTES_MAX = 262_144;
const SEGMENT_BYTES_DEFAULT = 8192;
const RESERVED_TAG = 0xffffffff;
const IMMEDIATE = 0x40;
const READ_FLAG = 0x40;
const FINAL = 0x80;
const STATUS = 0x01;
const UNDERFLOW = 0x02;
/** Up to here copying is cheaper than another piece for `writev`. */
const COPY_BYTES_MAX = 4096;
const TURN_BYTES = 256 * 1024;

const mediumBytes = Number(process.argv[2]);
const medium = Buffer.alloc(mediumBytes);

const padded = (bytes: number): number => (bytes + 3) & ~3;
/** Keys of an initiator that need no answer, and those where what is offered is fine. RFC 7143 §13. */
const declaredKeys: ReadonlySet<string> = new Set(['InitiatorName', 'InitiatorAlias', 'SessionType', 'TargetName']);
const agreedKeys: ReadonlySet<string> = new Set(
  'InitialR2T ImmediateData MaxBurstLength FirstBurstLength DefaultTime2Wait DefaultTime2Retain MaxOutstandingR2T DataPDUInOrder DataSequenceInOrder'.split(
    ' ',
  ),
);
const fixedAnswers: ReadonlyMap<string, string> = new Map([
  ['AuthMethod', 'None'],
  ['HeaderDigest', 'None'],
  ['DataDigest', 'None'],
  ['MaxConnections', '1'],
  ['ErrorRecoveryLevel', '0'],
  ['MaxRecvDataSegmentLength', String(SEGMENT_BYTES_MAX)],
]);

class FloorConnection {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #out = Buffer.allocUnsafe(TURN_BYTES);
  #outFrom = 0;
  #outUsed = 0;
  #statSN = 0;
  #expCmdSN = 0;
  #segmentBytesMax = SEGMENT_BYTES_DEFAULT;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#socket.cork();
    let at = 0;
    while (bytes.length - at >= BHS_LENGTH) {
      const dataBytes = bytes.readUIntBE(at + 5, 3);
      const dataAt = at + BHS_LENGTH + 4 * (bytes[at + 4] as number);
      const end = dataAt + padded(dataBytes);
      if (end > bytes.length) break;
      this.#take(bytes, at, dataAt, dataBytes);
      at = end;
    }
    this.#push();
    this.#socket.uncork();
    this.#held = bytes.subarray(at);
  }

  /** Hands on what was gathered. The kernel may take it later, so its bytes are not used again. */
  #push(): void {
    if (this.#outUsed > this.#outFrom) this.#socket.write(this.#out.subarray(this.#outFrom, this.#outUsed));
    this.#outFrom = this.#outUsed;
  }

  /** Where `bytes` more can be gathered. */
  #reserve(bytes: number): number {
    if (this.#outUsed + bytes > TURN_BYTES) {
      this.#push();
      this.#out = Buffer.allocUnsafe(TURN_BYTES);
      this.#outFrom = 0;
      this.#outUsed = 0;
    }
    const at = this.#outUsed;
    this.#outUsed += bytes;
    return at;
  }

  /** The header of an answer with room for `dataBytes` behind it, all zeros; answers where it begins in `#out`. */
  #answer(request: Buffer, requestAt: number, opcode: number, flags: number, dataBytes: number): number {
    const at = this.#reserve(BHS_LENGTH + padded(dataBytes));
    const out = this.#out;
    out.fill(0, at, at + BHS_LENGTH + padded(dataBytes));
    out[at] = opcode;
    out[at + 1] = flags;
    out.writeUInt32BE(dataBytes, at + 4);
    request.copy(out, at + 16, requestAt + 16, requestAt + 20);
    out.writeUInt32BE(this.#statSN, at + 24);
    out.writeUInt32BE(this.#expCmdSN, at + 28);
    out.writeUInt32BE((this.#expCmdSN + WINDOW - 1) >>> 0, at + 32);
    return at;
  }

  #countStatus(): void {
    this.#statSN = (this.#statSN + 1) >>> 0;
  }

  #take(bytes: Buffer, at: number, dataAt: number, dataBytes: number): void {
    const first = bytes[at] as number;
    const opcode = first & 0x3f;
    if (opcode !== Opcode.loginRequest && (first & IMMEDIATE) === 0) this.#expCmdSN = (bytes.readUInt32BE(at + 24) + 1) >>> 0;
    if (opcode === Opcode.scsiCommand) this.#command(bytes, at, dataAt, dataBytes);
    else if (opcode === Opcode.loginRequest) this.#login(bytes, at, bytes.toString('utf8', dataAt, dataAt + dataBytes));
    else if (opcode === Opcode.nopOut) this.#echo(bytes, at, dataAt, dataBytes);
    else if (opcode === Opcode.logoutRequest) this.#logout(bytes, at);
    else this.#socket.destroy();
  }

  #echo(bytes: Buffer, at: number, dataAt: number, dataBytes: number): void {
    if (bytes.readUInt32BE(at + 16) === RESERVED_TAG) return;
    const out = this.#answer(bytes, at, Opcode.nopIn, FINAL, dataBytes);
    bytes.copy(this.#out, out + BHS_LENGTH, dataAt, dataAt + dataBytes);
    this.#out.writeUInt32BE(RESERVED_TAG, out + 20);
    this.#countStatus();
  }

  #logout(bytes: Buffer, at: number): void {
    this.#answer(bytes, at, Opcode.logoutResponse, FINAL, 0);
    this.#push();
    this.#socket.end();
  }

  #login(bytes: Buffer, at: number, text: string): void {
    const answers = this.#statSN === 0 ? ['TargetPortalGroupTag=1'] : [];
    for (const pair of text.split('\0').filter((part) => part.includes('='))) {
      const [key = '', value = ''] = pair.split('=');
      if (key === 'MaxRecvDataSegmentLength') this.#segmentBytesMax = Math.min(Number(value), SEGMENT_BYTES_MAX);
      if (!declaredKeys.has(key)) answers.push(`${key}=${agreedKeys.has(key) ? value : (fixedAnswers.get(key) ?? 'NotUnderstood')}`);
    }
    const data = Buffer.from(answers.map((answer) => `${answer}\0`).join(''));
    this.#expCmdSN = bytes.readUInt32BE(at + 24);
    const flags = (bytes[at + 1] as number) & 0x8f;
    const out = this.#answer(bytes, at, Opcode.loginResponse, flags, data.length);
    bytes.copy(this.#out, out + 8, at + 8, at + 14);
    // A session has its handle once the full feature phase begins.
    if ((flags & 0x83) === 0x83) this.#out[out + 15] = 1;
    data.copy(this.#out, out + BHS_LENGTH);
    this.#countStatus();
  }

  #command(bytes: Buffer, at: number, dataAt: number, dataBytes: number): void {
    const cdb = at + 32;
    switch (bytes[cdb]) {
      case 0x88:
      case 0x8a:
        this.#transfer(bytes, at, bytes.readUInt32BE(cdb + 2) * 2 ** 32 + bytes.readUInt32BE(cdb + 6), bytes.readUInt32BE(cdb + 10), dataAt, dataBytes);
        break;
      case 0x28:
      case 0x2a:
        this.#transfer(bytes, at, bytes.readUInt32BE(cdb + 2), bytes.readUInt16BE(cdb + 7), dataAt, dataBytes);
        break;
      case 0x00:
      case 0x35:
      case 0x91:
        this.#respond(bytes, at);
        break;
      case 0x12:
        this.#inquire(bytes, at);
        break;
      case 0x25:
        this.#sendSmall(bytes, at, capacityData().subarray(4, 12));
        break;
      case 0x9e:
        this.#sendSmall(bytes, at, capacityData());
        break;
      default:
        this.#refuse(bytes, at);
        break;
    }
  }

  #respond(bytes: Buffer, at: number): void {
    this.#answer(bytes, at, Opcode.scsiResponse, FINAL, 0);
    this.#countStatus();
  }

  #refuse(bytes: Buffer, at: number): void {
    const out = this.#answer(bytes, at, Opcode.scsiResponse, FINAL, 20) + BHS_LENGTH;
    this.#out[out - BHS_LENGTH + 3] = 0x02;
    // Fixed format, ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE.
    this.#out.set([0, 18, 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20], out);
    this.#countStatus();
  }

  #inquire(bytes: Buffer, at: number): void {
    const cdb = at + 32;
    const wantsPage = ((bytes[cdb + 1] as number) & 1) !== 0;
    if (!wantsPage) this.#sendSmall(bytes, at, inquiryData);
    else if (bytes[cdb + 2] === 0) this.#sendSmall(bytes, at, supportedPages);
    else this.#refuse(bytes, at);
  }

  #sendSmall(bytes: Buffer, at: number, data: Buffer): void {
    const expected = bytes.readUInt32BE(at + 20);
    const sent = Math.min(expected, data.length);
    const out = this.#answer(bytes, at, Opcode.dataIn, FINAL | STATUS | (sent < expected ? UNDERFLOW : 0), sent);
    this.#out.writeUInt32BE(RESERVED_TAG, out + 20);
    this.#out.writeUInt32BE(expected - sent, out + 44);
    data.copy(this.#out, out + BHS_LENGTH, 0, sent);
    this.#countStatus();
  }

  #transfer(bytes: Buffer, at: number, lba: number, lbaCount: number, dataAt: number, dataBytes: number): void {
    const from = lba * BLOCK_BYTES;
    const lengthBytes = lbaCount * BLOCK_BYTES;
    const isRead = ((bytes[at + 1] as number) & READ_FLAG) !== 0;
    if (from + lengthBytes > mediumBytes || lengthBytes !== bytes.readUInt32BE(at + 20) || (!isRead && dataBytes !== lengthBytes)) {
      this.#refuse(bytes, at);
    } else if (isRead) {
      this.#read(bytes, at, from, lengthBytes);
    } else {
      bytes.copy(medium, from, dataAt, dataAt + dataBytes);
      this.#respond(bytes, at);
    }
  }

  #read(bytes: Buffer, requestAt: number, from: number, lengthBytes: number): void {
    let dataSN = 0;
    for (let at = 0; at < lengthBytes; ) {
      const part = Math.min(lengthBytes - at, this.#segmentBytesMax);
      const isLast = at + part === lengthBytes;
      const out = this.#answer(bytes, requestAt, Opcode.dataIn, isLast ? FINAL | STATUS : FINAL, 0);
      this.#out.writeUInt32BE(part, out + 4);
      this.#out.writeUInt32BE(RESERVED_TAG, out + 20);
      if (!isLast) this.#out.writeUInt32BE(0, out + 24);
      this.#out.writeUInt32BE(dataSN++, out + 36);
      this.#out.writeUInt32BE(at, out + 40);
      if (part <= COPY_BYTES_MAX) {
        const copyAt = this.#reserve(part);
        medium.copy(this.#out, copyAt, from + at, from + at + part);
      } else {
        this.#push();
        this.#socket.write(medium.subarray(from + at, from + at + part));
      }
      at += part;
    }
    this.#countStatus();
  }
}

const inquiryData = Buffer.concat([Buffer.from([0, 0, 5, 2, 31, 0, 0, 0]), Buffer.from('LUNLOOM NODE FLOOR      1   ')]);
const supportedPages = Buffer.from([0, 0, 0, 1, 0]);

function capacityData(): Buffer {
  const data = Buffer.alloc(32);
  data.writeBigUInt64BE(BigInt(mediumBytes / BLOCK_BYTES - 1));
  data.writeUInt32BE(BLOCK_BYTES, 8);
  return data;
}

const server = createServer((socket) => new FloorConnection(socket));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ event: 'ready', portals: [`127.0.0.1:${port}`] })}\n`);
});
