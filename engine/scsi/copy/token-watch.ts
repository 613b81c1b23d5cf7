import { CommandSlot, SlotMemory } from '../../shm/command-slot.js';
import type { CommandGate } from '../command-gate.js';
import type { CommandRow } from '../command-table.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { ScsiStatus } from '../status.js';

/** Behind all that may end a command: a refused write changes nothing. It goes while gates are asked, which is safe for the last one only. */
const LAST_RANK = 1000;
/** Unit commands that rewrite the whole medium. Copies tell of their own writes. */
const FORMAT_UNIT = 0x04;
const SANITIZE = 0x48;

/** Where commands are planned a second time; used within one call only. */
const scratch = new CommandSlot(SlotMemory.allocate(1), 0);

/**
 * Sees the writes of initiators while point in time tokens of the unit exist, SPC-4 "Point in time copy ROD types": they stand for what the blocks held, and
 * end when that changes. A unit without such tokens has no watch, so that its writes cost nothing.
 */
export class TokenWatch implements UnitPart, CommandGate {
  readonly rank = LAST_RANK;
  readonly #unit: LogicalUnit;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  begin(): void {
    this.#unit.addGate(this);
  }

  admits(row: CommandRow, command: CommandSlot): boolean {
    const { medium, host } = this.#unit;
    const { tokens } = host.copies;
    if (medium === null || !tokens.watches(medium)) this.#unit.removeGate(this);
    else if (row.runsOn === 'main') {
      if (row.opcode === FORMAT_UNIT || row.opcode === SANITIZE) tokens.onWritten(medium, 0, medium.blockCount);
    } else if (row.mediumAccess === 'write') {
      if (row.planFromDataOut !== undefined) tokens.onWritten(medium, 0, medium.blockCount);
      else if (isPlanned(row, command, medium, this.#unit)) tokens.onWritten(medium, scratch.lba, scratch.lbaCount);
    }
    return true;
  }

  onMediumChanged(): void {
    this.#unit.host.copies.tokens.onMediumGone(this.#unit);
  }

  onRemoved(): void {
    this.#unit.host.copies.tokens.onUnitGone(this.#unit);
  }
}

/** Plans a copy of the command, since its own plan comes after the gates. */
function isPlanned(row: Extract<CommandRow, { runsOn: 'any' }>, command: CommandSlot, medium: Medium, unit: LogicalUnit): boolean {
  scratch.resetOutcome();
  scratch.cdb.set(command.cdb);
  scratch.cdbLength = command.cdbLength;
  scratch.flags = command.flags;
  scratch.direction = command.direction;
  scratch.expectedDataOutLength = command.expectedDataOutLength;
  scratch.expectedDataInLength = command.expectedDataInLength;
  row.plan(scratch, medium, unit);
  return scratch.status === ScsiStatus.good && scratch.lbaCount > 0;
}
