import { type Clock, systemClock } from '../../engine/clock.js';
import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import type { ScsiCommandError } from './scsi-errors.js';

/** What `LogicalUnitClient` does again by itself; nothing unless asked. */
export interface RetryOptions {
  /** Commands that end with a unit attention are sent again so often; the news is told to `onUnitAttention`. */
  readonly unitAttentionCountMax?: number;
  readonly onUnitAttention?: (error: ScsiCommandError) => void;
  /** Commands that end with BUSY or TASK SET FULL are sent again so often, each after `busyDelayMs`. */
  readonly busyCountMax?: number;
  readonly busyDelayMs?: number;
  readonly clock?: Clock;
}

const BUSY_DELAY_MS = 100;

/** Counts the retries of one command. */
export class RetryBudget {
  readonly #options: RetryOptions;
  #unitAttentionCount = 0;
  #busyCount = 0;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Resolves when the command is to be sent again; rejects with the error when it is not. */
  async wait(error: ScsiCommandError): Promise<void> {
    const { unitAttentionCountMax = 0, onUnitAttention, busyCountMax = 0, busyDelayMs = BUSY_DELAY_MS, clock = systemClock } = this.#options;
    if (error.sense?.key === SenseKey.unitAttention && this.#unitAttentionCount++ < unitAttentionCountMax) {
      onUnitAttention?.(error);
      return;
    }
    const isBusy = error.status === ScsiStatus.busy || error.status === ScsiStatus.taskSetFull;
    if (!isBusy || this.#busyCount++ >= busyCountMax) throw error;
    await new Promise<void>((resolve) => clock.after(busyDelayMs, resolve));
  }
}
