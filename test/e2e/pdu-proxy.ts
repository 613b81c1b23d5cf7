import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { BHS_LENGTH, Opcode, paddedLength } from '../../engine/pdu/index.js';

/** Where a PDU is going. */
export type Direction = 'to-target' | 'to-initiator';

export interface PassingPdu {
  readonly direction: Direction;
  readonly opcode: number;
  /** Bytes of data, without padding. */
  readonly dataLength: number;
  /** Counts the PDUs of the full-feature phase in this direction, over all connections. */
  readonly index: number;
  /** Counts connections from 0. */
  readonly connection: number;
}

/** What to do with a PDU: let it pass, lose it, damage its data, or cut the connection in its middle. */
export type Mischief = 'pass' | 'drop' | 'damage' | 'cut';

const LOGIN_TO_FULL_FEATURE = 0x83;
const STAGES_AND_TRANSIT = 0x83;

/** A network that knows where PDUs begin, and does to them what a test tells: the login always passes. */
export class PduProxy {
  mischief: (pdu: PassingPdu) => Mischief = () => 'pass';
  /** What goes on in the place of a PDU that passes. */
  tamper: (pdu: PassingPdu, bytes: Buffer) => Buffer = (_pdu, bytes) => bytes;
  /** What has been done to PDUs, by its name. */
  readonly counts: Record<Mischief, number> = { pass: 0, drop: 0, damage: 0, cut: 0 };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #indices: Record<Direction, number> = { 'to-target': 0, 'to-initiator': 0 };
  #connectionCount = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(targetPort: number): Promise<PduProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new PduProxy(server);
    server.on('connection', (initiator) => proxy.#join(initiator, connect({ host: '127.0.0.1', port: targetPort, noDelay: true })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.cutAll();
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(initiator: Socket, target: Socket): void {
    const connection = this.#connectionCount++;
    const digests: DigestState = { header: false, data: false, isUp: false };
    const cut = (): void => {
      initiator.destroy();
      target.destroy();
    };
    for (const [from, to, direction] of [
      [initiator, target, 'to-target'],
      [target, initiator, 'to-initiator'],
    ] as const) {
      const passage = new Passage(digests, (bytes, opcode, dataLength, dataEnd) => {
        this.#pass({ direction, opcode, dataLength, index: digests.isUp ? this.#indices[direction]++ : -1, connection }, bytes, dataEnd, to, cut);
      });
      this.#sockets.add(from);
      from.on('data', (chunk) => passage.push(chunk));
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
    }
  }

  #pass(pdu: PassingPdu, bytes: Buffer, dataEnd: number, to: Socket, cut: () => void): void {
    const mischief = pdu.index === -1 ? 'pass' : this.mischief(pdu);
    this.counts[mischief]++;
    if (mischief === 'drop') return;
    if (mischief === 'damage') bytes[dataEnd - 1] = (bytes[dataEnd - 1] ?? 0) ^ 0x55;
    const passing = pdu.index === -1 ? bytes : this.tamper(pdu, bytes);
    to.write(mischief === 'cut' ? bytes.subarray(0, bytes.length >> 1) : passing);
    if (mischief === 'cut') cut();
  }
}

/** What the login of a connection has brought; of both directions. */
export interface DigestState {
  header: boolean;
  data: boolean;
  isUp: boolean;
}

type PduHandler = (bytes: Buffer, opcode: number, dataLength: number, dataEnd: number) => void;

/** Cuts one direction of a connection into PDUs; the direction that login responses take keeps `digests` up to date. */
export class Passage {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #digests: DigestState;
  readonly #onPdu: PduHandler;

  constructor(digests: DigestState, onPdu: PduHandler) {
    this.#digests = digests;
    this.#onPdu = onPdu;
  }

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= BHS_LENGTH) {
      const opcode = (this.#bytes[0] ?? 0) & 0x3f;
      const isLogin = opcode === Opcode.loginRequest || opcode === Opcode.loginResponse;
      const dataLength = this.#bytes.readUIntBE(5, 3);
      const headerLength = BHS_LENGTH + (this.#bytes[4] ?? 0) * 4 + (!isLogin && this.#digests.header ? 4 : 0);
      const dataEnd = headerLength + dataLength;
      const end = headerLength + paddedLength(dataLength) + (!isLogin && this.#digests.data && dataLength > 0 ? 4 : 0);
      if (this.#bytes.length < end) return;
      const bytes = Buffer.from(this.#bytes.subarray(0, end));
      this.#bytes = this.#bytes.subarray(end);
      this.#onPdu(bytes, opcode, dataLength, dataEnd);
      if (opcode === Opcode.loginResponse) this.#noteLogin(bytes, dataEnd);
    }
  }

  #noteLogin(bytes: Buffer, dataEnd: number): void {
    const text = bytes.toString('latin1', BHS_LENGTH, dataEnd);
    if (text.includes('HeaderDigest=CRC32C')) this.#digests.header = true;
    if (text.includes('DataDigest=CRC32C')) this.#digests.data = true;
    if (((bytes[1] ?? 0) & STAGES_AND_TRANSIT) === LOGIN_TO_FULL_FEATURE && bytes.readUInt16BE(36) === 0) this.#digests.isUp = true;
  }
}
