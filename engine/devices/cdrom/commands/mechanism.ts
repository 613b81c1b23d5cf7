import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { allBits } from '../../../scsi/sbc/extent.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import { BLOCK_LENGTH_BYTES } from '../disc/profile.js';
import { discOf, driveOf } from '../drive/optical-drive.js';

const MECHANISM_LENGTH = 8;
const DOOR_OPEN_BIT = 0x10;

/*
 * MECHANISM STATUS, MMC-6 "MECHANISM STATUS command".
 *
 *     0| 0xbd | Reserved (7) | Allocation Length (2) | Reserved | Control |
 */
const mechanismStatusRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0xbd,
  name: 'MECHANISM STATUS',
  clause: 'MMC-6 "MECHANISM STATUS command"',
  cdbLength: 12,
  cdbUsage: [0xbd, ...new Array<number>(7).fill(0), ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    // Not a changer: no slots and no table of them.
    const data = new Uint8Array(MECHANISM_LENGTH);
    data[1] = driveOf(unit).isTrayOpen ? DOOR_OPEN_BIT : 0;
    returnData(command, data, command.cdbView.getUint16(8));
  },
};

/*
 * READ CAPACITY (10), MMC-6 "READ CAPACITY command". Of a disc that has no closed session the last block is told as 0.
 *
 *     0| 0x25 | Reserved | LBA (4) | Reserved (2) | . PMI | Control |
 */
const readCapacityRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x25,
  name: 'READ CAPACITY (10)',
  clause: 'MMC-6 "READ CAPACITY command"',
  cdbLength: 10,
  cdbUsage: [0x25, 0x00, ...allBits(4), 0x00, 0x00, 0x01, CONTROL_UNUSED],
  execute(command, unit) {
    if (command.cdbView.getUint32(2) !== 0) return invalidFieldInCdb(command, 2);
    if (((command.cdb[8] as number) & 0x01) !== 0) return invalidFieldInCdb(command, 8, 0);
    const data = Buffer.alloc(8);
    data.writeUInt32BE(Math.max(0, discOf(unit).recordedBlocks - 1), 0);
    data.writeUInt32BE(BLOCK_LENGTH_BYTES, 4);
    returnData(command, data, data.length);
  },
};

const BUFFER_BYTES = 2 * 1024 * 1024;
const BLOCK_BIT = 0x01;

/*
 * READ BUFFER CAPACITY, MMC-6 "READ BUFFER CAPACITY command". Nothing waits in a buffer: it is always free.
 *
 *     0| 0x5c | . Block | Reserved (5) | Allocation Length (2) | Control |
 */
const readBufferCapacityRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x5c,
  name: 'READ BUFFER CAPACITY',
  clause: 'MMC-6 "READ BUFFER CAPACITY command"',
  cdbLength: 10,
  cdbUsage: [0x5c, BLOCK_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command) {
    const isInBlocks = ((command.cdb[1] as number) & BLOCK_BIT) !== 0;
    const data = Buffer.alloc(12);
    data.writeUInt16BE(10, 0);
    data[3] = isInBlocks ? BLOCK_BIT : 0;
    if (!isInBlocks) data.writeUInt32BE(BUFFER_BYTES, 4);
    data.writeUInt32BE(isInBlocks ? BUFFER_BYTES / BLOCK_LENGTH_BYTES : BUFFER_BYTES, 8);
    returnData(command, data, command.cdbView.getUint16(7));
  },
};

/*
 * SEEK (10), MMC-6 "SEEK (10) command".
 *
 *     0| 0x2b | Reserved | LBA (4) | Reserved (3) | Control |
 */
const seekRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x2b,
  name: 'SEEK (10)',
  clause: 'MMC-6 "SEEK (10) command"',
  cdbLength: 10,
  cdbUsage: [0x2b, 0x00, ...allBits(4), 0x00, 0x00, 0x00, CONTROL_UNUSED],
  execute(command, unit) {
    if (command.cdbView.getUint32(2) >= discOf(unit).lbaEnd) checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
  },
};

const DO_OPC_BIT = 0x01;

/*
 * SEND OPC INFORMATION, MMC-6 "SEND OPC INFORMATION command": the power of a laser that there is not is right.
 *
 *     0| 0x54 | . DoOpc | Reserved (5) | Parameter List Length (2) | Control |
 */
const sendOpcInformationRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x54,
  name: 'SEND OPC INFORMATION',
  clause: 'MMC-6 "SEND OPC INFORMATION command"',
  cdbLength: 10,
  cdbUsage: [0x54, DO_OPC_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  execute(command, unit) {
    if (command.cdbView.getUint16(7) !== 0) return invalidFieldInCdb(command, 7);
    if (!discOf(unit).isWritable) checkCondition(command, SenseKey.dataProtect, Asc.writeProtected);
  },
};

const KEY_FORMAT_AT = 10;
const KEY_FORMAT_MASK = 0x3f;
const KeyFormat = { regionState: 0x08, invalidate: 0x3f } as const;
const ANY_REGION = 0xff;
const KEY_CLASS_AT = 7;

/*
 * REPORT KEY and SEND KEY, MMC-6: no disc of ours is encrypted, so that there is nothing to agree upon but that any region will do.
 *
 *     0| 0xa4 | Reserved | LBA (4) | Block Count | Key Class | Allocation Length (2) | AGID (2) Key Format (6) | Control |
 *     0| 0xa3 | Reserved (6)                     | Key Class | Parameter List Length (2) | AGID (2) Key Format (6) | Control |
 */
const reportKeyRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0xa4,
  name: 'REPORT KEY',
  clause: 'MMC-6 "REPORT KEY command"',
  cdbLength: 12,
  cdbUsage: [0xa4, 0x00, ...allBits(4), ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command) {
    if (command.cdb[KEY_CLASS_AT] !== 0) return invalidFieldInCdb(command, KEY_CLASS_AT);
    const format = (command.cdb[KEY_FORMAT_AT] as number) & KEY_FORMAT_MASK;
    if (format === KeyFormat.invalidate) return;
    if (format !== KeyFormat.regionState) return checkCondition(command, SenseKey.illegalRequest, Asc.copyProtectionKeyNotPresent);
    // TYPE CODE 0: no region is set. RPC SCHEME 0: none is enforced.
    returnData(command, Uint8Array.of(0, 6, 0, 0, 0, ANY_REGION, 0, 0), command.cdbView.getUint16(8));
  },
};

const sendKeyRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0xa3,
  name: 'SEND KEY',
  clause: 'MMC-6 "SEND KEY command"',
  cdbLength: 12,
  cdbUsage: [0xa3, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command) {
    if (command.cdb[KEY_CLASS_AT] !== 0) return invalidFieldInCdb(command, KEY_CLASS_AT);
    if (((command.cdb[KEY_FORMAT_AT] as number) & KEY_FORMAT_MASK) === KeyFormat.invalidate) return;
    checkCondition(command, SenseKey.illegalRequest, Asc.copyProtectionKeyNotPresent);
  },
};

export const mechanismRows: readonly UnitCommandRow[] = [
  mechanismStatusRow,
  readCapacityRow,
  readBufferCapacityRow,
  seekRow,
  sendOpcInformationRow,
  reportKeyRow,
  sendKeyRow,
];
