import { assert } from '../../engine/errors.js';
import { crc32c, writeDigest } from '../../engine/pdu/index.js';
import { CommandTable, type DeviceType, type MediumCommandRow } from '../../engine/scsi/command-table.js';
import { deviceTypes } from '../../engine/scsi/device-types.js';
import type { Medium } from '../../engine/scsi/medium.js';
import { verifyRows } from '../../engine/scsi/sbc/verify.js';
import type { CommandSlot } from '../../engine/shm/command-slot.js';

const KIB = 1024;

export type OperationName = 'null' | 'copy' | 'compare' | 'crc32c';

/** What a command does on whichever thread it runs. */
export interface Operation {
  readonly name: OperationName;
  readonly title: string;
  /** Bytes that a command goes through, ascending. */
  readonly sizes: readonly number[];
  readonly row: MediumCommandRow;
  /** Byte 1 of the CDB. */
  readonly flags: number;
  /** The Data-In that a command of this length leaves. */
  readonly answerBytes: (lengthBytes: number) => number;
}

const DATA_SIZES = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB] as const;
export const DATA_BYTES_MAX = 1024 * KIB;
export const CRC_BYTES = 4;
/** BYTCHK = 01b: every byte is compared. SBC-3 "VERIFY (10) command". */
const BYTE_CHECK_FLAG = 0x02;

/** Opcodes from C0h on are vendor specific, SPC-4 "Operation codes". */
function benchRow(opcode: number, name: string, execute: MediumCommandRow['execute']): MediumCommandRow {
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    reservation: 'read',
    opcode,
    name,
    clause: 'vendor specific',
    cdbLength: 6,
    cdbUsage: [opcode, 0, 0, 0, 0, 0],
    plan() {},
    execute,
  };
}

/** READ as a store without views executes it: `ram` stores would show their own memory and copy nothing. */
function executeCopy(command: CommandSlot, medium: Medium): void {
  medium.store.read(command.dataIn, command.dataInStart, command.plannedDataInLength, command.lba * medium.blockLengthBytes);
  command.dataInLength = command.plannedDataInLength;
}

/** The digest of data that lies in the store; the CRC is the Data-In. */
function executeCrc(command: CommandSlot, medium: Medium): void {
  const view = medium.store.view(command.lba * medium.blockLengthBytes, command.plannedDataInLength);
  assert(view !== null, 'the store of the bench shows its memory');
  const { dataIn, dataInStart } = command;
  const crc = crc32c(view.bytes, view.offset, view.offset + command.plannedDataInLength);
  writeDigest(crc, new DataView(dataIn.buffer, dataIn.byteOffset + dataInStart, CRC_BYTES), 0);
  command.dataInLength = CRC_BYTES;
}

const verifyRow = verifyRows[0] as MediumCommandRow;

export const operations: readonly Operation[] = [
  { name: 'null', title: 'nothing', sizes: [0], row: benchRow(0xc0, 'BENCH NULL', () => {}), flags: 0, answerBytes: () => 0 },
  {
    name: 'copy',
    title: 'copy out of memory',
    sizes: DATA_SIZES,
    row: benchRow(0xc1, 'BENCH COPY', executeCopy),
    flags: 0,
    answerBytes: (lengthBytes) => lengthBytes,
  },
  { name: 'compare', title: 'compare with memory (VERIFY)', sizes: DATA_SIZES, row: verifyRow, flags: BYTE_CHECK_FLAG, answerBytes: () => 0 },
  { name: 'crc32c', title: 'CRC32C of memory', sizes: DATA_SIZES, row: benchRow(0xc2, 'BENCH CRC32C', executeCrc), flags: 0, answerBytes: () => CRC_BYTES },
];

/** A device type of the bench's own, so that its operations travel by the engine's dispatcher, rings and worker loop. */
export const benchDevice: DeviceType = {
  name: 'bench',
  peripheralDeviceType: 0,
  commands: new CommandTable(operations.map(({ row }) => row)),
};

/** Workers know device types by their name: called on each thread before the first unit is attached. */
export function registerBenchDevice(): void {
  (deviceTypes as Record<string, DeviceType>)[benchDevice.name] = benchDevice;
}
