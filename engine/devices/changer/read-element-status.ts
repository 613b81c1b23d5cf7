import { ALL_BITS, CONTROL_UNUSED, readUint24, returnData } from '../../scsi/cdb.js';
import type { UnitCommandRow } from '../../scsi/command-table.js';
import { t10VendorIdentification } from '../../scsi/spc/identification-pages.js';
import { ELEMENT_TYPE_MASK, selectElements } from './element-cdb.js';
import { type Element, ElementType } from './element-layout.js';
import { type ElementStatus, encodeElementStatus } from './element-status.js';
import { type Library, libraryOf } from './library.js';
import { TransportFaults } from './transport-fault.js';

/*
 * READ ELEMENT STATUS, SMC-3 "READ ELEMENT STATUS command".
 *
 *     0| 0xb8 | . VOLTAG Element Type Code (4) | Starting Element Address (2) | Number of Elements (2) |
 *     6| .  CURDATA DVCID | Allocation Length (3) | . | Control                                        |
 */
const VOLTAG_BIT = 0x10;
const FLAGS_AT = 6;
const CURDATA_BIT = 0x02;
const DVCID_BIT = 0x01;
const ALLOCATION_LENGTH_AT = 7;

/** CURDATA changes nothing: no picker has to move for what is known. */
export const readElementStatusRow: UnitCommandRow = {
  runsOn: 'main',
  // SMC-3 "Reservations": with CURDATA nothing moves, and nobody is disturbed.
  reservation: (command) => (((command.cdb[FLAGS_AT] as number) & CURDATA_BIT) === 0 ? 'read' : 'always'),
  opcode: 0xb8,
  name: 'READ ELEMENT STATUS',
  clause: 'SMC-3 "READ ELEMENT STATUS command"',
  cdbLength: 12,
  cdbUsage: [
    0xb8,
    VOLTAG_BIT | ELEMENT_TYPE_MASK,
    ALL_BITS,
    ALL_BITS,
    ALL_BITS,
    ALL_BITS,
    CURDATA_BIT | DVCID_BIT,
    ALL_BITS,
    ALL_BITS,
    ALL_BITS,
    0x00,
    CONTROL_UNUSED,
  ],
  execute(command, unit) {
    const library = libraryOf(unit);
    const elements = selectElements(command, library.layout);
    if (elements === null) return;
    const allocationLength = readUint24(command.cdbView, ALLOCATION_LENGTH_AT);
    const data = encodeElementStatus(
      elements.map((element) => statusOf(library, element)),
      {
        withVolumeTags: ((command.cdb[1] as number) & VOLTAG_BIT) !== 0,
        withDriveIds: ((command.cdb[FLAGS_AT] as number) & DVCID_BIT) !== 0,
        allocationLength,
      },
    );
    returnData(command, data, allocationLength);
  },
};

/** What an element is like now. */
export function statusOf(library: Library, element: Element): ElementStatus {
  const { address, type } = element;
  const cartridge = library.cartridgeIn(element);
  const occupant = library.contents.get(address);
  const unit = type === ElementType.dataTransfer ? library.drives.unitAt(element) : undefined;
  const isDisabled = type === ElementType.dataTransfer && library.drives.at(element) === null;
  return {
    address,
    type,
    isFull: cartridge !== null,
    isImported: occupant?.isImported ?? false,
    isAccessible: library.isAccessible(element),
    isDisabled,
    exceptionAsc: exceptionOf(library, element, isDisabled),
    sourceAddress: occupant?.sourceAddress ?? null,
    barcode: cartridge?.barcode ?? null,
    drive: unit === undefined ? null : { lun: unit.lun, designator: t10VendorIdentification(unit) },
  };
}

function exceptionOf(library: Library, { address }: Element, isDisabled: boolean): number | null {
  if (isDisabled) return TransportFaults.elementDisabled.asc;
  const occupant = library.contents.get(address);
  return occupant !== undefined && library.isImageMissing(occupant) ? TransportFaults.imageMissing.asc : null;
}
