import { encodeNopIn, RESERVED_TAG } from '../pdu/index.js';
import type { Connection } from './connection.js';

/**
 * Asks silent initiators whether they live (NOP-In, RFC 7143 §11.19) and gives up on those that do not answer, take
 * nothing, or owe data for too long. Driven by one engine-wide tick.
 */
export class Keepalive {
  readonly #connection: Connection;
  #pingTag = RESERVED_TAG;
  #pingSentMicros = 0;
  #stopped = false;
  /** When what the initiator owes last came nearer, or nothing was owed. */
  progressMicros = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The initiator answered a ping of ours. */
  onAnswer(targetTransferTag: number): void {
    if (targetTransferTag === this.#pingTag) this.#pingTag = RESERVED_TAG;
  }

  onTick(nowMicros: number): void {
    const connection = this.#connection;
    if (this.#stopped || connection.isInLogin) return;
    const { nopInIntervalMs, nopInAnswerMsMax, sendStallMsMax } = connection.context.limits;
    if (!connection.owesPdus) this.progressMicros = nowMicros;
    if (nowMicros - this.progressMicros > sendStallMsMax * 1000) {
      connection.transport.destroy();
      return;
    }
    // Whoever is not read cannot be heard: its silence begins when it is read again.
    if (connection.transport.isReceivePaused) connection.receivedAtMicros = nowMicros;
    const silentMicros = nowMicros - connection.receivedAtMicros;
    if (this.#pingTag !== RESERVED_TAG && silentMicros < nowMicros - this.#pingSentMicros) this.#pingTag = RESERVED_TAG;
    if (this.#pingTag !== RESERVED_TAG) {
      if (nowMicros - this.#pingSentMicros > nopInAnswerMsMax * 1000) connection.transport.destroy();
    } else if (silentMicros > nopInIntervalMs * 1000) this.#ping(nowMicros);
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
