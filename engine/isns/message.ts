import { assert } from '../errors.js';
import { type IsnsAttribute, parseAttributes } from './attribute.js';

/** What a target asks of an iSNS server. RFC 4171 §4.1.3 "iSNSP Messages". */
export const IsnsFunction = { register: 0x0001, query: 0x0002, deregister: 0x0004 } as const;
const RESPONSE_BIT = 0x8000;

export const IsnsStatus = { success: 0, invalidRegistration: 3, noSuchEntry: 9, serverBusy: 12 } as const;

/** In words for a person. RFC 4171 §5.4. */
const statusNames: Readonly<Record<number, string>> = {
  0: 'success',
  1: 'unknown error',
  2: 'message format error',
  3: 'invalid registration',
  5: 'invalid query',
  6: 'source unknown',
  7: 'source absent',
  8: 'source unauthorized',
  9: 'no such entry',
  10: 'version not supported',
  11: 'internal error',
  12: 'busy',
  13: 'option not understood',
  14: 'invalid update',
  15: 'message not supported',
  18: 'attribute not implemented',
  22: 'invalid deregistration',
  23: 'registration feature not supported',
};

export function isnsStatusName(status: number): string {
  return statusNames[status] ?? `status ${status}`;
}

/** RFC 4171 §5.1.4. */
const Flag = { senderIsClient: 0x8000, authBlock: 0x2000, replace: 0x1000, last: 0x0800, first: 0x0400 } as const;
const VERSION = 1;
export const HEADER_LENGTH_BYTES = 12;
/** Payload of one PDU: what a 16-bit length that is a multiple of four can say. */
export const PAYLOAD_LENGTH_BYTES_MAX = 0xfffc;

export interface IsnsRequest {
  readonly functionId: number;
  readonly transactionId: number;
  /** Takes the place of what was registered by this key. RFC 4171 §5.6.5.1. */
  readonly replace?: boolean;
  readonly payload: Buffer;
}

/** A request in one PDU. RFC 4171 §5.1. */
export function encodeRequest({ functionId, transactionId, replace = false, payload }: IsnsRequest): Buffer {
  assert(payload.length <= PAYLOAD_LENGTH_BYTES_MAX, 'an iSNS request fits one PDU');
  const header = Buffer.alloc(HEADER_LENGTH_BYTES);
  header.writeUInt16BE(VERSION, 0);
  header.writeUInt16BE(functionId, 2);
  header.writeUInt16BE(payload.length, 4);
  header.writeUInt16BE(Flag.senderIsClient | Flag.first | Flag.last | (replace ? Flag.replace : 0), 6);
  header.writeUInt16BE(transactionId, 8);
  return Buffer.concat([header, payload]);
}

export interface IsnsResponse {
  /** That of the request, without the bit that marks a response. */
  readonly functionId: number;
  readonly transactionId: number;
  readonly status: number;
  /** Message key, delimiter and operating attributes in one list. */
  readonly attributes: readonly IsnsAttribute[];
}

/** What a server may say, cut into responses: hostile bytes cost no more than `lengthBytesMax` and end in a fault. */
export class IsnsReader {
  readonly #lengthBytesMax: number;
  #rest: Buffer = Buffer.alloc(0);
  /** Payloads of the response whose last PDU has not come. */
  #pieces: Buffer[] = [];
  #piecesLengthBytes = 0;

  constructor(lengthBytesMax: number) {
    this.#lengthBytesMax = lengthBytesMax;
  }

  /** The responses that `bytes` complete, or a sentence on why this is no iSNS server to speak with. */
  push(bytes: Uint8Array): readonly IsnsResponse[] | string {
    // At most one PDU and one chunk lie here: all that is complete is taken off below.
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const responses: IsnsResponse[] = [];
    while (this.#rest.length >= HEADER_LENGTH_BYTES) {
      const version = this.#rest.readUInt16BE(0);
      if (version !== VERSION) return `it speaks version ${version}, or something else than iSNS`;
      const lengthBytes = HEADER_LENGTH_BYTES + this.#rest.readUInt16BE(4);
      if (this.#rest.length < lengthBytes) break;
      const pdu = this.#rest.subarray(0, lengthBytes);
      this.#rest = this.#rest.subarray(lengthBytes);
      const outcome = this.#take(pdu);
      if (typeof outcome === 'string') return outcome;
      if (outcome !== null) responses.push(outcome);
    }
    return responses;
  }

  /** A whole response, null when more of it is to come or it is none, or a fault. */
  #take(pdu: Buffer): IsnsResponse | null | string {
    const functionId = pdu.readUInt16BE(2);
    const flags = pdu.readUInt16BE(6);
    // We registered for no notifications: whatever it has to say unasked is not for us.
    if ((functionId & RESPONSE_BIT) === 0) return null;
    if ((flags & Flag.authBlock) !== 0) return 'it signs its messages, which we cannot check';
    const isFirst = (flags & Flag.first) !== 0;
    // PDUs of one message come one after the other. RFC 4171 §5.1.4.
    if (isFirst !== (this.#pieces.length === 0)) return 'the PDUs of its messages are mixed up';
    this.#pieces.push(pdu.subarray(HEADER_LENGTH_BYTES));
    // An empty PDU counts too: they must not be endless.
    this.#piecesLengthBytes += pdu.length;
    if (this.#piecesLengthBytes > this.#lengthBytesMax) return `its answer is longer than ${this.#lengthBytesMax} bytes`;
    if ((flags & Flag.last) === 0) return null;
    const payload = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#piecesLengthBytes = 0;
    const attributes = payload.length < 4 ? null : parseAttributes(payload.subarray(4));
    if (attributes === null) return 'its answer is not made of attributes';
    return { functionId: functionId & ~RESPONSE_BIT, transactionId: pdu.readUInt16BE(8), status: payload.readUInt32BE(0), attributes };
  }
}
