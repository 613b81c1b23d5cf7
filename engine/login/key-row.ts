import type { MutableParameters, NegotiatedParameters, TargetOffers } from './negotiated-parameters.js';
import { formatBoolean, parseBoolean, parseNumber } from './text-values.js';

/**
 * When a key may be used, the "Use" line of RFC 7143 §13:
 * `initialize-only` is IO, `leading-only` LO (the first connection of a session), `any` ALL, `full-feature-only` FFPO;
 * `security` is AuthMethod's own stage.
 */
export type KeyUse = 'security' | 'initialize-only' | 'leading-only' | 'any' | 'full-feature-only';

interface KeyRowBase {
  readonly name: string;
  readonly clause: string;
  readonly scope: 'session' | 'connection';
  readonly senders: 'initiator' | 'target' | 'both';
  readonly use: KeyUse;
  /** May stand in SecurityNegotiation too; all other operational keys may not. RFC 7143 §13. */
  readonly anyStage?: true;
  /** The "Irrelevant when" line. */
  readonly irrelevantWhen?: (parameters: NegotiatedParameters) => boolean;
}

/** The offerer names values in its order of preference; the result is the first one that we support. */
export interface ListRow extends KeyRowBase {
  readonly kind: 'list';
  readonly default: string;
  /** Never empty; the first one is what we offer ourselves. */
  readonly supported: (offers: TargetOffers) => readonly string[];
  readonly store: (parameters: MutableParameters, value: string) => void;
}

export interface BooleanRow extends KeyRowBase {
  readonly kind: 'boolean-and' | 'boolean-or';
  readonly default: boolean;
  readonly preference: (offers: TargetOffers) => boolean;
  readonly store: (parameters: MutableParameters, value: boolean) => void;
}

export interface NumberRow extends KeyRowBase {
  readonly kind: 'number-min' | 'number-max';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly preference: (offers: TargetOffers) => number;
  /** A bound that earlier results put on this one. */
  readonly cap?: (parameters: NegotiatedParameters) => number;
  readonly store: (parameters: MutableParameters, value: number) => void;
}

/** One side tells, the other takes note and says nothing. */
export interface DeclarativeRow extends KeyRowBase {
  readonly kind: 'declarative';
  /** False when the value is not admissible. */
  readonly accept: (parameters: MutableParameters, value: string) => boolean;
  /** Login status of an inadmissible value; without one it is answered `Reject` and not taken. */
  readonly invalidStatus?: number;
}

/** Keys that RFC 7143 §13.25 retired: known, with one answer whatever is offered. */
export interface ObsoleteRow extends KeyRowBase {
  readonly kind: 'obsolete';
  readonly answer: string;
}

/** Keys that ask for something beyond a parameter: handed to the caller. */
export interface OperationRow extends KeyRowBase {
  readonly kind: 'operation';
}

export type NegotiableRow = ListRow | BooleanRow | NumberRow;
export type KeyRow = NegotiableRow | DeclarativeRow | ObsoleteRow | OperationRow;

/** What each kind of negotiable key does; values are in wire form. RFC 7143 §6.2.1 and §6.2.2. */
interface KindOperations<R extends NegotiableRow> {
  /** The result of an offer, stored; null when the offer is not admissible. */
  respond(row: R, offer: string, offers: TargetOffers, parameters: MutableParameters): string | null;
  /** Stores the answer to our own offer; false when the answer is not one that the result function allows. */
  conclude(row: R, answer: string, offers: TargetOffers, parameters: MutableParameters): boolean;
  /** Whether we can live with nobody negotiating the key. */
  isDefaultAcceptable(row: R, offers: TargetOffers): boolean;
  /** What we offer when it is not. */
  proposal(row: R, offers: TargetOffers): string;
}

const listOperations: KindOperations<ListRow> = {
  respond(row, offer, offers, parameters) {
    const supported = row.supported(offers);
    const chosen = offer.split(',').find((value) => supported.includes(value));
    if (chosen === undefined) return null;
    row.store(parameters, chosen);
    return chosen;
  },
  conclude(row, answer, offers, parameters) {
    if (!row.supported(offers).includes(answer)) return false;
    row.store(parameters, answer);
    return true;
  },
  isDefaultAcceptable: (row, offers) => row.supported(offers).includes(row.default),
  proposal: (row, offers) => row.supported(offers).join(','),
};

/** AND and OR are settled by one value alone, No and Yes respectively; otherwise the other side decides. */
function settles(row: BooleanRow, value: boolean): boolean {
  return row.kind === 'boolean-or' ? value : !value;
}

const booleanOperations: KindOperations<BooleanRow> = {
  respond(row, offer, offers, parameters) {
    const offered = parseBoolean(offer);
    if (offered === null) return null;
    const preference = row.preference(offers);
    const result = settles(row, preference) ? preference : offered;
    row.store(parameters, result);
    return formatBoolean(result);
  },
  conclude(row, answer, offers, parameters) {
    const value = parseBoolean(answer);
    const preference = row.preference(offers);
    if (value === null || (settles(row, preference) && value !== preference)) return false;
    row.store(parameters, value);
    return true;
  },
  isDefaultAcceptable(row, offers) {
    const preference = row.preference(offers);
    return !settles(row, preference) || row.default === preference;
  },
  proposal: (row, offers) => formatBoolean(row.preference(offers)),
};

function result(row: NumberRow, offered: number, offers: TargetOffers): number {
  const preference = row.preference(offers);
  return row.kind === 'number-min' ? Math.min(offered, preference) : Math.max(offered, preference);
}

function parseInRange(row: NumberRow, value: string): number | null {
  const number = parseNumber(value);
  return number === null || number < row.min || number > row.max ? null : number;
}

const numberOperations: KindOperations<NumberRow> = {
  respond(row, offer, offers, parameters) {
    const offered = parseInRange(row, offer);
    if (offered === null) return null;
    const value = Math.min(result(row, offered, offers), row.cap?.(parameters) ?? row.max);
    row.store(parameters, value);
    return String(value);
  },
  conclude(row, answer, offers, parameters) {
    const value = parseInRange(row, answer);
    if (value === null || result(row, value, offers) !== value) return false;
    row.store(parameters, value);
    return true;
  },
  isDefaultAcceptable: (row, offers) => result(row, row.default, offers) === row.default,
  proposal: (row, offers) => String(row.preference(offers)),
};

const operations = {
  list: listOperations,
  'boolean-and': booleanOperations,
  'boolean-or': booleanOperations,
  'number-min': numberOperations,
  'number-max': numberOperations,
} as const satisfies { [K in NegotiableRow['kind']]: KindOperations<never> };

export function isNegotiable(row: KeyRow): row is NegotiableRow {
  return row.kind in operations;
}

/** The operations of a row's kind. */
export function operationsOf(row: NegotiableRow): KindOperations<NegotiableRow> {
  // The table above pairs each kind with the row type that carries it.
  return operations[row.kind] as KindOperations<NegotiableRow>;
}
