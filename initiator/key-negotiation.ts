import type { KeyValuePair } from '../engine/pdu/index.js';
import type { ConformanceChecks } from './checks.js';
import { type KeyRow, type KeyRule, keyRow, keyTable, type OperationalKey, parseNumericValue } from './key-table.js';

/** What the two sides agreed on; lengths in bytes. RFC 7143 §13. */
export interface NegotiatedKeys {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly maxConnections: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  /** What we declared: the longest data segment that the target may send us. */
  readonly maxRecvDataSegmentLength: number;
  /** What the target declared: the longest data segment that we may send. */
  readonly targetMaxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly maxOutstandingR2T: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  /** `RFC3720`, `ResponseFence` or `FastAbort`. §13.23. */
  readonly taskReporting: string;
  /** 1 unless told; from 2 on the task management functions of RFC 7144 may be used. RFC 7144 §7.1.1. */
  readonly protocolLevel: number;
}

/** Overrides of what is offered: other values, keys of one's own, or null to keep a key out. */
export type KeyOffers = Readonly<Record<string, string | null>>;

/** Answers that are no values. RFC 7143 §6.2. */
const specialAnswers: ReadonlySet<string> = new Set(['NotUnderstood', 'Irrelevant', 'Reject']);
/** Keys that a target declares without being asked. */
const targetDeclarations: ReadonlySet<string> = new Set(['TargetAlias', 'TargetPortalGroupTag', 'TargetAddress', 'TargetName']);

/**
 * The initiator's half of the operational negotiation. Independent of the engine's own table on purpose: the tests of the
 * one check the other.
 */
export class KeyNegotiation {
  readonly #checks: ConformanceChecks;
  readonly #offered = new Map<string, string>();
  readonly #values = new Map<string, string>();
  readonly #answered = new Set<string>();
  /** Everything that the target said, last value of each key. */
  readonly answers = new Map<string, string>();

  /** `joining` for a further connection of a session, which may not name the keys of the whole session. */
  constructor(sessionType: 'Normal' | 'Discovery', overrides: KeyOffers, checks: ConformanceChecks, joining = false) {
    this.#checks = checks;
    for (const [key, row] of Object.entries<KeyRow>(keyTable)) {
      if (row.offer === null || (row.normalOnly && sessionType === 'Discovery') || (row.leadingOnly && joining)) continue;
      this.#offered.set(key, row.offer);
    }
    for (const [key, value] of Object.entries(overrides)) {
      if (value === null) this.#offered.delete(key);
      else this.#offered.set(key, value);
    }
    this.#limitFirstBurst(overrides);
  }

