import { type KeyValuePair, LoginStatus } from '../pdu/index.js';
import { isNegotiable, type KeyRow, type NegotiableRow, operationsOf } from './key-row.js';
import { findKey, keyRank, keyTable } from './keys.js';
import type { MutableParameters, TargetOffers } from './negotiated-parameters.js';
import { Answer, isAnswer, SIMPLE_VALUE_BYTES_MAX } from './text-values.js';

/** Where in the life of a connection keys arrive. */
export type NegotiationPhase = 'security' | 'operational' | 'full-feature';

export type KeyOutcome =
  | {
      readonly kind: 'keys';
      /** What we say to the offers, in their order. */
      readonly answers: KeyValuePair[];
      /** Keys of kind `operation`, and those that the caller claimed. */
      readonly operations: readonly KeyValuePair[];
    }
  /** The negotiation cannot go on. In login `status` is what to answer. */
  | { readonly kind: 'violation'; readonly status: number; readonly message: string; readonly clause: string };

const noKeys: ReadonlySet<string> = new Set();

function isUsable(row: KeyRow, phase: NegotiationPhase, isLeading: boolean): boolean {
  if (phase === 'security') return row.anyStage === true;
  if (row.use === 'any') return true;
  if (phase === 'full-feature') return row.use === 'full-feature-only';
  return row.use === 'initialize-only' || (row.use === 'leading-only' && isLeading);
}

function violation(message: string, clause: string, status: number = LoginStatus.initiatorError): KeyOutcome {
  return { kind: 'violation', status, message, clause };
}

/**
 * One negotiation of keys: a whole login, or one exchange of Text PDUs. RFC 7143 §6.2.
 * `parameters` is written as keys are settled.
 */
export class KeyNegotiator {
  readonly #parameters: MutableParameters;
  readonly #offers: TargetOffers;
  readonly #isLeading: boolean;
  /** Keys the initiator has sent, with their values. */
  readonly #seen = new Map<string, string>();
  /** Keys with a negotiated result. */
  readonly #settled = new Set<string>();
  /** Our own offers without an answer yet. */
  readonly #open = new Map<string, NegotiableRow>();
  /** What we declared: nobody has to say anything to it, but some say `NotUnderstood`. */
  readonly #declared = new Set<string>();

  constructor(parameters: MutableParameters, offers: TargetOffers, isLeading: boolean) {
    this.#parameters = parameters;
    this.#offers = offers;
    this.#isLeading = isLeading;
  }

  /** Takes the keys of one complete text. Keys in `claimed` belong to the caller and may come again in later texts. */
  receive(pairs: readonly KeyValuePair[], phase: NegotiationPhase, claimed: ReadonlySet<string> = noKeys): KeyOutcome {
    if (new Set(pairs.map(([key]) => key)).size !== pairs.length) {
      return violation('a key stands twice in one text', 'RFC 7143 §6.3 "Login Phase"');
    }
    const answers: (KeyValuePair | null)[] = pairs.map(() => null);
    const operations: KeyValuePair[] = [];
    for (const index of evaluationOrder(pairs)) {
      const pair = pairs[index] as KeyValuePair;
      const [key, value] = pair;
      if (claimed.has(key)) {
        operations.push(pair);
        continue;
      }
      const outcome = this.#receiveOne(key, value, phase);
      if (outcome === null) continue;
      if (typeof outcome === 'string') answers[index] = [key, outcome];
      else if (outcome.kind === 'violation') return outcome;
      else operations.push(pair);
    }
    return { kind: 'keys', answers: answers.filter((answer) => answer !== null), operations };
  }

