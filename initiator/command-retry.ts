import { PingExchange, TextExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import type { Exchange } from './exchange.js';
import { initiatorLimits } from './limits.js';
import type { SessionCore } from './session-core.js';

/** Sent, and somebody waits for the answer. */
function isAwaited(exchange: Exchange): boolean {
  return exchange.isSent && !exchange.isSettled;
}

/**
 * Finds what was lost with nothing behind it to show so, at ErrorRecoveryLevel 1 and above. Requests that never arrived, as a
 * target may drop them for a wrong header digest without a word: ExpCmdSN stands still; a ping tells whether it really does, and
 * the request that it stands at is sent again under its CmdSN. A target that has it ignores the second one (RFC 7143 §7.2.1).
 * And last responses: the answer to a ping has a StatSN that they are missing before.
 */
export class CommandRetry {
  readonly #core: SessionCore;
  #cancelTimer: (() => void) | null = null;
  #expCmdSN = 0;
  /** How many requests were sent again. */
  retryCount = 0;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** Something was sent: is it known to have arrived, after a while? */
  watch(): void {
    if (this.#cancelTimer !== null) return;
    this.#expCmdSN = this.#core.window.expCmdSN;
    this.#cancelTimer = this.#core.clock.after(initiatorLimits.snackMsMax, () => {
      this.#cancelTimer = null;
      void this.#look();
    });
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #look(): Promise<void> {
    const core = this.#core;
    const suspect = this.#suspect();
    if (suspect === null) for (const { cid } of core.connections.filter((one) => one.outstanding().some(isAwaited))) await this.#ping(cid);
    else if (await this.#isStandingStill(suspect)) this.#sendAgain(suspect);
    if (core.closeCause === null && core.exchanges.values().some(isAwaited)) this.watch();
  }

  /** The request that ExpCmdSN stands at, when it has stood there since the last look. */
  #suspect(): Exchange | null {
    const { window, exchanges } = this.#core;
    if (window.cmdSN === window.expCmdSN || window.expCmdSN !== this.#expCmdSN) return null;
    const isIt = (exchange: Exchange): boolean => exchange.isSent && !exchange.immediate && exchange.cmdSN === window.expCmdSN;
    return exchanges.values().find(isIt) ?? null;
  }

  /** Nothing may have come for a while because nothing was due: a ping brings ExpCmdSN up to date. */
  async #isStandingStill({ channel }: Exchange): Promise<boolean> {
    return channel !== null && (await this.#ping(channel.cid)) && this.#core.window.expCmdSN === this.#expCmdSN;
  }

  /** Answers whether an answer came. */
  async #ping(cid: number): Promise<boolean> {
    const ping = new PingExchange(Buffer.alloc(0), true);
    ping.pinnedCid = cid;
    try {
      await this.#core.start(ping, initiatorLimits.snackMsMax).result;
      return true;
    } catch (error) {
      if (error instanceof InitiatorError) return false;
      throw error;
    }
  }

  #sendAgain(suspect: Exchange): void {
    const { channel } = suspect;
    const isWhole = !(suspect instanceof TextExchange && suspect.isMultiRound);
    if (channel === null || channel.wire.isClosed || !isWhole || !this.#core.exchanges.has(suspect)) return;
    this.retryCount++;
    suspect.resend(channel);
  }
}
