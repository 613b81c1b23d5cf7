import type { Limits } from '../limits.js';
import { type KeyValuePair, RESERVED_TAG, RejectReason, type TextRequestPdu, type TextResponsePdu } from '../pdu/index.js';
import { KeyNegotiator } from './key-negotiator.js';
import type { MutableParameters, NegotiatedParameters, TargetOffers } from './negotiated-parameters.js';
import { sendTargets, type TargetInventory } from './send-targets.js';
import { AnswerQueue, TextCollector } from './text-exchange.js';

export interface TextOptions {
  readonly limits: Limits;
  readonly offers: TargetOffers;
  /** What login ended with. */
  readonly parameters: NegotiatedParameters;
  readonly inventory: TargetInventory;
}

export type TextStep =
  | {
      readonly kind: 'response';
      /** `statSN`, `expCmdSN` and `maxCmdSN` are 0: the caller owns these numbers and fills them in. */
      readonly response: TextResponsePdu;
      readonly data: Buffer;
      /** The parameters from here on, when the end of this negotiation changed them; else null. */
      readonly changed: NegotiatedParameters | null;
    }
  /** Send a Reject with this `RejectReason` and the header of the request. The negotiation is over or never began. */
  | { readonly kind: 'reject'; readonly reason: number; readonly message: string };

/** One negotiation: all Text PDUs with one Initiator Task Tag, until the F bit has gone both ways. */
interface Exchange {
  readonly initiatorTaskTag: number;
  /** What the initiator has to send back, once we have given it out. */
  targetTransferTag: number;
  readonly collector: TextCollector;
  readonly answer: AnswerQueue;
  readonly keys: KeyNegotiator;
  /** Takes effect when the negotiation ends well, not before. RFC 7143 §6.4. */
  readonly parameters: MutableParameters;
}

function reject(reason: number, message: string): TextStep {
  return { kind: 'reject', reason, message };
}

/**
 * A request that is nothing but a misspelt SendTargets. By the letter its key is `NotUnderstood`, as any other unknown key is here; libiscsi cannot
 * read that answer to a discovery and drops the connection, and its suite (iSCSISendTargets.Invalid) wants the request refused.
 */
function isMisspeltDiscovery(pairs: readonly KeyValuePair[]): boolean {
  const [only] = pairs;
  return pairs.length === 1 && only !== undefined && only[0] !== 'SendTargets' && /^sendtargets/i.test(only[0]);
}

/** Text Requests of one connection in the full-feature phase, one negotiation at a time. RFC 7143 §6.4, §11.10, §11.11. */
export class TextNegotiation {
  readonly #options: TextOptions;
  #parameters: NegotiatedParameters;
  #exchange: Exchange | null = null;
  #nextTransferTag = 1;

  constructor(options: TextOptions) {
    this.#options = options;
    this.#parameters = options.parameters;
  }

  get parameters(): NegotiatedParameters {
    return this.#parameters;
  }

  /** Takes one Text Request and its data segment (not kept). Every request gives one response or one reject. */
  receive(pdu: TextRequestPdu, data: Uint8Array): TextStep {
    const exchange = this.#exchangeOf(pdu);
    if (exchange === null) return reject(RejectReason.invalidPduField, 'the Target Transfer Tag belongs to no negotiation with this Initiator Task Tag');
    const fault = this.#take(exchange, pdu, data);
    if (fault !== null) {
      // RFC 7143 §7 "Negotiation Failures": what was settled so far is void.
      this.#exchange = null;
      return fault;
    }
    return this.#respond(exchange, pdu);
  }

  /**
   * A reserved Target Transfer Tag starts a negotiation and ends one that was under way; any other must be the one that
   * we gave out last. RFC 7143 §11.10.4.
   */
  #exchangeOf(pdu: TextRequestPdu): Exchange | null {
    if (pdu.targetTransferTag !== RESERVED_TAG) {
      const running = this.#exchange;
      return running !== null && running.initiatorTaskTag === pdu.initiatorTaskTag && running.targetTransferTag === pdu.targetTransferTag ? running : null;
    }
    const parameters: MutableParameters = { ...this.#parameters };
    this.#exchange = {
      initiatorTaskTag: pdu.initiatorTaskTag,
      targetTransferTag: RESERVED_TAG,
      collector: new TextCollector(this.#options.limits),
      answer: new AnswerQueue(),
      keys: new KeyNegotiator(parameters, this.#options.offers, false),
      parameters,
    };
    return this.#exchange;
  }

  #take(exchange: Exchange, pdu: TextRequestPdu, data: Uint8Array): TextStep | null {
    if (pdu.final && pdu.continue) return reject(RejectReason.protocolError, 'the F and C bits stand together (RFC 7143 §11.10.2)');
    if (!exchange.answer.isEmpty) {
      // RFC 7143 §11.11.2: the rest of an answer is asked for with empty requests.
      return data.length > 0 || pdu.continue ? reject(RejectReason.protocolError, 'a request with text came while our answer was under way') : null;
    }
    const text = exchange.collector.push(data, pdu.continue);
    if (text.kind === 'fault') return reject(RejectReason.protocolError, text.message);
    return text.kind === 'complete' ? this.#negotiate(exchange, text.pairs) : null;
  }

  #negotiate(exchange: Exchange, pairs: readonly KeyValuePair[]): TextStep | null {
    if (isMisspeltDiscovery(pairs)) return reject(RejectReason.protocolError, 'the request asks for targets by a key that does not exist');
    const outcome = exchange.keys.receive(pairs, 'full-feature');
    if (outcome.kind === 'violation') return reject(RejectReason.protocolError, outcome.message);
    const { answers } = outcome;
    // SendTargets is the one operation that the full-feature phase knows.
    for (const [, value] of outcome.operations) {
      const targets = sendTargets(value, this.#parameters, this.#options.inventory);
      if (targets === null) return reject(RejectReason.protocolError, 'SendTargets asks for nothing that there is (RFC 7143 Appendix C)');
      answers.push(...targets);
    }
    exchange.answer.set(answers);
    return null;
  }

  #respond(exchange: Exchange, pdu: TextRequestPdu): TextStep {
    const data = exchange.answer.next(this.#parameters.maxRecvDataSegmentLength);
    const isContinued = !exchange.answer.isEmpty;
    // RFC 7143 §11.11.1: F answers F only, and only when nothing is left to say.
    const isFinal = pdu.final && !isContinued;
    exchange.targetTransferTag = isFinal ? RESERVED_TAG : this.#takeTransferTag();
    const response: TextResponsePdu = {
      final: isFinal,
      continue: isContinued,
      lunHigh: 0,
      lunLow: 0,
      initiatorTaskTag: pdu.initiatorTaskTag,
      targetTransferTag: exchange.targetTransferTag,
      statSN: 0,
      expCmdSN: 0,
      maxCmdSN: 0,
    };
    return { kind: 'response', response, data, changed: isFinal ? this.#conclude(exchange) : null };
  }

  #conclude(exchange: Exchange): NegotiatedParameters | null {
    this.#exchange = null;
    const before = this.#parameters;
    const after: NegotiatedParameters = exchange.parameters;
    if (after.maxRecvDataSegmentLength === before.maxRecvDataSegmentLength && after.initiatorAlias === before.initiatorAlias) return null;
    this.#parameters = after;
    return after;
  }

  /** Any value but the reserved one, and never the same twice in a row. */
  #takeTransferTag(): number {
    const tag = this.#nextTransferTag;
    this.#nextTransferTag = tag === RESERVED_TAG - 1 ? 1 : tag + 1;
    return tag;
  }
}
