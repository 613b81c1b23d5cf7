import type { LogicalUnit, UnitPart } from '../../../scsi/logical-unit.js';
import { ModePages } from '../../../scsi/spc/mode-page-values.js';
import { mediumPartitionPage } from './medium-partition-page.js';

/** What was asked of the Medium Partition mode page was for the cartridge before: with another one it tells what that has. */
export class PartitionsTold implements UnitPart {
  readonly #unit: LogicalUnit;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  onMediumChanged(): void {
    this.#unit.part(ModePages).change(new Map([[mediumPartitionPage, mediumPartitionPage.defaults(this.#unit)]]));
  }
}