  /** Our own offers for keys whose default we cannot live with and which the initiator has not brought up. */
  propose(): KeyValuePair[] {
    const proposals: KeyValuePair[] = [];
    for (const row of this.#blockers()) {
      if (this.#seen.has(row.name) || this.#open.has(row.name)) continue;
      this.#open.set(row.name, row);
      proposals.push([row.name, operationsOf(row).proposal(row, this.#offers)]);
    }
    return proposals;
  }

  /** Takes note of declarations that we send, which the initiator may turn down with one of the answer constants. */
  declare(pairs: readonly KeyValuePair[]): void {
    for (const [key] of pairs) this.#declared.add(key);
  }

  get hasOpenOffers(): boolean {
    return this.#open.size > 0;
  }

  /** The first key that stands at a value we cannot work with, or null. */
  get blocker(): string | null {
    return this.#blockers()[0]?.name ?? null;
  }

  #blockers(): NegotiableRow[] {
    return keyTable.filter(
      (row): row is NegotiableRow =>
        isNegotiable(row) &&
        !this.#settled.has(row.name) &&
        isUsable(row, 'operational', this.#isLeading) &&
        row.irrelevantWhen?.(this.#parameters) !== true &&
        !operationsOf(row).isDefaultAcceptable(row, this.#offers),
    );
  }

  /** An answer, null for none, or an outcome: `keys` marks an operation. */
  #receiveOne(key: string, value: string, phase: NegotiationPhase): string | null | KeyOutcome {
    const open = this.#open.get(key);
    if (open !== undefined) return this.#conclude(open, value);
    if (isAnswer(value)) {
      // Answering the answer to a declaration would never end.
      return this.#declared.delete(key) ? null : violation(`key ${key} was offered as ${value}, which only an answer may be`, 'RFC 7143 §6.2');
    }

    const row = findKey(key);
    const before = this.#seen.get(key);
    if (before !== undefined) {
      // The letter of §6.3 is a login reject; but libiscsi says who it is in each stage, and that harms nobody.
      if (row?.kind === 'declarative' && before === value) return null;
      return violation(`key ${key} was sent twice`, 'RFC 7143 §6.3 "Login Phase"');
    }
    this.#seen.set(key, value);
    if (row === undefined) return Answer.notUnderstood;
    if (row.senders === 'target' || !isUsable(row, phase, this.#isLeading)) return Answer.reject;
    if (row.irrelevantWhen?.(this.#parameters) === true) return Answer.irrelevant;
    return this.#evaluate(row, value);
  }

  #evaluate(row: KeyRow, value: string): string | null | KeyOutcome {
    if (row.kind === 'operation') return { kind: 'keys', answers: [], operations: [] };
    if (row.kind === 'obsolete') return row.answer;
    const isTooLong = value.length > SIMPLE_VALUE_BYTES_MAX;
    if (row.kind === 'declarative') {
      if (!isTooLong && row.accept(this.#parameters, value)) return null;
      return row.invalidStatus === undefined ? Answer.reject : violation(`key ${row.name} has an inadmissible value`, row.clause, row.invalidStatus);
    }
    const result = isTooLong && row.kind !== 'list' ? null : operationsOf(row).respond(row, value, this.#offers, this.#parameters);
    if (result === null) return Answer.reject;
    this.#settled.add(row.name);
    return result;
  }

  /** The initiator's word on an offer of ours. */
  #conclude(row: NegotiableRow, value: string): null | KeyOutcome {
    this.#open.delete(row.name);
    this.#seen.set(row.name, value);
    // Refused: the default stands, and as it was offered because the default will not do, login ends at `blocker`.
    if (isAnswer(value)) return null;
    if (!operationsOf(row).conclude(row, value, this.#offers, this.#parameters)) {
      return violation(`key ${row.name} was answered outside of our offer`, row.clause);
    }
    this.#settled.add(row.name);
    return null;
  }
}

/** Indices of `pairs`, those first that others depend on. */
function evaluationOrder(pairs: readonly KeyValuePair[]): number[] {
  const rank = (index: number): number => keyRank((pairs[index] as KeyValuePair)[0]);
  return pairs.map((_, index) => index).sort((a, b) => rank(a) - rank(b) || a - b);
}
