import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { invalidFieldInCdb } from '../sense.js';
import { allBits } from './extent.js';

/** REQ_PLIST and REQ_GLIST stand where the answer has PLISTV and GLISTV, beside the DEFECT LIST FORMAT. */
const LIST_BITS = 0x18;
const FORMAT_BITS = 0x07;
const FORMAT_BIT_NUMBER = 2;
/** Defect list formats, SBC-3 "Address descriptors": vendor specific and reserved ones are none that we have. */
const FORMAT_VENDOR_SPECIFIC = 0b110;

const HEADER_10_LENGTH = 4;
const HEADER_12_LENGTH = 8;

/** A list without descriptors is the same in every format. Logical units on stores have no defects. */
function readDefectData(command: CommandSlot, requestAt: number, headerLength: number, allocationLength: number): void {
  const request = (command.cdb[requestAt] as number) & (LIST_BITS | FORMAT_BITS);
  if ((request & FORMAT_BITS) >= FORMAT_VENDOR_SPECIFIC) {
    invalidFieldInCdb(command, requestAt, FORMAT_BIT_NUMBER);
    return;
  }
  const data = new Uint8Array(headerLength);
  data[1] = request;
  returnData(command, data, allocationLength);
}

const common = { runsOn: 'main', reservation: 'read' } as const;

export const readDefectDataRows: readonly UnitCommandRow[] = [
  /*
   *     0| 0x37 | Reserved | . REQ_PLIST REQ_GLIST Defect List Format | Reserved (4) | Allocation Length (2) | Control |
   */
  {
    ...common,
    opcode: 0x37,
    name: 'READ DEFECT DATA (10)',
    clause: 'SBC-3 "READ DEFECT DATA (10) command"',
    cdbLength: 10,
    cdbUsage: [0x37, 0x00, LIST_BITS | FORMAT_BITS, 0x00, 0x00, 0x00, 0x00, ...allBits(2), CONTROL_UNUSED],
    execute: (command) => readDefectData(command, 2, HEADER_10_LENGTH, command.cdbView.getUint16(7)),
  },
  /*
   *     0| 0xb7 | . REQ_PLIST REQ_GLIST Defect List Format | Address Descriptor Index (4) | Allocation Length (4) | Reserved | Control |
   *
   * An index behind the last descriptor is answered with an empty list, as every index is here.
   */
  {
    ...common,
    opcode: 0xb7,
    name: 'READ DEFECT DATA (12)',
    clause: 'SBC-3 "READ DEFECT DATA (12) command"',
    cdbLength: 12,
    cdbUsage: [0xb7, LIST_BITS | FORMAT_BITS, ...allBits(4), ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
    execute: (command) => readDefectData(command, 1, HEADER_12_LENGTH, command.cdbView.getUint32(6)),
  },
];
