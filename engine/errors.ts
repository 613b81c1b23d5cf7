/**
 * The two kinds of error that are thrown. SCSI outcomes are values (`status`, sense) and never exceptions.
 */

/** A fault of configuration or of a caller of the API. `code` is stable and may be matched on. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a LUN was to be made of is no good, or does not fit its target. `code` is that of what is wrong; the message begins with the LUN. */
export class LunError extends TargetError {
  readonly lun: number;
  constructor(lun: number, cause: TargetError) {
    const name = `LUN ${lun}: `;
    super(cause.code, cause.message.startsWith(name) ? cause.message : `${name}${cause.message}`, { cause });
    this.lun = lun;
  }
}

/** What the wire must see of a protocol violation. */
export type WireReaction =
  /** Send a Reject PDU with this reason and go on. RFC 7143 §11.17. */
  | { readonly kind: 'reject'; readonly reason: number }
  /** Answer the login with this Status-Class/Status-Detail and close. RFC 7143 §11.13.5. */
  | { readonly kind: 'login'; readonly status: number }
  /** Close the connection without a word: framing can no longer be trusted. */
  | { readonly kind: 'drop' };

/** A peer broke the protocol; carries the reaction that the standard asks for and the clause that says so. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly reaction: WireReaction;
  readonly clause: string;
  constructor(message: string, reaction: WireReaction, clause: string) {
    super(`${message} (${clause})`);
    this.reaction = reaction;
    this.clause = clause;
  }
}

/** Programmer errors: what must hold and does not. Kept in production, off the per-byte paths. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}
