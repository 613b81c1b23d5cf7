import { encodeNopIn, RESERVED_TAG } from '../pdu/index.js';
import { announceConnectionDrop } from './async-messages.js';
import type { Connection } from './connection.js';
import { requestAllAgain } from './data-out-recovery.js';

/**
 * Asks silent initiators whether they live (NOP-In, RFC 7143 §11.19) and gives up on those that do not answer, take
 * nothing, or owe data for too long. Driven by one engine-wide tick.
 */
export class Keepalive {
  readonly #connection: Connection;
  #pingTag = RESERVED_TAG;
  #pingSentMicros = 0;
  #stopped = false;
  /** When what we asked for has to have come; 0 when we have asked for nothing. */
  #reactionUntilMicros = 0;
  /** When Data-Out that stayed away was last asked for again. */
  #askedAgainMicros = 0;
  /** When what the initiator owes last came nearer, or nothing was owed. */
  progressMicros = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** An Async Message asks for something that has to come within `seconds`. */
  expectReaction(seconds: number): void {
    this.#reactionUntilMicros = this.#connection.context.clock.nowMicros() + seconds * 1_000_000;
  }

  /** It has come. */
  onReaction(): void {
    this.#reactionUntilMicros = 0;
  }

  /** The initiator answered a ping of ours. */
  onAnswer(targetTransferTag: number): void {
    if (targetTransferTag === this.#pingTag) this.#pingTag = RESERVED_TAG;
  }

  onTick(nowMicros: number): void {
    const connection = this.#connection;
    if (this.#stopped || connection.isInLogin) return;
    const { nopInIntervalMs, nopInAnswerMsMax, sendStallMsMax, statusAckMs } = connection.context.limits;
    connection.abortedTransfers.onTick(nowMicros);
    if (this.#reactionUntilMicros !== 0 && nowMicros > this.#reactionUntilMicros) {
      // RFC 7143 §11.9.1: it is told that it is dropped, and dropped.
      announceConnectionDrop(connection, connection);
      connection.close();
      return;
    }
    if (!connection.owesPdus) this.progressMicros = nowMicros;
    if (nowMicros - this.progressMicros > sendStallMsMax * 1000) {
      connection.transport.destroy();
      return;
    }
    if (connection.retransmission !== null) this.#askAgain(nowMicros);
    // Whoever is not read cannot be heard: its silence begins when it is read again.
    if (connection.transport.isReceivePaused) connection.receivedAtMicros = nowMicros;
    const silentMicros = nowMicros - connection.receivedAtMicros;
    if (this.#pingTag !== RESERVED_TAG && silentMicros < nowMicros - this.#pingSentMicros) this.#pingTag = RESERVED_TAG;
    if (this.#pingTag !== RESERVED_TAG) {
      if (nowMicros - this.#pingSentMicros > nopInAnswerMsMax * 1000) connection.transport.destroy();
    } else if (silentMicros > (this.#isUnacknowledged ? Math.min(nopInIntervalMs, statusAckMs) : nopInIntervalMs) * 1000) this.#ping(nowMicros);
  }

  /** Answers are out that may not have arrived: StatSN in a NOP-In shows the initiator what it lacks. RFC 7143 §7.8, §11.19. */
  get #isUnacknowledged(): boolean {
    const { retransmission } = this.#connection;
    return retransmission !== null && !retransmission.isEmpty;
  }

  /** What stays away may have been lost, with the last PDU of its sequence. RFC 7143 §2.2 "Recovery R2T". */
  #askAgain(nowMicros: number): void {
    const connection = this.#connection;
    const waitedMicros = nowMicros - Math.max(this.progressMicros, this.#askedAgainMicros);
    if (waitedMicros <= connection.context.limits.dataOutRecoveryMs * 1000 || connection.transport.isReceivePaused) return;
    this.#askedAgainMicros = nowMicros;
    for (const task of Array.from(connection.tasks.values())) {
      // Of one that has failed nothing is asked for again, but its answer waits no longer for what was lost.
      if (task.dataOut.isExpecting) requestAllAgain(connection, task);
    }
    connection.transport.flushSoon();
  }

  /** Asks now, for what the answer acknowledges. */
  solicit(): void {
    // An older question may have been answered before what is to be acknowledged was sent.
    this.#ping(this.#connection.context.clock.nowMicros());
  }

  #ping(nowMicros: number): void {
    const connection = this.#connection;
    this.#pingTag = connection.takeTargetTransferTag();
    this.#pingSentMicros = nowMicros;
    const { output } = connection;
    const offset = output.begin();
    // A NOP-In that wants an answer uses up no StatSN. RFC 7143 §11.19.3.
    encodeNopIn(
      {
        lunHigh: 0,
        lunLow: 0,
        initiatorTaskTag: RESERVED_TAG,
        targetTransferTag: this.#pingTag,
        statSN: connection.statSN,
        expCmdSN: connection.expCmdSN,
        maxCmdSN: connection.maxCmdSN,
      },
      0,
      output.view,
      offset,
    );
    output.end();
    connection.transport.flushSoon();
  }
}
