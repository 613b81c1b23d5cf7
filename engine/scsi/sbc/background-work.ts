import type { CommandSlot } from '../../shm/command-slot.js';
import type { CommandRow, Deferral } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';

const REQUEST_SENSE = 0x03;
const INQUIRY = 0x12;
const LOG_SENSE = 0x4d;
const REPORT_LUNS = 0xa0;
const MAINTENANCE_IN = 0xa3;
const OPCODES_ALLOWED: ReadonlySet<number> = new Set([REQUEST_SENSE, INQUIRY, LOG_SENSE, REPORT_LUNS, MAINTENANCE_IN]);

/** What tells of the unit and takes nothing of its medium is answered while the medium is formatted or sanitized. SBC-3 "Sanitize operations". */
export function isAllowedInBackground(row: CommandRow): boolean {
  return OPCODES_ALLOWED.has(row.opcode);
}

/** False when it has ended the command, because the medium may not be written. */
export function isWritable(command: CommandSlot, unit: LogicalUnit): boolean {
  if (unit.medium?.readOnly !== true && !unit.softwareWriteProtected) return true;
  checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
  return false;
}

/** The answer to a command that ends later, unless it is aborted before. */
export class LateAnswer {
  readonly #end: () => void;
  #isOpen = true;

  constructor(deferral: Deferral, onAbort: () => void = () => {}) {
    this.#end = deferral.defer(() => {
      this.give(() => {});
      onAbort();
    });
  }

  /** Ends the command with what `setOutcome` puts into its slot, which is no longer ours once it has been aborted. */
  give(setOutcome: () => void): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    setOutcome();
    this.#end();
  }
}

/** As many bytes of the pattern as a block has, the pattern anew as often as it takes. */
export function fillBlock(pattern: Uint8Array, blockLengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: blockLengthBytes }, (_, at) => pattern[at % pattern.length] as number);
}
