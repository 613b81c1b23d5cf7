import { createServer, type Server, type Socket } from 'node:net';
import { assert } from '../../../engine/errors.js';
import { encodeAttributes, type IsnsAttribute, parseAttributes } from '../../../engine/isns/attribute.js';

const WAIT_MS_MAX = 5000;

export interface ReceivedRequest {
  readonly functionId: number;
  readonly replace: boolean;
  readonly attributes: readonly IsnsAttribute[];
}

/** What the server says: a status with attributes, raw bytes, nothing at all, or the end of the connection with or without an answer. */
export type ScriptedAnswer = { readonly status: number; readonly attributes?: readonly IsnsAttribute[] } | Buffer | 'hangUp' | 'refuseAndHangUp' | 'silence';

const NO_SUCH_ENTRY = 9;

/** An iSNS server that says what the test tells it to. */
export class FakeIsnsServer {
  readonly requests: ReceivedRequest[] = [];
  connectionCount = 0;
  answer: (request: ReceivedRequest) => ScriptedAnswer = () => ({ status: 0 });
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => this.#onConnection(socket));
  }

  /** Answers the port. */
  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    this.hangUp();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when so many requests have come in all; throws when they do not. */
  async received(count: number): Promise<void> {
    const until = performance.now() + WAIT_MS_MAX;
    while (this.requests.length < count) {
      assert(performance.now() < until, `request ${count} came`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #onConnection(socket: Socket): void {
    this.connectionCount++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let rest = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 12 && rest.length >= 12 + rest.readUInt16BE(4)) {
        const lengthBytes = 12 + rest.readUInt16BE(4);
        this.#onRequest(socket, rest.subarray(0, lengthBytes));
        rest = rest.subarray(lengthBytes);
      }
    });
  }

  #onRequest(socket: Socket, pdu: Buffer): void {
    const functionId = pdu.readUInt16BE(2);
    const request = { functionId, replace: (pdu.readUInt16BE(6) & 0x1000) !== 0, attributes: parseAttributes(pdu.subarray(12)) ?? [] };
    this.requests.push(request);
    const answer = this.answer(request);
    if (answer === 'hangUp') socket.destroy();
    else if (answer === 'refuseAndHangUp') socket.end(encodeAnswer(functionId, pdu.readUInt16BE(8), NO_SUCH_ENTRY, []));
    else if (Buffer.isBuffer(answer)) socket.write(answer);
    else if (answer !== 'silence') socket.write(encodeAnswer(functionId, pdu.readUInt16BE(8), answer.status, answer.attributes ?? []));
  }
}

function encodeAnswer(functionId: number, transactionId: number, status: number, attributes: readonly IsnsAttribute[]): Buffer {
  const body = encodeAttributes(attributes);
  const head = Buffer.alloc(16);
  for (const [index, word] of [1, functionId | 0x8000, 4 + body.length, 0x4c00, transactionId, 0].entries()) head.writeUInt16BE(word, 2 * index);
  head.writeUInt32BE(status, 12);
  return Buffer.concat([head, body]);
}
