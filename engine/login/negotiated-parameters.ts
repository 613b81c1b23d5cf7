import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';

export type SessionType = 'normal' | 'discovery';
export type TaskReporting = 'RFC3720' | 'ResponseFence' | 'FastAbort';

/** What holds for a connection and its session once login is through. Lengths in bytes, times in seconds. */
export interface NegotiatedParameters {
  readonly sessionType: SessionType;
  /** In normal form, see `normalizeIscsiName`. */
  readonly initiatorName: string;
  readonly initiatorAlias?: string;
  /** Absent in discovery sessions. */
  readonly targetName?: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  /** What the initiator takes in one data segment: the bound of our Data-In. */
  readonly maxRecvDataSegmentLength: number;
  /** What we declared to take: the bound of its Data-Out. The default 8192 when there was no occasion to declare. */
  readonly targetMaxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  /** Never above `maxBurstLength`. */
  readonly firstBurstLength: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxOutstandingR2T: number;
  readonly maxConnections: number;
  readonly errorRecoveryLevel: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly taskReporting: TaskReporting;
  readonly protocolLevel: number;
}

export type MutableParameters = { -readonly [K in keyof NegotiatedParameters]: NegotiatedParameters[K] };

/** MaxRecvDataSegmentLength that holds in both directions until declared otherwise. RFC 7143 §13.12. */
export const DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH = 8192;

/** The defaults of RFC 7143 §13: what holds for a key nobody negotiates. */
export function defaultParameters(): MutableParameters {
  return {
    sessionType: 'normal',
    initiatorName: '',
    headerDigest: false,
    dataDigest: false,
    maxRecvDataSegmentLength: DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH,
    targetMaxRecvDataSegmentLength: DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH,
    maxBurstLength: 262144,
    firstBurstLength: 65536,
    initialR2T: true,
    immediateData: true,
    maxOutstandingR2T: 1,
    maxConnections: 1,
    errorRecoveryLevel: 0,
    defaultTime2Wait: 2,
    defaultTime2Retain: 20,
    dataPDUInOrder: true,
    dataSequenceInOrder: true,
    taskReporting: 'RFC3720',
    protocolLevel: 1,
  };
}

/** Whether digests are the initiator's choice, must be used, or must not be. */
export type DigestPolicy = 'accept' | 'require' | 'refuse';

/** Our side of the negotiation: the furthest that we go for each key. */
export interface TargetOffers {
  readonly headerDigest: DigestPolicy;
  readonly dataDigest: DigestPolicy;
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  /** True insists on R2T for all data beyond immediate data. */
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxOutstandingR2T: number;
  readonly maxConnections: number;
  readonly errorRecoveryLevel: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly taskReporting: readonly TaskReporting[];
  readonly protocolLevel: number;
}

/** Our offers under these limits, with `overrides` applied. Throws `TargetError` `OFFER_INCONSISTENT`. */
export function targetOffers(limits: Limits, overrides: Partial<TargetOffers> = {}): TargetOffers {
  const offers: TargetOffers = {
    headerDigest: 'accept',
    dataDigest: 'accept',
    maxRecvDataSegmentLength: limits.maxRecvDataSegmentLengthBytes,
    maxBurstLength: limits.maxBurstLengthBytes,
    // RFC 7143 §13.14: FirstBurstLength must not exceed MaxBurstLength.
    firstBurstLength: Math.min(limits.firstBurstLengthBytes, limits.maxBurstLengthBytes),
    initialR2T: false,
    immediateData: true,
    maxOutstandingR2T: limits.maxOutstandingR2TCount,
    maxConnections: limits.connectionPerSessionCountMax,
    errorRecoveryLevel: limits.errorRecoveryLevelMax,
    defaultTime2Wait: limits.defaultTime2WaitSecondsMin,
    defaultTime2Retain: limits.defaultTime2RetainSecondsMax,
    dataPDUInOrder: false,
    dataSequenceInOrder: false,
    taskReporting: ['RFC3720', 'ResponseFence', 'FastAbort'],
    protocolLevel: limits.protocolLevelMax,
    ...overrides,
  };
  if (offers.firstBurstLength > offers.maxBurstLength) {
    throw new TargetError('OFFER_INCONSISTENT', `firstBurstLength ${offers.firstBurstLength} exceeds maxBurstLength ${offers.maxBurstLength}`);
  }
  return offers;
}
