import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { parameterListOf, planParameterList } from '../../../scsi/parameter-list.js';
import { allBits } from '../../../scsi/sbc/extent.js';
import { invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError } from '../../../scsi/sense.js';
import { driveOf, type OpticalDrive } from '../drive/optical-drive.js';
import { uint32 } from '../features/feature.js';

/*
 * GET PERFORMANCE, MMC-6 "GET PERFORMANCE command".
 *
 *     0| 0xac | . Data Type (5) | Starting LBA (4) | Reserved (2) | Maximum Number of Descriptors (2) | Type | Control |
 */
const WRITE_BIT = 0x04;
const TOLERANCE_BITS = 0x18;
const TOLERANCE_10_PERCENT = 0x10;
const EXCEPTION_BITS = 0x03;
const TYPE_AT = 10;
const PerformanceType = { performance: 0x00, writeSpeed: 0x03 } as const;
const HEADER_LENGTH = 8;
const WRITE_FLAG = 0x02;

/** Performance (type 00h), nominal: one descriptor, as the speed is the same everywhere. */
function nominal(drive: OpticalDrive, isWrite: boolean): readonly (readonly number[])[] {
  const speed = isWrite ? drive.speeds.write : drive.speeds.read;
  const last = Math.max(0, (drive.disc?.blockCount ?? 1) - 1);
  return [[...uint32(0), ...uint32(speed), ...uint32(last), ...uint32(speed)]];
}

/** Write speeds (type 03h): from fast to slow, each over the whole disc. */
function writeSpeeds(drive: OpticalDrive): readonly (readonly number[])[] {
  const last = Math.max(0, (drive.disc?.blockCount ?? 1) - 1);
  return drive.speeds.range.write.map((speed) => [0, 0, 0, 0, ...uint32(last), ...uint32(drive.speeds.range.read), ...uint32(speed)]);
}

const getPerformanceRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0xac,
  name: 'GET PERFORMANCE',
  clause: 'MMC-6 "GET PERFORMANCE command"',
  cdbLength: 12,
  cdbUsage: [0xac, 0x1f, ...allBits(4), 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    const drive = driveOf(unit);
    const flags = command.cdb[1] as number;
    const type = command.cdb[TYPE_AT] as number;
    const isWrite = (flags & WRITE_BIT) !== 0;
    if (type !== PerformanceType.performance && type !== PerformanceType.writeSpeed) return invalidFieldInCdb(command, TYPE_AT);
    // Some initiators leave the tolerance out, though only 10b is defined.
    const tolerance = flags & TOLERANCE_BITS;
    if (type === PerformanceType.performance && tolerance !== 0 && tolerance !== TOLERANCE_10_PERCENT) return invalidFieldInCdb(command, 1, 4);
    const hasExceptions = (flags & EXCEPTION_BITS) !== 0;
    const all = type === PerformanceType.writeSpeed ? writeSpeeds(drive) : hasExceptions ? [] : nominal(drive, isWrite);
    const descriptors = all.slice(0, command.cdbView.getUint16(8));
    // The length tells of all that there are, so that whoever asked for fewer can ask again.
    const lengthBytes = HEADER_LENGTH - 4 + all.flat().length;
    const header = [...uint32(lengthBytes), type === PerformanceType.performance && isWrite ? WRITE_FLAG : 0, 0, 0, 0];
    const data = Uint8Array.from([...header, ...descriptors.flat()]);
    returnData(command, data, data.length);
  },
};

/*
 * SET STREAMING, MMC-6 "SET STREAMING command", with a performance descriptor of 28 bytes:
 *
 *     0| 0xb6 | Reserved (7) | Type | Parameter List Length (2) | Control |
 *
 *     0| . WRC RDD Exact RA | Reserved (3) | Start LBA (4) | End LBA (4) | Read Size (4) | Read Time (4) | Write Size (4) | Write Time (4) |
 */
const STREAMING_LENGTH = 28;
const STREAMING_TYPE_AT = 8;
const STREAMING_LENGTH_AT = 9;
const RESTORE_DEFAULTS_BIT = 0x04;
const MS_PER_SECOND = 1000;
const SPEED_MAX = 0xffff;

const setStreamingRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0xb6,
  name: 'SET STREAMING',
  clause: 'MMC-6 "SET STREAMING command"',
  cdbLength: 12,
  cdbUsage: [0xb6, ...new Array<number>(7).fill(0), ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  plan(command) {
    if (command.cdb[STREAMING_TYPE_AT] !== 0) return invalidFieldInCdb(command, STREAMING_TYPE_AT);
    const lengthBytes = command.cdbView.getUint16(STREAMING_LENGTH_AT);
    if (lengthBytes === 0) return;
    if (lengthBytes < STREAMING_LENGTH) return parameterListLengthError(command);
    planParameterList(command, lengthBytes, STREAMING_LENGTH_AT);
  },
  execute(command, unit) {
    if (command.plannedDataOutLength === 0) return;
    const list = parameterListOf(command);
    if (list.length < STREAMING_LENGTH) return parameterListLengthError(command);
    const { speeds } = driveOf(unit);
    if (((list[0] as number) & RESTORE_DEFAULTS_BIT) !== 0) return speeds.choose(SPEED_MAX, SPEED_MAX);
    const view = new DataView(list.buffer, list.byteOffset);
    const readTimeMs = view.getUint32(16);
    const writeTimeMs = view.getUint32(24);
    if (view.getUint32(8) < view.getUint32(4)) return invalidFieldInParameterList(command, 8);
    if (readTimeMs === 0 || writeTimeMs === 0) return invalidFieldInParameterList(command, readTimeMs === 0 ? 16 : 24);
    const speedOf = (sizeAt: number, timeMs: number) => Math.min(SPEED_MAX, Math.floor((view.getUint32(sizeAt) * MS_PER_SECOND) / timeMs));
    speeds.choose(speedOf(12, readTimeMs), speedOf(20, writeTimeMs));
  },
};

/*
 * SET CD SPEED, MMC-6 "SET CD SPEED command".
 *
 *     0| 0xbb | . Rotational Control (2) | Read Speed (2) | Write Speed (2) | Reserved (5) | Control |
 */
const setCdSpeedRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0xbb,
  name: 'SET CD SPEED',
  clause: 'MMC-6 "SET CD SPEED command"',
  cdbLength: 12,
  cdbUsage: [0xbb, 0x03, ...allBits(4), 0x00, 0x00, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    if (((command.cdb[1] as number) & 0x03) > 1) return invalidFieldInCdb(command, 1, 1);
    driveOf(unit).speeds.choose(command.cdbView.getUint16(2), command.cdbView.getUint16(4));
  },
};

export const performanceRows: readonly UnitCommandRow[] = [getPerformanceRow, setStreamingRow, setCdSpeedRow];
