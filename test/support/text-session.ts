import { connect, type Socket } from 'node:net';
import { AssertionFailure } from '../../engine/errors.js';
import {
  BHS_LENGTH,
  decodeLoginResponse,
  decodeReject,
  decodeTextResponse,
  encodeLoginRequest,
  encodeTextData,
  encodeTextRequest,
  type KeyValuePair,
  LoginStage,
  Opcode,
  paddedLength,
  parseTextData,
  RESERVED_TAG,
  readDataSegmentLength,
  readOpcode,
} from '../../engine/pdu/index.js';

export const TEXT_INITIATOR_NAME = 'iqn.2026-11.io.lunloom:text-session';

export interface TextAnswer {
  /** Null when the request was rejected; `reason` then says why. */
  readonly pairs: readonly KeyValuePair[] | null;
  readonly reason: number | null;
  /** Data segments the answer came in; bytes each. */
  readonly segmentLengths: readonly number[];
}

interface Pdu {
  readonly view: DataView;
  readonly data: Buffer;
}

/** A session over a real socket that logs in and exchanges text, with PDUs made and taken apart here. */
export class TextSession {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #cmdSN = 1;
  #tag = 1;
  /** Status-Class and -Detail of the login. */
  loginStatus = -1;
  /** What the target said in its last Login Response. */
  loginPairs: readonly KeyValuePair[] = [];

  /** Connects and logs in with one request; a discovery session unless `targetName` is given. */
  static async open(options: { host: string; port: number; targetName?: string; keys?: readonly KeyValuePair[]; isid?: string }): Promise<TextSession> {
    const socket = connect(options.port, options.host);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const session = new TextSession(socket);
    await session.#login(options);
    return session;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #login(options: { targetName?: string; keys?: readonly KeyValuePair[]; isid?: string }): Promise<void> {
    const type: KeyValuePair[] =
      options.targetName === undefined
        ? [['SessionType', 'Discovery']]
        : [
            ['SessionType', 'Normal'],
            ['TargetName', options.targetName],
          ];
    const text = encodeTextData([['InitiatorName', TEXT_INITIATOR_NAME], ...type, ...(options.keys ?? [])]);
    const view = newHeader();
    const stages = { transit: true, continue: false, currentStage: LoginStage.loginOperationalNegotiation, nextStage: LoginStage.fullFeaturePhase };
    const names = { isid: options.isid ?? '800000000077', tsih: 0, initiatorTaskTag: 0, cid: 0, versionMax: 0, versionMin: 0 };
    encodeLoginRequest({ ...stages, ...names, cmdSN: this.#cmdSN, expStatSN: 0 }, text.length, view, 0);
    this.#send(view, text);
    const pdu = await this.#receive();
    this.loginStatus = decodeLoginResponse(pdu.view, 0).status;
    this.loginPairs = parseTextData(pdu.data) ?? [];
  }

  /** One text negotiation: the request, and empty ones until the whole answer is there. RFC 7143 §11.10, §11.11. */
  async exchange(pairs: readonly KeyValuePair[]): Promise<TextAnswer> {
    const initiatorTaskTag = this.#tag++;
    const pieces: Buffer[] = [];
    let targetTransferTag = RESERVED_TAG;
    let text = encodeTextData(pairs);
    for (;;) {
      const view = newHeader();
      const numbers = { cmdSN: this.#cmdSN++, expStatSN: 0 };
      const flags = { immediate: false, final: true, continue: false };
      encodeTextRequest({ ...flags, lunHigh: 0, lunLow: 0, initiatorTaskTag, targetTransferTag, ...numbers }, text.length, view, 0);
      this.#send(view, text);
      const pdu = await this.#receive();
      if (readOpcode(pdu.view, 0) === Opcode.reject) {
        return { pairs: null, reason: decodeReject(pdu.view, 0).reason, segmentLengths: [] };
      }
      const response = decodeTextResponse(pdu.view, 0);
      pieces.push(pdu.data);
      // What a fault of the target would look like is told apart by the caller: flags must fit the rest of the answer.
      if (response.continue === response.final) throw new AssertionFailure('C and F of a Text Response are never the same here');
      if (response.final) return { pairs: parseTextData(Buffer.concat(pieces)), reason: null, segmentLengths: pieces.map((piece) => piece.length) };
      ({ targetTransferTag } = response);
      text = Buffer.alloc(0);
    }
  }

  #send(view: DataView, data: Buffer): void {
    const padding = Buffer.alloc(paddedLength(data.length) - data.length);
    this.#socket.write(Buffer.concat([new Uint8Array(view.buffer), data, padding]));
  }

  async #receive(): Promise<Pdu> {
    const header = Buffer.from(await this.#take(BHS_LENGTH));
    const view = new DataView(header.buffer, header.byteOffset, BHS_LENGTH);
    const lengthBytes = readDataSegmentLength(view, 0);
    const padded = await this.#take(paddedLength(lengthBytes));
    return { view, data: Buffer.from(padded.subarray(0, lengthBytes)) };
  }

  async #take(lengthBytes: number): Promise<Buffer> {
    while (this.#rest.length < lengthBytes) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new AssertionFailure('the target closed the connection');
      this.#rest = Buffer.concat([this.#rest, next.value]);
    }
    const taken = this.#rest.subarray(0, lengthBytes);
    this.#rest = this.#rest.subarray(lengthBytes);
    return taken;
  }
}

function newHeader(): DataView {
  return new DataView(new ArrayBuffer(BHS_LENGTH));
}
