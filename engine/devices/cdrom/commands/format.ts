import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { parameterListOf, planParameterList } from '../../../scsi/parameter-list.js';
import { invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError } from '../../../scsi/sense.js';
import type { CommandSlot } from '../../../shm/command-slot.js';
import { runDeferred } from '../../deferred.js';
import type { Disc } from '../disc/disc.js';
import { BLOCK_LENGTH_BYTES, type DiscProfile } from '../disc/profile.js';
import type { Recording } from '../disc/recording.js';
import { discOf, driveOf } from '../drive/optical-drive.js';
import { uint32 } from '../features/feature.js';
import { recordingOf } from './close.js';
import { endUnlessAllowed } from './recording-sense.js';
import { syncDisc } from './write.js';

/** FORMAT TYPE, MMC-6 "FORMAT UNIT command". */
const FormatType = { full: 0x00, plusRw: 0x26, bdReWithSpares: 0x30, bdReWithoutSpares: 0x31, bdRWithSpares: 0x32 } as const;

interface FormatChoice {
  readonly type: number;
  readonly blockCount: number;
  /** TYPE DEPENDENT PARAMETER, three bytes. */
  readonly parameter: number;
}

/** A BD with its default spare areas: as much less as 25 GB with them has less than without. */
const SPARE_SHARE = 393_216 / 12_219_392;

function withSpares(blockCount: number, eccBlocks: number): number {
  return Math.floor((blockCount * (1 - SPARE_SHARE)) / eccBlocks) * eccBlocks;
}

/** How a disc can be formatted; the first is what drives do where nothing is said. MMC-6 "READ FORMAT CAPACITIES command". */
function formatChoices({ name, eccBlocks }: DiscProfile, blockCount: number): readonly FormatChoice[] {
  const spared = withSpares(blockCount, eccBlocks);
  if (name === 'dvd+rw')
    return [FormatType.plusRw, FormatType.full].map((type) => ({ type, blockCount, parameter: type === FormatType.full ? BLOCK_LENGTH_BYTES : 0 }));
  if (name === 'bd-re') {
    return [
      { type: FormatType.full, blockCount: spared, parameter: BLOCK_LENGTH_BYTES },
      { type: FormatType.bdReWithSpares, blockCount: spared, parameter: 0 },
      { type: FormatType.bdReWithoutSpares, blockCount, parameter: BLOCK_LENGTH_BYTES },
    ];
  }
  if (name === 'bd-r') return [FormatType.full, FormatType.bdRWithSpares].map((type) => ({ type, blockCount, parameter: 0 }));
  return [];
}

/** DESCRIPTOR TYPE of the current/maximum capacity descriptor. */
const CapacityType = { unformatted: 1, formatted: 2, noMedia: 3 } as const;

function capacityOf(disc: Disc | null): readonly number[] {
  const length = [BLOCK_LENGTH_BYTES >> 16, (BLOCK_LENGTH_BYTES >> 8) & 0xff, BLOCK_LENGTH_BYTES & 0xff];
  if (disc === null) return [...uint32(0xffffffff), CapacityType.noMedia, ...length];
  const isUnformatted = disc.recording?.isBlank === true;
  return [...uint32(isUnformatted ? disc.blockCount : disc.recordedBlocks), isUnformatted ? CapacityType.unformatted : CapacityType.formatted, ...length];
}

function formatCapacities(disc: Disc | null): Uint8Array {
  const choices = disc?.isWritable === true ? formatChoices(disc.profile, disc.blockCount) : [];
  const listed = choices.flatMap(({ type, blockCount, parameter }) => [...uint32(blockCount), type << 2, ...uint32(parameter).slice(1)]);
  const list = [...capacityOf(disc), ...listed];
  return Uint8Array.of(0, 0, 0, list.length, ...list);
}

/*
 * READ FORMAT CAPACITIES, MMC-6.
 *
 *     0| 0x23 | Reserved (6) | Allocation Length (2) | Control |
 */
export const readFormatCapacitiesRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x23,
  name: 'READ FORMAT CAPACITIES',
  clause: 'MMC-6 "READ FORMAT CAPACITIES command"',
  cdbLength: 10,
  cdbUsage: [0x23, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute: (command, unit) => returnData(command, formatCapacities(driveOf(unit).disc), command.cdbView.getUint16(7)),
};

