import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import type { Disc } from '../disc/disc.js';
import { discOf } from '../drive/optical-drive.js';
import {
  absoluteTimeInPregroove,
  formattedToc,
  programMemoryArea,
  rawToc,
  sessionInformation,
  type TableOfContents,
  tableOfContentsOf,
} from '../toc/table-of-contents.js';

/*
 * READ TOC/PMA/ATIP, MMC-6 "READ TOC/PMA/ATIP command".
 *
 *     0| 0x43 | . MSF . | . Format (4) | Reserved (3) | Track/Session Number | Allocation Length (2) | Control |
 *
 * Linux and older initiators put the format into the two left-most bits of the CONTROL byte, as ATAPI once had it.
 */
const MSF_BIT = 0x02;
const FORMAT_AT = 2;
const FORMAT_BIT = 3;
const FROM_AT = 6;
const CONTROL_AT = 9;
const CONTROL_FORMAT_SHIFT = 6;
const CONTROL_FORMAT_BITS = 0xc0;

const TocFormat = { toc: 0, session: 1, raw: 2, programMemory: 3, absoluteTime: 4, text: 5 } as const;

function formatOf(command: CommandSlot): number {
  const format = (command.cdb[FORMAT_AT] as number) & 0x0f;
  return format === 0 ? (command.cdb[CONTROL_AT] as number) >> CONTROL_FORMAT_SHIFT : format;
}

/** Answers the data, or null where a field asks for what is not there: the track or session number. */
function ofContents(toc: TableOfContents, format: number, from: number, isMsf: boolean): Uint8Array | null {
  if (format === TocFormat.session) return sessionInformation(toc, isMsf);
  return format === TocFormat.raw ? rawToc(toc, from) : formattedToc(toc, from, isMsf);
}

function execute(command: CommandSlot, disc: Disc): void {
  const format = formatOf(command);
  const isMsf = ((command.cdb[1] as number) & MSF_BIT) !== 0;
  const isCd = disc.profile.family === 'cd';
  const allocationLength = command.cdbView.getUint16(7);
  // Groove, program memory and text are of CDs that can be recorded, or have it.
  if (format > TocFormat.text || (format >= TocFormat.raw && !isCd)) {
    invalidFieldInCdb(command, FORMAT_AT, FORMAT_BIT);
    return;
  }
  if (format === TocFormat.text || (format > TocFormat.raw && disc.recording === null)) {
    invalidFieldInCdb(command, FORMAT_AT, FORMAT_BIT);
    return;
  }
  if (format === TocFormat.programMemory) {
    returnData(command, programMemoryArea(disc), allocationLength);
    return;
  }
  if (format === TocFormat.absoluteTime) {
    returnData(command, absoluteTimeInPregroove(disc), allocationLength);
    return;
  }
  const toc = tableOfContentsOf(disc);
  // A disc without a closed session has no table of contents yet.
  if (toc === null) {
    checkCondition(command, SenseKey.illegalRequest, Asc.invalidFieldInCdb);
    return;
  }
  const data = ofContents(toc, format, command.cdb[FROM_AT] as number, isMsf);
  if (data === null) invalidFieldInCdb(command, FROM_AT);
  else returnData(command, data, allocationLength);
}

export const readTocRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x43,
  name: 'READ TOC/PMA/ATIP',
  clause: 'MMC-6 "READ TOC/PMA/ATIP command"',
  cdbLength: 10,
  cdbUsage: [0x43, MSF_BIT, 0x0f, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED | CONTROL_FORMAT_BITS],
  execute: (command, unit) => execute(command, discOf(unit)),
};
