import { ALL_BITS, CONTROL_UNUSED, returnData, writeUint64 } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { TapePosition } from '../image/tape-service.js';
import { runOnTape } from './tape-command.js';

/*
 * READ POSITION, SSC-4 "READ POSITION command". The form is the service action; only the extended one has an allocation length.
 *
 *     0| 0x34 | . SERVICE ACTION (5) | Reserved (5) | ALLOCATION LENGTH (2) | CONTROL |
 */
const READ_POSITION = 0x34;
const ALLOCATION_LENGTH_AT = 7;
const BOP_BIT = 0x80;
const EOP_BIT = 0x40;
const PERR_BIT = 0x02;
const BPEW_BIT = 0x01;
const UINT32_MAX = 0xffffffff;
const UINT24_MAX = 0xffffff;

interface PositionForm {
  readonly serviceAction: number;
  readonly name: string;
  readonly encode: (position: TapePosition) => Uint8Array;
}

function flagsOf(position: TapePosition): number {
  return (
    (position.isBeginning ? BOP_BIT : 0) |
    (position.isBeyondEarlyWarning ? EOP_BIT : 0) |
    // Where no distance is set there is no programmable early warning to be beyond of.
    (position.isBeyondProgrammableEarlyWarning ? BPEW_BIT : 0)
  );
}

/**
 *     0| BOP EOP LOCU BYCU . LOLU PERR BPEW | PARTITION | Reserved (2)                      |
 *     4| FIRST LOGICAL OBJECT LOCATION (4)  | LAST LOGICAL OBJECT LOCATION (4)              |
 *    12| . | LOGICAL OBJECTS IN BUFFER (3)  | BYTES IN OBJECT BUFFER (4)                    |
 *
 * The last location is of the next object that goes to the medium: the position less what is buffered.
 */
function shortForm(position: TapePosition): Uint8Array {
  const data = new Uint8Array(20);
  const view = new DataView(data.buffer);
  data[1] = Math.min(position.partition, ALL_BITS);
  const isBeyond = position.objectNumber > UINT32_MAX;
  data[0] = flagsOf(position) | (isBeyond ? PERR_BIT : 0);
  // PERR: the fields cannot hold what there is, and count for nothing.
  if (isBeyond) return data;
  view.setUint32(4, position.objectNumber);
  view.setUint32(8, position.objectNumber - position.bufferedObjectCount);
  view.setUint32(12, Math.min(position.bufferedObjectCount, UINT24_MAX));
  view.setUint32(16, Math.min(position.bufferedBytes, UINT32_MAX));
  return data;
}

/**
 *     0| BOP EOP . MPU LONU . BPEW | Reserved (3) | PARTITION NUMBER (4)      |
 *     8| LOGICAL OBJECT NUMBER (8) | LOGICAL FILE IDENTIFIER (8)              |
 *    24| LOGICAL SET IDENTIFIER (8)                                           |
 */
function longForm(position: TapePosition): Uint8Array {
  const data = new Uint8Array(32);
  const view = new DataView(data.buffer);
  data[0] = flagsOf(position);
  view.setUint32(4, position.partition);
  writeUint64(view, 8, position.objectNumber);
  writeUint64(view, 16, position.fileNumber);
  writeUint64(view, 24, position.setNumber);
  return data;
}

const EXTENDED_ADDITIONAL_LENGTH = 0x1c;

/** The short form with wider fields, and the length of what follows. */
function extendedForm(position: TapePosition): Uint8Array {
  const data = new Uint8Array(32);
  const view = new DataView(data.buffer);
  data[0] = flagsOf(position);
  data[1] = Math.min(position.partition, ALL_BITS);
  view.setUint16(2, EXTENDED_ADDITIONAL_LENGTH);
  view.setUint32(4, Math.min(position.bufferedObjectCount, UINT24_MAX));
  writeUint64(view, 8, position.objectNumber);
  writeUint64(view, 16, position.objectNumber - position.bufferedObjectCount);
  writeUint64(view, 24, position.bufferedBytes);
  return data;
}

const forms: readonly PositionForm[] = [
  { serviceAction: 0x00, name: 'READ POSITION, short form', encode: shortForm },
  // Asks for addresses of the vendor's own, which are the same here.
  { serviceAction: 0x01, name: 'READ POSITION, short form, vendor specific', encode: shortForm },
  { serviceAction: 0x06, name: 'READ POSITION, long form', encode: longForm },
  { serviceAction: 0x08, name: 'READ POSITION, extended form', encode: extendedForm },
];

export const readPositionRows: readonly UnitCommandRow[] = forms.map(({ serviceAction, name, encode }) => {
  const isExtended = serviceAction === 0x08;
  const lengthBits = isExtended ? ALL_BITS : 0;
  return {
    runsOn: 'main',
    reservation: 'always',
    opcode: READ_POSITION,
    serviceAction,
    name,
    clause: 'SSC-4 "READ POSITION command"',
    cdbLength: 10,
    cdbUsage: [READ_POSITION, serviceAction, 0x00, 0x00, 0x00, 0x00, 0x00, lengthBits, lengthBits, CONTROL_UNUSED],
    // Programs fill in a length for the other forms as well, which have one length only.
    ...(isExtended ? {} : { cdbIgnored: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, 0x00] }),
    execute(command, unit, _nexus, deferral) {
      runOnTape(command, unit, deferral, async (drive) => {
        const data = encode(await drive.call('position'));
        returnData(command, data, isExtended ? command.cdbView.getUint16(ALLOCATION_LENGTH_AT) : data.length);
      });
    },
  };
});
