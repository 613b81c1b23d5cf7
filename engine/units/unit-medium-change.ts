import type { Clock } from '../clock.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { type CommandGate, GateRank } from '../scsi/command-gate.js';
import type { CommandRow } from '../scsi/command-table.js';
import type { Medium } from '../scsi/medium.js';
import { ScsiStatus } from '../scsi/status.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { BackingStore } from '../store/store.js';
import type { ServedUnit } from './served-target.js';
import type { UnitBuilder } from './unit-builder.js';

const POLL_MS = 10;

/** While a medium shrinks: what would use it is told to come again. */
class BusyGate implements CommandGate {
  readonly rank = GateRank.background;

  admits(row: CommandRow, command: CommandSlot): boolean {
    if (row.runsOn === 'main') return true;
    command.status = ScsiStatus.busy;
    return false;
  }
}

export interface UnitMediumChangeOptions {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly builder: UnitBuilder;
  readonly dispatcher: Dispatcher;
}

/** One change of a logical unit's medium, of which there is one at a time. */
export class UnitMediumChange {
  readonly #served: ServedUnit;
  readonly #options: UnitMediumChangeOptions;

  constructor(served: ServedUnit, options: UnitMediumChangeOptions) {
    this.#served = served;
    this.#options = options;
  }

  /**
   * Resolves when no command of the unit is left. After `drainMsMax` those of initiators are aborted, or with `abort: false` it rejects with `LUN_BUSY`;
   * what has begun on a worker, or comes from within, is waited for in any case.
   */
  async drain({ abort }: { readonly abort: boolean }): Promise<void> {
    const { host, taskSet } = this.#served;
    const isIdle = () => taskSet.tasks.length === 0 && taskSet.locks.heldCount === 0 && !host.isUsing(this.#served.medium);
    if (await this.#isReached(isIdle)) return;
    if (!abort) throw new TargetError('LUN_BUSY', `LUN ${this.#served.config.lun} has commands that do not end; nothing was changed`);
    await new Promise<void>((resolve) => host.abort(() => true, null, resolve));
    while (!isIdle()) await this.#wait();
  }

  async resize(sizeBytes: number): Promise<void> {
    const { store, unit, medium } = this.#served;
    if (sizeBytes > store.sizeBytes) this.#replaceMedium(this.#resizedStore(sizeBytes));
    else {
      const gate = new BusyGate();
      unit.addGate(gate);
      try {
        await this.drain({ abort: false });
        this.#replaceMedium(this.#resizedStore(sizeBytes));
      } finally {
        unit.removeGate(gate);
      }
    }
    await this.#forget(medium);
  }

  #resizedStore(sizeBytes: number): BackingStore {
    return this.#served.store.resized(sizeBytes, this.#served.config.blockLengthBytes);
  }

  #replaceMedium(store: BackingStore): void {
    const { config, unit } = this.#served;
    this.#served.store = store;
    this.#served.medium = this.#options.builder.attachMedium(config, store);
    unit.changeMedium(this.#served.medium);
  }

  /** Commands that began on it end on it. */
  async #forget(medium: Medium): Promise<void> {
    const { host, taskSet } = this.#served;
    while (host.isUsing(medium) || taskSet.tasks.some((task) => task.row?.runsOn === 'any' && task.medium === medium)) await this.#wait();
    this.#options.dispatcher.detach(medium.handle);
  }

  /** The unit has gone, and nobody uses its medium. */
  detachMedium(): void {
    this.#options.dispatcher.detach(this.#served.medium.handle);
  }

  async #isReached(condition: () => boolean): Promise<boolean> {
    const { clock, limits } = this.#options;
    const untilMicros = clock.nowMicros() + limits.drainMsMax * 1000;
    while (!condition()) {
      if (clock.nowMicros() >= untilMicros) return false;
      await this.#wait();
    }
    return true;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(POLL_MS, resolve));
  }
}
