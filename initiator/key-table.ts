import { defaultLimits } from '../engine/limits.js';

/** How the value of a key comes about. RFC 7143 §6.2 and §13. */
export type KeyRule =
  /** The answerer picks the first value of the offered list that it supports. §6.2.1. */
  | { readonly kind: 'list' }
  /** Yes when both say Yes, or when either does. §6.2.2. */
  | { readonly kind: 'and' | 'or' }
  /** The smaller or the larger number. §6.2.2. */
  | { readonly kind: 'min' | 'max'; readonly from: number; readonly to: number }
  /** Each side tells the other; no answer. §6.2. */
  | { readonly kind: 'declare' };

export interface KeyRow {
  readonly rule: KeyRule;
  /** What holds when nobody names the key. §13. */
  readonly defaultValue: string;
  /** What this initiator offers unless told otherwise. */
  readonly offer: string;
  /** True for keys that mean nothing in a discovery session. §13. */
  readonly normalOnly: boolean;
}

const SEGMENT_LENGTH_MIN = 512;
const SEGMENT_LENGTH_MAX = 0xffffff;

function list(defaultValue: string): KeyRow {
  return { rule: { kind: 'list' }, defaultValue, offer: defaultValue, normalOnly: false };
}

function boolean(kind: 'and' | 'or', defaultValue: string, offer = defaultValue): KeyRow {
  return { rule: { kind }, defaultValue, offer, normalOnly: true };
}

function number(kind: 'min' | 'max', from: number, to: number, defaultValue: number, offer = defaultValue, normalOnly = true): KeyRow {
  return { rule: { kind, from, to }, defaultValue: String(defaultValue), offer: String(offer), normalOnly };
}

/** The operational keys that an initiator of one connection negotiates, RFC 7143 §13. */
export const keyTable = {
  HeaderDigest: list('None'),
  DataDigest: list('None'),
  MaxConnections: number('min', 1, 65_535, 1),
  InitialR2T: boolean('or', 'Yes', 'No'),
  ImmediateData: boolean('and', 'Yes'),
  MaxRecvDataSegmentLength: {
    rule: { kind: 'declare' },
    defaultValue: '8192',
    offer: String(defaultLimits.maxRecvDataSegmentLengthBytes),
    normalOnly: false,
  },
  MaxBurstLength: number('min', SEGMENT_LENGTH_MIN, SEGMENT_LENGTH_MAX, 262_144, defaultLimits.maxBurstLengthBytes),
  FirstBurstLength: number('min', SEGMENT_LENGTH_MIN, SEGMENT_LENGTH_MAX, 65_536, defaultLimits.firstBurstLengthBytes),
  DefaultTime2Wait: number('max', 0, 3600, 2, 2, false),
  DefaultTime2Retain: number('min', 0, 3600, 20, 0, false),
  MaxOutstandingR2T: number('min', 1, 65_535, 1),
  DataPDUInOrder: boolean('or', 'Yes'),
  DataSequenceInOrder: boolean('or', 'Yes'),
  ErrorRecoveryLevel: number('min', 0, 2, 0, 0, false),
} as const satisfies Record<string, KeyRow>;
export type OperationalKey = keyof typeof keyTable;

export function keyRow(key: string): KeyRow | undefined {
  return Object.hasOwn(keyTable, key) ? keyTable[key as OperationalKey] : undefined;
}

/** A numerical value in decimal or hexadecimal, RFC 7143 §6.1; -1 when it is none. */
export function parseNumericValue(value: string): number {
  if (/^0[xX][0-9A-Fa-f]{1,8}$/.test(value)) return Number.parseInt(value.slice(2), 16);
  return /^(0|[1-9][0-9]{0,9})$/.test(value) ? Number(value) : -1;
}
