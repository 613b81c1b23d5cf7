import type { CheckName } from './checks.js';

/** Codes of `InitiatorError`: stable, to be matched on. */
export type InitiatorErrorCode =
  | 'ADDRESS_INVALID'
  | 'ARGUMENT_INVALID'
  | 'AUTHENTICATION_FAILED'
  | 'COMMAND_ABORTED'
  | 'COMMAND_TIMEOUT'
  | 'CONNECTION_CLOSED'
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'CLOSE_TIMEOUT'
  | 'DATA_LOST'
  | 'FRAMING_FAULT'
  | 'LOGIN_FAILED'
  | 'LOGIN_REDIRECTED'
  | 'LOGIN_TIMEOUT'
  | 'LOGOUT_REFUSED'
  | 'NOT_SUPPORTED'
  | 'PDU_REJECTED'
  | 'QUEUE_FULL'
  | 'RECEIVE_TIMEOUT'
  | 'RECOVERY_FAILED'
  | 'SCSI_STATUS'
  | 'SESSION_CLOSED'
  | 'STALLED'
  | 'TARGET_FAILURE'
  | 'TARGET_VIOLATION'
  | 'URL_INVALID';

/** Whatever goes wrong in the initiator; `code` tells what. */
export class InitiatorError extends Error {
  override readonly name: string = 'InitiatorError';
  readonly code: InitiatorErrorCode;
  constructor(code: InitiatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The target refused the login (`LOGIN_FAILED`) or sent us elsewhere (`LOGIN_REDIRECTED`). */
export class LoginError extends InitiatorError {
  override readonly name = 'LoginError';
  /** A `LoginStatus` value: Status-Class and Status-Detail. RFC 7143 §11.13.5. */
  readonly status: number;
  /** Where to go instead, when the target said so. */
  readonly targetAddress: string | null;
  constructor(status: number, targetAddress: string | null) {
    const redirected = status >>> 8 === 1;
    const hex = `0x${status.toString(16).padStart(4, '0')}`;
    super(
      redirected ? 'LOGIN_REDIRECTED' : 'LOGIN_FAILED',
      redirected ? `the target moved to ${targetAddress ?? 'an address it did not tell'} (status ${hex})` : `login was refused with status ${hex}`,
    );
    this.status = status;
    this.targetAddress = targetAddress;
  }
}

/** The connection went away while a request was out: what became of the request nobody can say, unless it never left. */
export class ConnectionLostError extends InitiatorError {
  override readonly name = 'ConnectionLostError';
  /**
   * True when the request surely did nothing at the target, because it was never sent, or when its owner called it idempotent:
   * it may be made again as it is. False when it may have been executed.
   */
  readonly isRetrySafe: boolean;
  constructor(isRetrySafe: boolean, cause: InitiatorError) {
    super('CONNECTION_CLOSED', `${isRetrySafe ? 'not executed' : 'perhaps executed'}: ${cause.message}`, { cause });
    this.isRetrySafe = isRetrySafe;
  }
}

/** The target broke the protocol; the session that saw it is dead. */
export class TargetViolation extends InitiatorError {
  override readonly name = 'TargetViolation';
  readonly check: CheckName;
  readonly clause: string;
  constructor(check: CheckName, message: string, clause: string) {
    super('TARGET_VIOLATION', `${message} (${check}, ${clause})`);
    this.check = check;
    this.clause = clause;
  }
}

/** The target answered a request with a Reject PDU. RFC 7143 §11.17. */
export class PduRejected extends InitiatorError {
  override readonly name = 'PduRejected';
  /** A `RejectReason` value. */
  readonly reason: number;
  /** The header that was rejected, as the target sent it back. */
  readonly header: Buffer;
  constructor(reason: number, header: Buffer) {
    super('PDU_REJECTED', `the target rejected a PDU with reason 0x${reason.toString(16).padStart(2, '0')}`);
    this.reason = reason;
    this.header = header;
  }
}
