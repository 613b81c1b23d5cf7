import { CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { StartStopCounts } from './log/common-pages.js';

/** The medium of a removable unit that comes and goes, and who wants it to stay. SPC-4 "PREVENT ALLOW MEDIUM REMOVAL command". */
export class MediumRemoval implements UnitPart {
  readonly #unit: LogicalUnit;
  /** Ids of the I_T nexuses that prevent the removal. */
  readonly #preventing = new Set<number>();
  /** The medium that is in, or that was in last and can be put in again. */
  #medium: Medium | null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    this.#medium = unit.medium;
  }

  get isPrevented(): boolean {
    return this.#preventing.size > 0;
  }

  prevent(nexusId: number): void {
    this.#preventing.add(nexusId);
  }

  /** Also for a nexus that was preempted and whose tasks were aborted: what it prevented is over. */
  allow(nexusId: number): void {
    this.#preventing.delete(nexusId);
  }

  /** Takes the medium out; without one nothing changes. */
  eject(): void {
    if (this.#unit.medium !== null) this.#unit.changeMedium(null);
  }

  /** Puts the medium in that was taken out, by whomever. False when there is none to put in. */
  load(): boolean {
    if (this.#unit.medium !== null || this.#medium === null) return false;
    this.#unit.changeMedium(this.#medium);
    this.#unit.part(StartStopCounts).loadUnloadCount++;
    return true;
  }

  onReset(): void {
    this.#preventing.clear();
  }

  onNexusLost(nexus: ITNexus): void {
    this.allow(nexus.id);
  }

  onMediumChanged(): void {
    this.#medium = this.#unit.medium ?? this.#medium;
  }
}

/*
 * PREVENT ALLOW MEDIUM REMOVAL, SPC-4 "PREVENT ALLOW MEDIUM REMOVAL command".
 *
 *     0| 0x1e | Reserved (3) | . PREVENT (2) | Control |
 *
 * The values 10b and 11b of PREVENT are obsolete, so that its first bit counts as reserved.
 */
const PREVENT_AT = 4;
const PREVENT_BIT = 0x01;

export const preventAllowMediumRemovalRow: UnitCommandRow = {
  runsOn: 'main',
  // To allow takes nothing from anybody. SPC-4 "SPC commands that are allowed in the presence of various reservations".
  reservation: (command) => (((command.cdb[PREVENT_AT] as number) & PREVENT_BIT) === 0 ? 'always' : 'write'),
  opcode: 0x1e,
  name: 'PREVENT ALLOW MEDIUM REMOVAL',
  clause: 'SPC-4 "PREVENT ALLOW MEDIUM REMOVAL command"',
  cdbLength: 6,
  cdbUsage: [0x1e, 0x00, 0x00, 0x00, PREVENT_BIT, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit, nexus) {
    const removal = unit.part(MediumRemoval);
    if (((command.cdb[PREVENT_AT] as number) & PREVENT_BIT) === 0) removal.allow(nexus.id);
    else removal.prevent(nexus.id);
  },
};