  /** FirstBurstLength must not exceed MaxBurstLength (§13.14): one who lowers the second means the first too. */
  #limitFirstBurst(overrides: KeyOffers): void {
    const maxBurstLength = parseNumericValue(this.#offered.get('MaxBurstLength') ?? '');
    if (maxBurstLength < 0 || overrides['FirstBurstLength'] !== undefined || !this.#offered.has('FirstBurstLength')) return;
    this.#offered.set('FirstBurstLength', String(Math.min(maxBurstLength, Number(keyTable.FirstBurstLength.offer))));
  }

  offers(): KeyValuePair[] {
    return [...this.#offered];
  }

  /** Takes the target's keys; answers what is to be said to the offers that the target made of its own. */
  accept(pairs: readonly KeyValuePair[]): KeyValuePair[] {
    const replies: KeyValuePair[] = [];
    for (const [key, value] of pairs) {
      this.answers.set(key, value);
      if (keyRow(key)?.rule.kind === 'declare' || targetDeclarations.has(key)) continue;
      const offered = this.#offered.get(key);
      if (offered === undefined) {
        const reply = this.#replyTo(key, value);
        if (reply !== null) replies.push([key, reply]);
      } else {
        if (this.#answered.has(key)) this.#checks.violation('keyAnswer', `the target answered ${key} twice`);
        this.#answered.add(key);
        this.#acceptAnswer(key, offered, value);
      }
    }
    return replies;
  }

  /** What holds now. Call once the operational stage is over: offers without an answer are a violation. */
  finish(): NegotiatedKeys {
    for (const key of this.#offered.keys()) {
      if (keyRow(key)?.rule.kind === 'declare' || this.#answered.has(key)) continue;
      this.#checks.violation('keyUnanswered', `the target did not answer ${key}`);
    }
    const firstBurstLength = this.#number('FirstBurstLength');
    const maxBurstLength = this.#number('MaxBurstLength');
    const bothNegotiated = this.#values.has('FirstBurstLength') && this.#values.has('MaxBurstLength');
    if (bothNegotiated && firstBurstLength > maxBurstLength) {
      this.#checks.violation('keyAnswer', `FirstBurstLength ${firstBurstLength} is above MaxBurstLength ${maxBurstLength}`);
    }
    return {
      headerDigest: this.#value('HeaderDigest') === 'CRC32C',
      dataDigest: this.#value('DataDigest') === 'CRC32C',
      maxConnections: this.#number('MaxConnections'),
      initialR2T: this.#value('InitialR2T') === 'Yes',
      immediateData: this.#value('ImmediateData') === 'Yes',
      maxRecvDataSegmentLength: declaredLength(this.#offered.get('MaxRecvDataSegmentLength')),
      targetMaxRecvDataSegmentLength: declaredLength(this.answers.get('MaxRecvDataSegmentLength')),
      maxBurstLength,
      firstBurstLength: Math.min(firstBurstLength, maxBurstLength),
      defaultTime2Wait: this.#number('DefaultTime2Wait'),
      defaultTime2Retain: this.#number('DefaultTime2Retain'),
      maxOutstandingR2T: this.#number('MaxOutstandingR2T'),
      dataPDUInOrder: this.#value('DataPDUInOrder') === 'Yes',
      dataSequenceInOrder: this.#value('DataSequenceInOrder') === 'Yes',
      errorRecoveryLevel: this.#number('ErrorRecoveryLevel'),
      taskReporting: this.#value('TaskReporting'),
      protocolLevel: this.#number('iSCSIProtocolLevel'),
    };
  }

  #value(key: OperationalKey): string {
    return this.#values.get(key) ?? keyTable[key].defaultValue;
  }

  #number(key: OperationalKey): number {
    return parseNumericValue(this.#value(key));
  }

  #acceptAnswer(key: string, offered: string, answer: string): void {
    // A caller may offer what makes no sense, to see the target refuse it: then nothing can be said of the answer.
    const row = keyRow(key);
    if (row === undefined || specialAnswers.has(answer)) return;
    const fault = answerFault(row.rule, offered, answer);
    if (fault !== null) this.#checks.violation('keyAnswer', `${key}=${answer} in answer to ${key}=${offered}: ${fault}`);
    this.#values.set(key, answer);
  }

  /** The target's own offer: the result of it and what we would have offered. */
  #replyTo(key: string, value: string): string | null {
    const row = keyRow(key);
    if (row === undefined) return specialAnswers.has(value) ? null : 'NotUnderstood';
    const reply = resultOf(row.rule, row.offer ?? row.defaultValue, value);
    if (reply !== 'Reject') this.#values.set(key, reply);
    return reply;
  }
}

function declaredLength(value: string | undefined): number {
  const lengthBytes = parseNumericValue(value ?? '');
  return lengthBytes > 0 ? lengthBytes : Number(keyTable.MaxRecvDataSegmentLength.defaultValue);
}

/** Why `answer` cannot be the outcome of `offered`, or null when it can. */
function answerFault(rule: KeyRule, offered: string, answer: string): string | null {
  switch (rule.kind) {
    case 'list':
      return offered.split(',').includes(answer) ? null : 'it was not offered';
    case 'and':
    case 'or': {
      if (answer !== 'Yes' && answer !== 'No') return 'it is neither Yes nor No';
      const forced = rule.kind === 'and' ? 'No' : 'Yes';
      return offered === forced && answer !== forced ? `the offer forces ${forced}` : null;
    }
    case 'min':
    case 'max': {
      const number = parseNumericValue(answer);
      if (number < rule.from || number > rule.to) return `it is not a number from ${rule.from} to ${rule.to}`;
      const limit = parseNumericValue(offered);
      if (limit < rule.from || limit > rule.to) return 'the offer was out of range and deserved Reject';
      if (rule.kind === 'min' && number > limit) return 'it is above the offer';
      return rule.kind === 'max' && number < limit ? 'it is below the offer' : null;
    }
    case 'declare':
      return null;
  }
}

function resultOf(rule: KeyRule, ours: string, theirs: string): string {
  switch (rule.kind) {
    case 'list': {
      const supported = ours.split(',');
      return theirs.split(',').find((value) => supported.includes(value)) ?? 'Reject';
    }
    case 'and':
      return ours === 'Yes' && theirs === 'Yes' ? 'Yes' : 'No';
    case 'or':
      return ours === 'Yes' || theirs === 'Yes' ? 'Yes' : 'No';
    case 'min':
    case 'max': {
      const number = parseNumericValue(theirs);
      if (number < rule.from || number > rule.to) return 'Reject';
      return String(rule.kind === 'min' ? Math.min(number, Number(ours)) : Math.max(number, Number(ours)));
    }
    case 'declare':
      return ours;
  }
}
