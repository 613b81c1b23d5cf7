import { PingExchange, TextExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import type { Exchange } from './exchange.js';
import { initiatorLimits } from './limits.js';
import type { SessionCore } from './session-core.js';

/**
 * Finds requests that never arrived, as a target may drop them for a wrong header digest without a word: ExpCmdSN stands still.
 * A ping tells whether it really does, and the request that it stands at is sent again under its CmdSN; a target that has it
 * ignores the second one. ErrorRecoveryLevel 1 and above. RFC 7143 §7.2.1.
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
    const suspect = this.#suspect();
    if (suspect !== null && (await this.#isStandingStill(suspect))) this.#sendAgain(suspect);
    const { window, closeCause } = this.#core;
    if (closeCause === null && window.cmdSN !== window.expCmdSN) this.watch();
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
    const ping = new PingExchange(Buffer.alloc(0), true);
    ping.pinnedCid = channel?.cid ?? null;
    try {
      await this.#core.start(ping, initiatorLimits.snackMsMax).result;
      return this.#core.window.expCmdSN === this.#expCmdSN;
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
