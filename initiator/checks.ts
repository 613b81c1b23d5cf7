import { TargetViolation } from './errors.js';

/**
 * What a target must hold to, each with the clause that says so. Names are stable: `tolerate` of a session takes them, and
 * tests match on `TargetViolation.check`.
 */
export const checkClauses = {
  unknownOpcode: 'RFC 7143 §11.2.1.2',
  reservedBits: 'RFC 7143 §11.2.1',
  finalBit: 'RFC 7143 §11.2.1',
  unexpectedAhs: 'RFC 7143 §11.2.2',
  unexpectedData: 'RFC 7143 §11.2.1.6',
  unknownTaskTag: 'RFC 7143 §11.2.1.8',
  wrongAnswer: 'RFC 7143 §11.2.1.2',
  headerDigest: 'RFC 7143 §13.1',
  dataDigest: 'RFC 7143 §13.1',
  dataSegmentLength: 'RFC 7143 §13.12',
  statSN: 'RFC 7143 §4.2.2.2',
  expCmdSN: 'RFC 7143 §4.2.2.1',
  expCmdSNRegressed: 'RFC 7143 §4.2.2.1',
  maxCmdSN: 'RFC 7143 §4.2.2.1',
  maxCmdSNRegressed: 'RFC 7143 §4.2.2.1',
  dataInUnexpected: 'RFC 7143 §11.7',
  dataSN: 'RFC 7143 §11.7.5',
  dataInOffset: 'RFC 7143 §11.7.6',
  dataInLength: 'RFC 7143 §11.7.6',
  dataInBurst: 'RFC 7143 §13.13',
  dataInStatusBit: 'RFC 7143 §11.7.3',
  dataInStatus: 'RFC 7143 §11.7.3',
  dataInAcknowledgeBit: 'RFC 7143 §11.7.2',
  residual: 'RFC 7143 §11.4.5',
  senseLength: 'RFC 7143 §11.4.7',
  expDataSN: 'RFC 7143 §11.4.8',
  r2tUnexpected: 'RFC 7143 §11.8',
  r2tSN: 'RFC 7143 §11.8',
  r2tLength: 'RFC 7143 §11.8',
  r2tOffset: 'RFC 7143 §11.8',
  r2tOutstanding: 'RFC 7143 §13.17',
  targetTransferTag: 'RFC 7143 §11.8',
  lun: 'RFC 7143 §11.8',
  pingData: 'RFC 7143 §11.19',
  loginAnswer: 'RFC 7143 §11.13',
  chap: 'RFC 7143 §12.1.3',
  keyAnswer: 'RFC 7143 §6.2',
  keyUnanswered: 'RFC 7143 §6.2',
  textFormat: 'RFC 7143 §6.1',
} as const;
export type CheckName = keyof typeof checkClauses;

/**
 * What a target may get wrong without any danger to data or to the order of things: real ones do. Scripts that must work with
 * whatever target there is tolerate these; tests of a target tolerate nothing.
 */
export const harmlessChecks = [
  'reservedBits',
  'finalBit',
  'unexpectedAhs',
  'unexpectedData',
  'expCmdSNRegressed',
  'maxCmdSNRegressed',
  'maxCmdSN',
  'dataInBurst',
  'dataInStatusBit',
  'dataInAcknowledgeBit',
  'expDataSN',
  'r2tOutstanding',
  'lun',
] as const satisfies readonly CheckName[];

/** Applies the checks of one session: a violation throws unless the caller chose to tolerate it. */
export class ConformanceChecks {
  readonly #tolerated: ReadonlySet<CheckName>;
  /** What was tolerated so far, oldest first, for reports; the first of each kind only. */
  readonly toleratedMessages = new Map<CheckName, string>();

  constructor(tolerated: readonly CheckName[] | 'harmless' = []) {
    this.#tolerated = new Set(tolerated === 'harmless' ? harmlessChecks : tolerated);
  }

  /** Throws `TargetViolation`, tolerated or not: for what there is no going on after. */
  fatal(check: CheckName, message: string): never {
    throw new TargetViolation(check, message, checkClauses[check]);
  }

  /** Throws `TargetViolation`, or notes the message and returns when this check is tolerated. */
  violation(check: CheckName, message: string): void {
    if (!this.#tolerated.has(check)) this.fatal(check, message);
    if (!this.toleratedMessages.has(check)) this.toleratedMessages.set(check, message);
  }
}
