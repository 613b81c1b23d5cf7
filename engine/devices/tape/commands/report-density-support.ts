import { ALL_BITS, CONTROL_UNUSED, returnData, writeAscii } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { checkCondition } from '../../../scsi/sense.js';
import { type Density, densities } from '../medium/density.js';
import { type TapeUnit, tapeOf } from '../tape-unit.js';
import { withFreshFacts } from './tape-command.js';

/*
 * REPORT DENSITY SUPPORT, SSC-4 "REPORT DENSITY SUPPORT command".
 *
 *     0| 0x44 | . MEDIUM TYPE MEDIA | Reserved (5) | ALLOCATION LENGTH (2) | CONTROL |
 *
 * MEDIA asks of the cartridge in the drive, else of all that the drive knows.
 */
const MEDIUM_TYPE_BIT = 0x02;
const MEDIA_BIT = 0x01;
const ALLOCATION_LENGTH_AT = 7;
const HEADER_LENGTH = 4;

const WRTOK_BIT = 0x80;
const DEFLT_BIT = 0x20;
/** MEDIA WIDTH, tenths of millimetres, of half an inch of tape. */
const WIDTH = 127;
/** MEDIUM LENGTH, metres. */
const LENGTH_METRES = 960;
const MEGABYTE = 1_000_000;
const UINT32_MAX = 0xffffffff;
const ORGANIZATION = 'LTO-CVE';
const DENSITY_DESCRIPTOR_LENGTH = 52;
const MEDIUM_DESCRIPTOR_LENGTH = 56;
const DENSITY_CODES_AT = 5;

export const reportDensitySupportRow: UnitCommandRow = withFreshFacts({
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x44,
  name: 'REPORT DENSITY SUPPORT',
  clause: 'SSC-4 "REPORT DENSITY SUPPORT command"',
  cdbLength: 10,
  cdbUsage: [0x44, MEDIUM_TYPE_BIT | MEDIA_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    const drive = tapeOf(unit);
    const flags = command.cdb[1] as number;
    const isOfMedium = (flags & MEDIA_BIT) !== 0;
    if (isOfMedium && drive.readiness !== null) return checkCondition(command, drive.readiness.key, drive.readiness.asc);
    const reported = isOfMedium ? [drive.density] : densities;
    const encode = (flags & MEDIUM_TYPE_BIT) !== 0 ? mediumDescriptors : densityDescriptors;
    const descriptors = reported.flatMap((density) => encode(density, drive, isOfMedium));
    const header = new Uint8Array(HEADER_LENGTH);
    const body = Buffer.concat(descriptors);
    // The length of what follows it: two reserved bytes and the descriptors.
    new DataView(header.buffer).setUint16(0, body.length + 2);
    returnData(command, Buffer.concat([header, body]), command.cdbView.getUint16(ALLOCATION_LENGTH_AT));
  },
});

/**
 *     0| PRIMARY DENSITY CODE | SECONDARY DENSITY CODE | WRTOK DUP DEFLT . LIS DLV | DESCRIPTOR LENGTH (2) |
 *     5| BITS PER MM (3) | MEDIA WIDTH (2) | TRACKS (2) | CAPACITY (4) |
 *    16| ASSIGNING ORGANIZATION (8) | DENSITY NAME (8) | DESCRIPTION (20) |
 */
function densityDescriptors(density: Density, drive: TapeUnit, isOfMedium: boolean): Uint8Array[] {
  const bytes = new Uint8Array(DENSITY_DESCRIPTOR_LENGTH);
  const view = new DataView(bytes.buffer);
  const isWritable = isOfMedium ? !drive.isWriteProtected : !drive.options.readOnly;
  const capacityBytes = isOfMedium && drive.facts !== null ? drive.facts.capacityBytes : density.capacityBytes;
  bytes[0] = density.code;
  bytes[1] = density.code;
  bytes[2] = (isWritable ? WRTOK_BIT : 0) | (density.code === drive.options.density.code ? DEFLT_BIT : 0);
  view.setUint32(4, density.bitsPerMillimetre);
  view.setUint16(8, WIDTH);
  view.setUint16(10, density.tracks);
  view.setUint32(12, Math.min(UINT32_MAX, Math.floor(capacityBytes / MEGABYTE)));
  writeAscii(bytes, 16, 8, ORGANIZATION);
  writeAscii(bytes, 24, 8, density.label);
  writeAscii(bytes, 32, 20, `Ultrium ${density.name.slice('lto-'.length)}/16T`);
  return [bytes];
}

/**
 *     0| MEDIUM TYPE | . | DESCRIPTOR LENGTH (2) | NUMBER OF DENSITY CODES | PRIMARY DENSITY CODES (9) |
 *    14| MEDIA WIDTH (2) | MEDIUM LENGTH (2) | . (2) | ASSIGNING ORGANIZATION (8) | MEDIUM TYPE NAME (8) | DESCRIPTION (20) |
 */
function mediumDescriptors(density: Density, drive: TapeUnit, isOfMedium: boolean): Uint8Array[] {
  const kinds = [
    { code: density.mediumType, isWorm: false },
    { code: density.wormMediumType, isWorm: true },
  ];
  const reported = isOfMedium ? kinds.filter(({ isWorm }) => isWorm === (drive.facts?.worm === true)) : kinds;
  return reported.map(({ code, isWorm }) => {
    const bytes = new Uint8Array(MEDIUM_DESCRIPTOR_LENGTH);
    const view = new DataView(bytes.buffer);
    bytes[0] = code;
    view.setUint16(2, MEDIUM_DESCRIPTOR_LENGTH - HEADER_LENGTH);
    bytes[4] = 1;
    bytes[DENSITY_CODES_AT] = density.code;
    view.setUint16(14, WIDTH);
    view.setUint16(16, LENGTH_METRES);
    writeAscii(bytes, 20, 8, ORGANIZATION);
    writeAscii(bytes, 28, 8, isWorm ? 'WORM' : 'Data');
    writeAscii(bytes, 36, 20, `${density.name.toUpperCase()} ${isWorm ? 'WORM' : 'data'} tape`);
    return bytes;
  });
}
