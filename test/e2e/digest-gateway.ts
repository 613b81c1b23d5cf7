import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { BHS_LENGTH, crc32c, Opcode, paddedLength, readDigest, writeDigest } from '../../engine/pdu/index.js';
import { type DigestState, Passage } from './pdu-proxy.js';

const DIGEST_LENGTH = 4;
/** libiscsi's tools offer this whatever `header_digest=` in their URL says, so that targets choose None. */
const OFFERED = 'HeaderDigest=None,CRC32C\0';
const PREFERRED = 'HeaderDigest=CRC32C,None\0';

/**
 * Has libiscsi's tools use digests. Header digests are their own: the gateway turns the order of preference in their logins
 * round. Data digests they do not know: it puts them into what goes to the target, checks those of the target and takes them out.
 * Everything else passes as it is.
 */
export class DigestGateway {
  /** What the logins led to, one a connection. */
  readonly connections: Readonly<DigestState>[] = [];
  dataDigestsCheckedCount = 0;
  /** What was wrong with the target's data digests. */
  readonly faults: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(targetPort: number): Promise<DigestGateway> {
    const server = createServer({ noDelay: true });
    const gateway = new DigestGateway(server);
    server.on('connection', (initiator) => gateway.#join(initiator, connect({ host: '127.0.0.1', port: targetPort, noDelay: true })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return gateway;
  }

  /** `127.0.0.1:41234` */
  get portal(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(initiator: Socket, target: Socket): void {
    // The target's side knows by its login responses, the other side has no data digests.
    const digests: DigestState = { header: false, data: false, isUp: false };
    const withoutData: DigestState = {
      get header() {
        return digests.header;
      },
      data: false,
      get isUp() {
        return digests.isUp;
      },
    };
    const toTarget = new Passage(withoutData, (bytes, opcode, dataLength) => {
      if (opcode === Opcode.loginRequest) target.write(rewriteText(bytes, askForDigests));
      else target.write(digests.data && dataLength > 0 ? withDigest(bytes, dataLength) : bytes);
    });
    const toInitiator = new Passage(digests, (bytes, opcode, dataLength, dataEnd) => {
      if (opcode === Opcode.loginResponse) {
        initiator.write(rewriteText(bytes, (text) => text.replace('DataDigest=CRC32C\0', 'DataDigest=None\0')));
      } else if (digests.data && dataLength > 0) {
        initiator.write(this.#withoutDigest(bytes, dataLength, dataEnd));
      } else {
        initiator.write(bytes);
      }
    });
    this.connections.push(digests);
    for (const [from, to, passage] of [
      [initiator, target, toTarget],
      [target, initiator, toInitiator],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => passage.push(chunk));
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
    }
  }

  #withoutDigest(bytes: Buffer, dataLength: number, dataEnd: number): Buffer {
    const end = bytes.length - DIGEST_LENGTH;
    const start = dataEnd - dataLength;
    const told = readDigest(viewOf(bytes), end);
    if (told !== crc32c(bytes, start, end)) this.faults.push(`opcode 0x${((bytes[0] ?? 0) & 0x3f).toString(16)}, ${dataLength} bytes`);
    this.dataDigestsCheckedCount++;
    return bytes.subarray(0, end);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A data digest covers the padding, too. RFC 7143 §11.2.3. */
function withDigest(bytes: Buffer, dataLength: number): Buffer {
  const digested = Buffer.concat([bytes, Buffer.alloc(DIGEST_LENGTH)]);
  writeDigest(crc32c(bytes, bytes.length - paddedLength(dataLength), bytes.length), viewOf(digested), bytes.length);
  return digested;
}

function askForDigests(text: string): string {
  return text.replace(OFFERED, PREFERRED).replace('DataDigest=None\0', 'DataDigest=CRC32C\0');
}

/** A Login PDU with another text: without digests and, as libiscsi sends none, without AHS. */
function rewriteText(bytes: Buffer, rewrite: (text: string) => string): Buffer {
  const before = bytes.toString('latin1', BHS_LENGTH, BHS_LENGTH + bytes.readUIntBE(5, 3));
  const after = rewrite(before);
  if (after === before) return bytes;
  const rewritten = Buffer.alloc(BHS_LENGTH + paddedLength(after.length));
  bytes.copy(rewritten, 0, 0, BHS_LENGTH);
  rewritten.writeUIntBE(after.length, 5, 3);
  rewritten.write(after, BHS_LENGTH, 'latin1');
  return rewritten;
}
