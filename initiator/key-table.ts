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
  /** What this initiator offers unless told otherwise; null when it keeps silent, so that the default holds. */
  readonly offer: string | null;
  /** True for keys that mean nothing in a discovery session. §13. */
  readonly normalOnly: boolean;
  /** True for keys that hold for the whole session: only its first connection may name them. §13. */
  readonly leadingOnly: boolean;
}

/** Of MaxRecvDataSegmentLength and the burst lengths, §13.12–§13.14. */
export const SEGMENT_LENGTH_MIN = 512;
export const SEGMENT_LENGTH_MAX = 0xffffff;

function list(defaultValue: string): KeyRow {
  return { rule: { kind: 'list' }, defaultValue, offer: defaultValue, normalOnly: false, leadingOnly: false };
}

function boolean(kind: 'and' | 'or', defaultValue: string, offer = defaultValue): KeyRow {
  return { rule: { kind }, defaultValue, offer, normalOnly: true, leadingOnly: true };
}

function number(kind: 'min' | 'max', from: number, to: number, defaultValue: number, offer: number | null = defaultValue, normalOnly = true): KeyRow {
  const text = offer === null ? null : String(offer);
  return { rule: { kind, from, to }, defaultValue: String(defaultValue), offer: text, normalOnly, leadingOnly: true };
}

/** The operational keys that an initiator negotiates, RFC 7143 §13. */
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
    leadingOnly: false,
  },
  MaxBurstLength: number('min', SEGMENT_LENGTH_MIN, SEGMENT_LENGTH_MAX, 262_144, defaultLimits.maxBurstLengthBytes),
  FirstBurstLength: number('min', SEGMENT_LENGTH_MIN, SEGMENT_LENGTH_MAX, 65_536, defaultLimits.firstBurstLengthBytes),
  DefaultTime2Wait: number('max', 0, 3600, 2, 2, false),
  DefaultTime2Retain: number('min', 0, 3600, 20, 0, false),
  MaxOutstandingR2T: number('min', 1, 65_535, 1),
  DataPDUInOrder: boolean('or', 'Yes'),
  DataSequenceInOrder: boolean('or', 'Yes'),
  ErrorRecoveryLevel: number('min', 0, 2, 0, 0, false),
  TaskReporting: { rule: { kind: 'list' }, defaultValue: 'RFC3720', offer: null, normalOnly: true, leadingOnly: true },
  iSCSIProtocolLevel: number('min', 0, 31, 1, null),
  InitiatorAlias: { rule: { kind: 'declare' }, defaultValue: '', offer: null, normalOnly: false, leadingOnly: false },
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