/*
 * FORMAT UNIT, MMC-6, and its parameter list: a header and one format descriptor.
 *
 *     0| 0x04 | . FmtData CmpList Format Code (3) | Reserved (3) | Control |
 *
 *     0| Reserved | FOV DPRY DCRT STPF IP TryOut IMMED VS | Format Descriptor Length (2) |
 *     4| Number of Blocks (4) | Format Type (6) Sub-type (2) | Type Dependent Parameter (3) |
 */
const FMT_DATA_BIT = 0x10;
const CMP_LIST_BIT = 0x08;
const FORMAT_CODE_MMC = 0x01;
const LIST_LENGTH = 12;
const DESCRIPTOR_LENGTH = 8;
const TRY_OUT_BIT = 0x04;
const BLOCKS_AT = 4;
const TYPE_AT = 8;
const PARAMETER_LAST_AT = 11;
const RESTART_BIT = 0x01;
const AS_MANY_AS_THERE_ARE = 0xffffffff;

interface FormatRequest {
  readonly choice: FormatChoice;
  readonly blockCount: number;
  readonly isRestart: boolean;
  readonly isTryOut: boolean;
}

/** What the parameter list asks for, or null when the command has ended. */
function requestOf(command: CommandSlot, disc: Disc): FormatRequest | null {
  const list = parameterListOf(command);
  if (list.length < LIST_LENGTH) return ended(() => parameterListLengthError(command));
  const view = new DataView(list.buffer, list.byteOffset);
  if (view.getUint16(2) !== DESCRIPTOR_LENGTH) return ended(() => invalidFieldInParameterList(command, 2));
  const type = (list[TYPE_AT] as number) >> 2;
  const choice = formatChoices(disc.profile, disc.blockCount).find((each) => each.type === type);
  if (choice === undefined) return ended(() => invalidFieldInParameterList(command, TYPE_AT, 7));
  const asked = view.getUint32(BLOCKS_AT);
  const blockCount = asked === AS_MANY_AS_THERE_ARE || asked === 0 ? choice.blockCount : asked;
  if (blockCount > disc.blockCount) return ended(() => invalidFieldInParameterList(command, BLOCKS_AT));
  const isRestart = type === FormatType.plusRw && ((list[PARAMETER_LAST_AT] as number) & RESTART_BIT) !== 0;
  return { choice, blockCount, isRestart, isTryOut: ((list[1] as number) & TRY_OUT_BIT) !== 0 };
}

function ended(end: () => void): null {
  end();
  return null;
}

/** Does the format. False when the command has ended. */
function format(command: CommandSlot, unit: LogicalUnit, recording: Recording, { choice, blockCount, isRestart }: FormatRequest): boolean {
  // A BD-R is only given its spare areas, of which an image needs none.
  if (recording.isSequential) return endUnlessAllowed(command, recording.isBlank ? null : 'sequence');
  const isBackground = recording.profile.name === 'dvd+rw';
  if (isRestart && recording.state.format === null) return endUnlessAllowed(command, 'sequence');
  if (isRestart && recording.state.format?.background === 'complete') return true;
  const rounded = isBackground ? recording.state.blockCount : blockCount;
  const fault = isRestart ? null : recording.format({ blockCount: rounded, type: choice.type, background: 'complete' });
  if (!endUnlessAllowed(command, fault)) return false;
  if (isBackground) driveOf(unit).beginBackgroundFormat();
  return true;
}

export const formatUnitRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: 0x04,
  name: 'FORMAT UNIT',
  clause: 'MMC-6 "FORMAT UNIT command"',
  cdbLength: 6,
  cdbUsage: [0x04, FMT_DATA_BIT | CMP_LIST_BIT | 0x07, 0x00, 0x00, 0x00, CONTROL_UNUSED],
  plan(command, unit) {
    const recording = recordingOf(command, unit);
    if (recording === null) return;
    const flags = command.cdb[1] as number;
    if ((flags & FMT_DATA_BIT) === 0) return invalidFieldInCdb(command, 1, 4);
    if ((flags & 0x07) !== FORMAT_CODE_MMC) return invalidFieldInCdb(command, 1, 2);
    if (formatChoices(recording.profile, recording.state.blockCount).length === 0) {
      endUnlessAllowed(command, 'medium');
      return;
    }
    planParameterList(command, LIST_LENGTH, 0);
  },
  execute(command, unit, _nexus, deferral) {
    const disc = discOf(unit);
    const { recording } = disc;
    const request = requestOf(command, disc);
    if (request === null || recording === null || request.isTryOut) return;
    if (!format(command, unit, recording, request)) return;
    runDeferred(command, deferral, async () => {
      await syncDisc(command, disc);
    });
  },
};
