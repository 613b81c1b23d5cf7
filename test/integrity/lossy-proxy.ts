import { connect, createServer, type Server, type Socket } from 'node:net';
import { BHS_LENGTH, DIGEST_LENGTH, Opcode, paddedLength, readDataSegmentLength, readOpcode, readTotalAHSLengthBytes } from '../../engine/pdu/index.js';
import type { SeededRandom } from '../support/random.js';

/** What becomes of a PDU on its way. */
export type Fate = 'pass' | 'corrupt' | 'drop';

/**
 * Stands between an initiator and a target that have agreed on DataDigest alone, and does to PDUs of the full-feature phase what `fateOf`
 * says: a byte of the data segment changes, or the whole PDU is gone.
 */
export class LossyProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly counts = { pass: 0, corrupt: 0, drop: 0 };

  static async start(targetPort: number, random: SeededRandom, fateOf: (opcode: number) => Fate): Promise<LossyProxy> {
    const proxy = new LossyProxy(targetPort, random, fateOf);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(targetPort: number, random: SeededRandom, fateOf: (opcode: number) => Fate) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      this.#carry(client, target, random, fateOf);
      this.#carry(target, client, random, fateOf);
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #carry(from: Socket, to: Socket, random: SeededRandom, fateOf: (opcode: number) => Fate): void {
    this.#sockets.add(from);
    let waiting = Buffer.alloc(0);
    from.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      for (;;) {
        const pdu = takePdu(waiting);
        if (pdu === null) return;
        waiting = waiting.subarray(pdu.length);
        this.#pass(pdu, to, random, fateOf);
      }
    });
    from.on('error', () => {});
    from.on('close', () => to.destroy());
  }

  #pass(pdu: Buffer, to: Socket, random: SeededRandom, fateOf: (opcode: number) => Fate): void {
    const hasData = readDataSegmentLength(viewOf(pdu), 0) > 0;
    const fate = fateOf(readOpcode(viewOf(pdu), 0));
    this.counts[fate]++;
    if (fate === 'drop') return;
    if (fate === 'corrupt' && hasData) {
      const copy = Buffer.from(pdu);
      const at = BHS_LENGTH + random.below(pdu.length - BHS_LENGTH);
      copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      to.write(copy);
    } else to.write(pdu);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The first PDU of what has come; null while it is not whole. */
function takePdu(bytes: Buffer): Buffer | null {
  if (bytes.length < BHS_LENGTH) return null;
  const view = viewOf(bytes);
  const opcode = readOpcode(view, 0);
  const dataLength = readDataSegmentLength(view, 0);
  const isLogin = opcode === Opcode.loginRequest || opcode === Opcode.loginResponse;
  const digestLength = dataLength > 0 && !isLogin ? DIGEST_LENGTH : 0;
  const length = BHS_LENGTH + readTotalAHSLengthBytes(view, 0) + paddedLength(dataLength) + digestLength;
  return bytes.length < length ? null : bytes.subarray(0, length);
}
