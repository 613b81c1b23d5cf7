import type { Clock } from '../clock.js';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { type CommandGate, GateRank } from '../scsi/command-gate.js';
import type { CommandRow } from '../scsi/command-table.js';
import { ScsiStatus } from '../scsi/status.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { BackingStore } from '../store/store.js';
import type { ServedDisk, ServedUnit } from './served-target.js';
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
    const isIdle = () => taskSet.tasks.length === 0 && taskSet.locks.heldCount === 0 && host.internalCommandCount === 0;
    if (await this.#isReached(isIdle)) return;
    if (!abort) throw new TargetError('LUN_BUSY', `LUN ${this.#served.config.lun} has commands that do not end; nothing was changed`);
    await new Promise<void>((resolve) => host.abort(() => true, null, resolve));
    while (!isIdle()) await this.#wait();
  }

  async resize(disk: ServedDisk, sizeBytes: number): Promise<void> {
    const { store, unit, medium, config } = disk;
    const resized = () => store.resized(sizeBytes, config.blockLengthBytes);
    if (sizeBytes > store.sizeBytes) this.#replaceMedium(disk, resized());
    else {
      const gate = new BusyGate();
      unit.addGate(gate);
      try {
        await this.drain({ abort: false });
        this.#replaceMedium(disk, resized());
      } finally {
        unit.removeGate(gate);
      }
    }
    // Commands that began on it end on it.
    await disk.host.media.release(medium);
  }

  #replaceMedium(disk: ServedDisk, store: BackingStore): void {
    disk.store = store;
    disk.medium = this.#options.builder.attachDisk(disk.config, store, disk.host);
    disk.unit.changeMedium(disk.medium);
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
