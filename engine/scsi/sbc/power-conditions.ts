import type { CommandSlot } from '../../shm/command-slot.js';
import { type CommandGate, GateRank } from '../command-gate.js';
import type { CommandRow } from '../command-table.js';
import type { LogicalUnit, UnitCondition, UnitPart } from '../logical-unit.js';
import { Asc, SenseKey } from '../sense.js';
import { StartStopCounts } from '../spc/log/common-pages.js';

export type LowPowerCondition = 'idle_a' | 'idle_b' | 'idle_c' | 'standby_y' | 'standby_z';
/** How the unit came into its power condition. */
export type PowerCause = 'command' | 'timer';

/** What REQUEST SENSE says of them, SPC-4 Annex D: LOW POWER CONDITION ON and its relatives. */
const LOW_POWER_ASC: Readonly<Record<LowPowerCondition, Readonly<Record<PowerCause, number>>>> = {
  idle_a: { command: Asc.idleConditionActivatedByCommand, timer: Asc.idleConditionActivatedByTimer },
  idle_b: { command: Asc.idleBConditionActivatedByCommand, timer: Asc.idleBConditionActivatedByTimer },
  idle_c: { command: Asc.idleCConditionActivatedByCommand, timer: Asc.idleCConditionActivatedByTimer },
  standby_y: { command: Asc.standbyYConditionActivatedByCommand, timer: Asc.standbyYConditionActivatedByTimer },
  standby_z: { command: Asc.standbyConditionActivatedByCommand, timer: Asc.standbyConditionActivatedByTimer },
};

/**
 * The power condition of a logical unit. Nothing is saved by a low one: it is for initiators that manage power, and is told to those who ask. It is a
 * gate only while it lasts, since the first command that wants the medium ends it. SPC-4 "Power conditions", SBC-3 "START STOP UNIT and power conditions".
 */
export class PowerConditions implements UnitPart, CommandGate {
  readonly rank = GateRank.power;
  readonly #unit: LogicalUnit;
  #low: { readonly condition: LowPowerCondition; readonly cause: PowerCause } | null = null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  /** Null for active, and for stopped. */
  get lowCondition(): LowPowerCondition | null {
    return this.#low?.condition ?? null;
  }

  enterLow(condition: LowPowerCondition, cause: PowerCause): void {
    this.#start();
    this.#low = { condition, cause };
    this.#unit.addGate(this);
  }

  enterActive(): void {
    this.#start();
    this.#leaveLow();
  }

  enterStopped(): void {
    this.#unit.stopped = true;
    this.#leaveLow();
  }

  admits(row: CommandRow, _command: CommandSlot): boolean {
    if (row.runsOn === 'any') this.#leaveLow();
    return true;
  }

  onReset(): void {
    this.#leaveLow();
  }

  /** A medium that is put in or resized has to be ready for use. */
  onMediumChanged(): void {
    this.#leaveLow();
  }

  condition(): UnitCondition | undefined {
    return this.#low === null ? undefined : { key: SenseKey.noSense, asc: LOW_POWER_ASC[this.#low.condition][this.#low.cause] };
  }

  #start(): void {
    if (this.#unit.stopped) this.#unit.part(StartStopCounts).startStopCount++;
    this.#unit.stopped = false;
  }

  #leaveLow(): void {
    this.#low = null;
    this.#unit.removeGate(this);
  }
}
