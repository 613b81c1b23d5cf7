import { type CommandEntry, CommandTable, type UnitCommandRow } from '../../scsi/command-table.js';

const OPCODE_COUNT = 256;
/** The shortest CDB there is. */
const CDB_LENGTH_MIN = 6;

type PassedRow = Pick<UnitCommandRow, 'plan' | 'execute' | 'reservesDataIn'>;

/** `INQUIRY` and what else needs more than to be carried has a row of its own; every other CDB has one that only carries. */
export class PassthroughTable extends CommandTable {
  readonly #entries: CommandEntry[] = [];

  /** `own` are rows of opcodes without service actions. */
  constructor(own: readonly UnitCommandRow[], passed: PassedRow) {
    super(own);
    for (let opcode = 0; opcode < OPCODE_COUNT; opcode++) {
      const row = own.find((candidate) => candidate.opcode === opcode) ?? passedRow(opcode, passed);
      // No bit is reserved that we would know of.
      this.#entries.push({ row, reservedWords: [] });
    }
  }

  override lookUp(cdb: Uint8Array): CommandEntry | undefined {
    return this.#entries[cdb[0] as number];
  }
}

/** A CDB of any length and form: the device judges it. So it is with reservations, and with what is ready. */
function passedRow(opcode: number, passed: PassedRow): UnitCommandRow {
  return { ...passed, ...commonOf(opcode, `opcode ${opcode.toString(16).padStart(2, '0')}h, passed through`) };
}

/** What all rows have alike. */
export function commonOf(opcode: number, name: string) {
  return {
    runsOn: 'main',
    opcode,
    name,
    clause: 'of the device',
    cdbLength: CDB_LENGTH_MIN,
    isOfAnyLength: true,
    cdbUsage: [opcode, 0xff, 0xff, 0xff, 0xff, 0xff],
    reservation: 'always',
    accessState: 'transitioning',
    passesNotReady: true,
  } as const;
}
