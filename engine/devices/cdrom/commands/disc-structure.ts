import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { allBits } from '../../../scsi/sbc/extent.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { Disc } from '../disc/disc.js';
import { discOf } from '../drive/optical-drive.js';
import { uint32 } from '../features/feature.js';

/*
 * READ DISC STRUCTURE, MMC-6 "READ DISC STRUCTURE command".
 *
 *     0| 0xad | . Media Type (4) | Address (4) | Layer Number | Format | Allocation Length (2) | AGID (2) . | Control |
 */
const MediaType = { dvd: 0, bd: 1 } as const;
const LAYER_AT = 6;
const FORMAT_AT = 7;
const HEADER_LENGTH = 4;

interface Structure {
  readonly format: number;
  /** Whether there is one of this disc; of all of its family when left out. */
  readonly isOf?: (disc: Disc) => boolean;
  readonly build: (disc: Disc, layer: number) => Uint8Array;
}

/** BOOK TYPE and PART VERSION of the physical format information, by profile. */
const books: Readonly<Record<string, number>> = { dvd: 0x01, 'dvd+rw': 0x92, 'dvd+r': 0xa1, 'dvd+r-dl': 0xe1 };
const DISC_SIZE_120_MM_ANY_RATE = 0x0f;
const DATA_AREA_START = 0x03_0000;
const DVD_LAYER_BLOCKS = 2_295_104;
const PHYSICAL_LENGTH = 2048;
const LAYER_TYPE = { pressed: 0x01, recordable: 0x02, rewritable: 0x04 } as const;

function layerTypeOf({ profile }: Disc): number {
  if (profile.recording === 'none') return LAYER_TYPE.pressed;
  return profile.recording === 'sequential' ? LAYER_TYPE.recordable : LAYER_TYPE.rewritable;
}

function isDoubleLayer({ blockCount }: Disc): boolean {
  return blockCount > DVD_LAYER_BLOCKS;
}

/** Format 00h: what stands in the lead-in of a DVD, ECMA-267 and its like. */
function physicalFormat(disc: Disc): Uint8Array {
  const data = Buffer.alloc(PHYSICAL_LENGTH);
  const isDouble = isDoubleLayer(disc);
  const lastPsn = DATA_AREA_START + Math.max(1, disc.recording === null || disc.recordedBlocks > 0 ? disc.recordedBlocks : disc.blockCount) - 1;
  data.set([books[disc.profile.name] ?? 0x01, DISC_SIZE_120_MM_ANY_RATE, (isDouble ? 0x20 : 0) | layerTypeOf(disc), 0x00]);
  data.writeUInt32BE(DATA_AREA_START, 4);
  data.writeUInt32BE(lastPsn, 8);
  // Where the first of two layers ends.
  if (isDouble) data.writeUInt32BE(DATA_AREA_START + Math.ceil(disc.blockCount / 2) - 1, 12);
  return data;
}

/** Format 01h: no protection system, all regions. */
const copyright = () => Uint8Array.of(0, 0, 0, 0);
/** Format 04h: nothing that a manufacturer wrote. */
const manufacturing = () => new Uint8Array(2048);
/** Format 20h: the layer boundary of a DVD+R of two layers, which is not moved. */
const layerBoundary = ({ blockCount }: Disc) => Uint8Array.of(0x80, 0, 0, 0, ...uint32(Math.ceil(blockCount / 2)));
/** Format C0h: write protection; PWP is set where the disc takes no writes. */
const protection = ({ isWritable }: Disc) => Uint8Array.of(isWritable ? 0 : 0x04, 0, 0, 0);

const dvdStructures: readonly Structure[] = [
  { format: 0x00, build: physicalFormat },
  { format: 0x01, build: copyright },
  { format: 0x04, build: manufacturing },
  { format: 0x20, isOf: ({ profile }) => profile.name === 'dvd+r-dl', build: layerBoundary },
  { format: 0xc0, isOf: ({ recording }) => recording !== null, build: protection },
];

const DI_LENGTH = 4096;
const DI_UNIT_LENGTH = 112;
const discTypes: Readonly<Record<string, string>> = { bd: 'BDO', 'bd-r': 'BDR', 'bd-re': 'BDW' };

/** BD format 00h: Disc Information, one unit: its identifier, the disc type, size, class and version, and the blocks of the data zone. */
function discInformation({ profile, blockCount }: Disc): Uint8Array {
  const data = Buffer.alloc(DI_LENGTH);
  data.write('DI', 0, 'latin1');
  data.set([profile.recording === 'none' ? 0x01 : 0x02, 0x01, 0, DI_UNIT_LENGTH], 2);
  data.write(discTypes[profile.name] ?? 'BDO', 8, 'latin1');
  data.set([0x01, 0x01], 11);
  data.writeUInt32BE(0x02_0000, 24);
  data.writeUInt32BE(0x02_0000 + blockCount - 1, 28);
  return data;
}

/** BD format 0Ah: spare areas, of which an image has none free and none used. */
const spareAreas = () => new Uint8Array(12);

const bdStructures: readonly Structure[] = [
  { format: 0x00, build: discInformation },
  { format: 0x0a, isOf: ({ recording }) => recording !== null, build: spareAreas },
  { format: 0xc0, isOf: ({ recording }) => recording !== null, build: protection },
];

const FORMAT_LIST = 0xff;
const READABLE_BIT = 0x40;

/** Format FFh: those that can be read, with their lengths. */
function formatList(structures: readonly Structure[], disc: Disc): Uint8Array {
  const entries = structures.map(({ format, build }) => {
    const lengthBytes = HEADER_LENGTH + build(disc, 0).length;
    return Uint8Array.of(format, READABLE_BIT, lengthBytes >> 8, lengthBytes & 0xff);
  });
  return Buffer.concat(entries);
}

function withHeader(body: Uint8Array): Uint8Array {
  const data = Buffer.concat([new Uint8Array(HEADER_LENGTH), body]);
  data.writeUInt16BE(data.length - 2, 0);
  return data;
}

export const readDiscStructureRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0xad,
  name: 'READ DISC STRUCTURE',
  clause: 'MMC-6 "READ DISC STRUCTURE command"',
  cdbLength: 12,
  cdbUsage: [0xad, 0x0f, ...allBits(4), ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0xc0, CONTROL_UNUSED],
  execute(command, unit) {
    const disc = discOf(unit);
    const { family } = disc.profile;
    const mediaType = (command.cdb[1] as number) & 0x0f;
    const format = command.cdb[FORMAT_AT] as number;
    // A CD has no such structures, and those of a DVD are not those of a BD.
    if (family === 'cd') return checkCondition(command, SenseKey.illegalRequest, Asc.cannotReadIncompatibleFormat);
    if (mediaType !== (family === 'bd' ? MediaType.bd : MediaType.dvd)) return invalidFieldInCdb(command, 1, 3);
    const structures = (family === 'bd' ? bdStructures : dvdStructures).filter(({ isOf }) => isOf?.(disc) !== false);
    const structure = structures.find((each) => each.format === format);
    const layer = command.cdb[LAYER_AT] as number;
    if (layer > (isDoubleLayer(disc) ? 1 : 0)) return invalidFieldInCdb(command, LAYER_AT);
    const allocationLength = command.cdbView.getUint16(8);
    if (format === FORMAT_LIST) return returnData(command, withHeader(formatList(structures, disc)), allocationLength);
    if (structure === undefined) return invalidFieldInCdb(command, FORMAT_AT);
    returnData(command, withHeader(structure.build(disc, layer)), allocationLength);
  },
};
