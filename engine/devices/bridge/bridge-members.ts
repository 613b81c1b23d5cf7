import type { LogicalUnit, UnitCondition, UnitPart } from '../../scsi/logical-unit.js';
import { Asc, SenseKey } from '../../scsi/sense.js';

/** What passthrough units are called in the configuration. */
export const MEMBER_TYPE = 'passthrough';

/** The passthrough units that a bridge controller stands for. */
export class BridgeMembers implements UnitPart {
  /** LUNs as configured; empty for all passthrough units of the target. */
  readonly #luns: readonly number[];
  #unit: LogicalUnit | null = null;

  constructor(luns: readonly number[]) {
    this.#luns = luns;
  }

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
  }

  /** Those that there are now: units come and go while the target is served. */
  get members(): LogicalUnit[] {
    const { host } = this.#unit as LogicalUnit;
    const luns = this.#luns.length === 0 ? host.luns() : this.#luns;
    const units = luns.map((lun) => host.unitAt(lun)).filter((unit) => unit !== undefined);
    return units.filter((unit) => unit.deviceType.name === MEMBER_TYPE);
  }

  /** Ready as long as the way to all of them is; SPC-4 "TEST UNIT READY command". */
  get readiness(): UnitCondition | null {
    const { members } = this;
    const isShort = members.length < Math.max(1, this.#luns.length);
    if (isShort) return { key: SenseKey.notReady, asc: Asc.manualInterventionRequired };
    const conditions = members.flatMap((unit) => [unit.mediumCondition, ...unit.conditions()]);
    return conditions.find((condition) => condition !== null && condition.key !== SenseKey.noSense) ?? null;
  }
}
