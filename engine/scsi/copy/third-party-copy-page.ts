import { writeUint64 } from '../cdb.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { VpdPage } from '../spc/inquiry.js';
import { THIS_LOGICAL_UNIT } from './copy-target.js';
import { implementedDescriptors, segmentGranularityOf } from './receive-copy.js';
import { RodType } from './rod-token.js';
import { thirdPartyCopyRows } from './third-party-copy.js';

/** Third-party copy descriptors, SPC-4 "Third-party Copy VPD page" and SBC-3 "Block Device ROD Limits third-party copy descriptor". */
const DescriptorType = {
  blockDeviceRodLimits: 0x0000,
  supportedCommands: 0x0001,
  parameterData: 0x0004,
  supportedDescriptors: 0x0008,
  supportedCscdIds: 0x000c,
  rodTokenFeatures: 0x0106,
  supportedRodTypes: 0x0108,
  generalCopyOperations: 0x8001,
  heldData: 0xc001,
} as const;
const HEADER_LENGTH = 4;
const PADDING = 4;

/** A descriptor whose body has this length, padded to a multiple of four. */
function descriptor(type: number, bodyLength: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + Math.ceil(bodyLength / PADDING) * PADDING);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, bytes.length - HEADER_LENGTH);
  fill(new DataView(bytes.buffer, HEADER_LENGTH), bytes.subarray(HEADER_LENGTH));
  return bytes;
}

/** Ranges and times; no bound for what one token stands for, and no best number of blocks. */
function blockDeviceRodLimits({ host }: LogicalUnit): Uint8Array {
  const { limits } = host.copies;
  return descriptor(DescriptorType.blockDeviceRodLimits, 32, (view) => {
    view.setUint16(6, limits.copyRangeCountMax);
    view.setUint32(8, limits.rodTokenIdleSecondsMax);
    view.setUint32(12, limits.rodTokenIdleSeconds);
  });
}

/** For each opcode its service actions. */
function supportedCommands(): Uint8Array {
  const list: number[] = [];
  for (const opcode of new Set(thirdPartyCopyRows.map((row) => row.opcode))) {
    const actions = thirdPartyCopyRows.filter((row) => row.opcode === opcode).map((row) => row.serviceAction as number);
    list.push(opcode, actions.length, ...actions);
  }
  return descriptor(DescriptorType.supportedCommands, 1 + list.length, (_view, bytes) => bytes.set([list.length, ...list]));
}

function parameterData({ host }: LogicalUnit): Uint8Array {
  const { limits } = host.copies;
  return descriptor(DescriptorType.parameterData, 28, (view) => {
    view.setUint16(4, limits.copyTargetDescriptorCountMax);
    view.setUint16(6, limits.copySegmentCountMax);
    view.setUint32(8, limits.copyDescriptorBytesMax);
  });
}

function supportedDescriptors(): Uint8Array {
  const list = implementedDescriptors;
  return descriptor(DescriptorType.supportedDescriptors, 1 + list.length, (_view, bytes) => bytes.set([list.length, ...list]));
}

function supportedCscdIds(): Uint8Array {
  return descriptor(DescriptorType.supportedCscdIds, 4, (view) => {
    view.setUint16(0, 2);
    view.setUint16(2, THIS_LOGICAL_UNIT);
  });
}

const BLOCK_FEATURES_AT = 44;
const BLOCK_FEATURES_LENGTH = 44;

/** Tokens of other copy managers are not taken; how long a token lives is bounded by its idle time alone. */
function rodTokenFeatures({ host }: LogicalUnit): Uint8Array {
  const { limits } = host.copies;
  return descriptor(DescriptorType.rodTokenFeatures, BLOCK_FEATURES_AT + BLOCK_FEATURES_LENGTH + 4, (view) => {
    view.setUint32(12, 1);
    view.setUint32(16, 0xffffffff);
    view.setUint32(20, limits.rodTokenIdleSecondsMax);
    view.setUint16(42, BLOCK_FEATURES_LENGTH + 4);
    view.setUint16(BLOCK_FEATURES_AT + 2, BLOCK_FEATURES_LENGTH);
    writeUint64(view, BLOCK_FEATURES_AT + 32, limits.copyPieceBytesMax * limits.copyPieceCountMax);
  });
}

/** ROD type descriptor: type, ECPY_INT . TOKEN_IN . TOKEN_OUT, reserved, PREFERENCE INDICATOR, reserved. */
const ROD_TYPE_LENGTH = 64;
const TOKEN_IN = 0x02;
const TOKEN_OUT = 0x01;
const rodTypes: readonly { readonly type: number; readonly flags: number }[] = [
  { type: RodType.accessUponReference, flags: TOKEN_IN | TOKEN_OUT },
  { type: RodType.pointInTimeDefault, flags: TOKEN_OUT },
  { type: RodType.pointInTimeChangeVulnerable, flags: TOKEN_IN | TOKEN_OUT },
  { type: RodType.zero, flags: TOKEN_IN },
];

function supportedRodTypes(): Uint8Array {
  return descriptor(DescriptorType.supportedRodTypes, 4 + rodTypes.length * ROD_TYPE_LENGTH, (view) => {
    view.setUint16(2, rodTypes.length * ROD_TYPE_LENGTH);
    for (const [index, { type, flags }] of rodTypes.entries()) {
      view.setUint32(4 + index * ROD_TYPE_LENGTH, type);
      view.setUint8(8 + index * ROD_TYPE_LENGTH, flags);
    }
  });
}

const IDENTIFIED_COPIES_MAX = 255;

function generalCopyOperations(unit: LogicalUnit): Uint8Array {
  const { limits } = unit.host.copies;
  return descriptor(DescriptorType.generalCopyOperations, 32, (view) => {
    view.setUint32(0, limits.copyCountMax);
    view.setUint32(4, Math.min(limits.copyCountMax, IDENTIFIED_COPIES_MAX));
    view.setUint8(12, segmentGranularityOf(unit));
  });
}

/** Nothing is held. */
function heldData(): Uint8Array {
  return descriptor(DescriptorType.heldData, 28, () => {});
}

/** SPC-4 "Third-party Copy VPD page". */
export const thirdPartyCopyPage: VpdPage = {
  code: 0x8f,
  build: (unit) =>
    Buffer.concat([
      blockDeviceRodLimits(unit),
      supportedCommands(),
      parameterData(unit),
      supportedDescriptors(),
      supportedCscdIds(),
      rodTokenFeatures(unit),
      supportedRodTypes(),
      generalCopyOperations(unit),
      heldData(),
    ]),
};
