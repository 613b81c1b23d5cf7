import { ALL_BITS, CONTROL_UNUSED, readUint24 } from '../../../scsi/cdb.js';
import type { Deferral, UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import type { Disc } from '../disc/disc.js';
import { BLOCK_LENGTH_BYTES } from '../disc/profile.js';
import { discOf } from '../drive/optical-drive.js';
import { lbaOfMsf } from '../sector/msf.js';
import { type SectorSelection, selectSector, writeSelected } from '../sector/sector-selection.js';
import type { SectorPlace } from '../sector/sub-channel.js';

/** EXPECTED SECTOR TYPE, MMC-6 "READ CD command". */
const SectorType = { any: 0, mode1: 2 } as const;
const SECTOR_TYPE_MASK = 0x1c;
const SECTOR_TYPE_SHIFT = 2;
const SECTOR_TYPE_MAX = 5;
const FLAGS_AT = 9;
const SUB_CHANNEL_AT = 10;
const SUB_CHANNEL_MASK = 0x07;
/** Between two pieces of this many sectors others have their turn. */
const SECTORS_AT_A_TIME = 32;

interface SectorRange {
  readonly lba: number;
  readonly count: number;
}

/** The sectors that the CDB names, or null where it names none: then `at` is the field that is wrong. */
type RangeOf = (command: CommandSlot) => { readonly range: SectorRange | null; readonly at: number };

const rangeOfLba: RangeOf = (command) => ({ range: { lba: command.cdbView.getUint32(2), count: readUint24(command.cdbView, 6) }, at: 2 });

const rangeOfMsf: RangeOf = ({ cdb }) => {
  const at = (byte: number) => lbaOfMsf({ minute: cdb[byte] as number, second: cdb[byte + 1] as number, frame: cdb[byte + 2] as number });
  const start = at(3);
  const end = at(6);
  if (start === null || end === null || end < start) return { range: null, at: start === null ? 3 : 6 };
  return { range: { lba: start, count: end - start }, at: 3 };
};

function selectionOf({ cdb }: CommandSlot): SectorSelection | null {
  return selectSector(cdb[FLAGS_AT] as number, (cdb[SUB_CHANNEL_AT] as number) & SUB_CHANNEL_MASK);
}

function plan(command: CommandSlot, unit: LogicalUnit, rangeOf: RangeOf): void {
  const disc = discOf(unit);
  if (disc.profile.family !== 'cd') {
    checkCondition(command, SenseKey.illegalRequest, Asc.incompatibleMedium);
    return;
  }
  const { range, at } = rangeOf(command);
  if (range === null) {
    invalidFieldInCdb(command, at);
    return;
  }
  const type = ((command.cdb[1] as number) & SECTOR_TYPE_MASK) >> SECTOR_TYPE_SHIFT;
  if (type > SECTOR_TYPE_MAX) {
    invalidFieldInCdb(command, 1, 4);
    return;
  }
  const selection = selectionOf(command);
  if (selection === null) {
    invalidFieldInCdb(command, FLAGS_AT);
    return;
  }
  const { lba, count } = range;
  if (lba < 0 || count > disc.lbaEnd - lba) {
    checkCondition(command, SenseKey.illegalRequest, Asc.lbaOutOfRange);
    return;
  }
  // All tracks are of Mode 1: audio or Mode 2 was expected where there is none.
  if (count > 0 && type !== SectorType.any && type !== SectorType.mode1) {
    checkCondition(command, SenseKey.illegalRequest, Asc.illegalModeForThisTrack);
    return;
  }
  if (count * selection.sectorBytes > unit.host.limits.transferLengthBytesMax) {
    invalidFieldInCdb(command, 6);
    return;
  }
  command.lba = lba;
  command.lbaCount = count;
  command.plannedDataInLength = count * selection.sectorBytes;
}

function placeOf(disc: Disc, lba: number): SectorPlace {
  const track = disc.recording?.trackOf(lba);
  return { lba, trackNumber: track?.number ?? 1, trackStartLba: track?.start ?? 0 };
}

/** Makes the sectors one by one; those that are behind what the initiator takes are not made. */
async function readSectors(command: CommandSlot, disc: Disc, signal: AbortSignal): Promise<void> {
  const selection = selectionOf(command);
  if (selection === null || selection.sectorBytes === 0) return;
  const { sectorBytes } = selection;
  const { lba } = command;
  const wanted = Math.min(command.lbaCount, Math.ceil(command.dataInCapacity / sectorBytes));
  const readable = disc.readableCount(lba, wanted);
  const userData = new Uint8Array(BLOCK_LENGTH_BYTES);
  const sector = new Uint8Array(sectorBytes);
  for (let index = 0; index < readable; index++) {
    if (index % SECTORS_AT_A_TIME === SECTORS_AT_A_TIME - 1) await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return;
    if (!disc.read(userData, lba + index, 1)) return endUnreadable(command, lba + index, index * sectorBytes, true);
    writeSelected(sector, 0, selection, userData, placeOf(disc, lba + index));
    const roomBytes = Math.min(sectorBytes, command.dataInCapacity - index * sectorBytes);
    command.dataIn.set(sector.subarray(0, roomBytes), command.dataInStart + index * sectorBytes);
  }
  // As READ (10) tells it: the image ends before it, or nobody has written it.
  if (readable < wanted) endUnreadable(command, lba + readable, readable * sectorBytes, lba + readable >= disc.storedBlocks);
  else command.dataInLength = command.plannedDataInLength;
}

function endUnreadable(command: CommandSlot, lba: number, dataInLength: number, isLost: boolean): void {
  command.dataInLength = dataInLength;
  if (isLost) checkCondition(command, SenseKey.mediumError, Asc.unrecoveredReadError, { information: lba });
  else checkCondition(command, SenseKey.blankCheck, Asc.none, { information: lba });
}

function execute(command: CommandSlot, unit: LogicalUnit, deferral: Deferral): void {
  if (command.plannedDataInLength === 0) return;
  runDeferred(command, deferral, (signal) => readSectors(command, discOf(unit), signal));
}

const common = { runsOn: 'main', reservation: 'read', cdbLength: 12, reservesDataIn: true } as const;
const tail = [0xfe, SUB_CHANNEL_MASK, CONTROL_UNUSED] as const;

/*
 *     0| 0xbe | . Expected Sector Type (3) . DAP . | LBA (4) | Transfer Length (3) | Flags | . Sub-channel (3) | Control |
 *     0| 0xb9 | . Expected Sector Type (3) . DAP . | . | Start M S F (3) | End M S F (3) | Flags | . Sub-channel (3) | Control |
 */
export const readCdRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0xbe,
    name: 'READ CD',
    clause: 'MMC-6 "READ CD command"',
    cdbUsage: [0xbe, SECTOR_TYPE_MASK | 0x02, ...new Array<number>(7).fill(ALL_BITS), ...tail],
    plan: (command, unit) => plan(command, unit, rangeOfLba),
    execute: (command, unit, _nexus, deferral) => execute(command, unit, deferral),
  },
  {
    ...common,
    opcode: 0xb9,
    name: 'READ CD MSF',
    clause: 'MMC-6 "READ CD MSF command"',
    cdbUsage: [0xb9, SECTOR_TYPE_MASK | 0x02, 0x00, ...new Array<number>(6).fill(ALL_BITS), ...tail],
    plan: (command, unit) => plan(command, unit, rangeOfMsf),
    execute: (command, unit, _nexus, deferral) => execute(command, unit, deferral),
  },
];
