import { TargetError } from '../../../../engine/errors.js';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import type { StateValue, UnitState } from '../../../../engine/scsi/unit-host.js';
import { assertGood, dataInOf, makeUnit, nexus, otherNexus, run, type UnitOptions } from '../scsi-fixture.js';

/** State that outlives units, as the state directory has it; saves end when they are told to. */
export class MemoryState implements UnitState {
  readonly isKept = true;
  readonly sections = new Map<string, StateValue>();
  failing = false;
  saveCount = 0;

  load(section: string): StateValue | undefined {
    return this.sections.get(section);
  }

  async save(section: string, value: StateValue): Promise<void> {
    await Promise.resolve();
    this.saveCount++;
    if (this.failing) throw new TargetError('STATE_SAVE_FAILED', 'no space');
    this.sections.set(section, structuredClone(value));
  }
}

/** A unit that two nexuses see. */
export function makeSharedUnit(options: UnitOptions = {}): LogicalUnit {
  return makeUnit({ ...options, host: { nexusesOf: () => [nexus, otherNexus], ...options.host } });
}

/** The parameters of a page, without headers. Page control: 0 current, 1 changeable, 2 default, 3 saved. */
export function senseParameters(unit: LogicalUnit, page: number, control = 0, subpage = 0): number[] {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  const command = run(unit, `1a 08 ${hex((control << 6) | page)} ${hex(subpage)} ff 00`);
  assertGood(command);
  return Array.from(dataInOf(command).subarray(subpage === 0 ? 6 : 8));
}
