import type { Limits } from '../limits.js';
import { encodeTextData, type KeyValuePair, parseTextData } from '../pdu/index.js';

export type CollectedText =
  /** The C bit was set: the text goes on in the next PDU. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'complete'; readonly pairs: readonly KeyValuePair[] }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Gathers the text of one side over PDUs with the C bit, in which pairs may be cut anywhere, and holds the whole
 * negotiation to its bounds. RFC 7143 §6.2, §11.10.2, §11.12.2.
 */
export class TextCollector {
  readonly #limits: Limits;
  #pieces: Uint8Array[] = [];
  #lengthBytes = 0;
  #keyCount = 0;
  #requestCount = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Takes the data segment of one request; `data` is copied when it has to be kept. */
  push(data: Uint8Array, isContinued: boolean): CollectedText {
    this.#requestCount += 1;
    this.#lengthBytes += data.length;
    if (this.#requestCount > this.#limits.loginRoundCountMax) return { kind: 'fault', message: 'the negotiation does not end' };
    if (this.#lengthBytes > this.#limits.loginTextBytesMax) return { kind: 'fault', message: 'the negotiation has too much text' };
    if (isContinued) {
      this.#pieces.push(Uint8Array.prototype.slice.call(data));
      return { kind: 'incomplete' };
    }
    const text = this.#pieces.length === 0 ? data : Buffer.concat([...this.#pieces, data]);
    this.#pieces = [];
    const pairs = parseTextData(text);
    if (pairs === null) return { kind: 'fault', message: 'the text is not made of key=value pairs' };
    this.#keyCount += pairs.length;
    if (this.#keyCount > this.#limits.textKeyCountMax) return { kind: 'fault', message: 'the negotiation has too many keys' };
    return { kind: 'complete', pairs };
  }
}

const noText = Buffer.alloc(0);

/** An answer on its way out, in as many PDUs as the other side's segment length asks for. */
export class AnswerQueue {
  #rest: Buffer = noText;

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  set(pairs: Iterable<KeyValuePair>): void {
    this.#rest = encodeTextData(pairs);
  }

  /** The next piece; afterwards `isEmpty` tells whether it was the last. */
  next(lengthBytesMax: number): Buffer {
    const piece = this.#rest.subarray(0, lengthBytesMax);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
