import type { Limits } from '../../limits.js';
import { Asc, SenseKey } from '../sense.js';
import type { CopyFailure } from './copy-failure.js';
import { type CopySegment, readSegment, type SegmentReading } from './copy-segment.js';
import { type CopyTarget, CSCD_LENGTH, IDENTIFICATION_DESCRIPTOR_CSCD, readCopyTarget } from './copy-target.js';

/** What a parameter list of EXTENDED COPY asks for. */
export interface CopyList {
  readonly listIdentifier: number;
  readonly isNamed: boolean;
  readonly isImmediate: boolean;
  readonly targets: readonly CopyTarget[];
  readonly segments: readonly CopySegment[];
}

interface Header extends Omit<CopyList, 'targets' | 'segments'> {
  readonly length: number;
  readonly targetBytes: number;
  readonly segmentBytes: number;
  readonly inlineBytes: number;
}

/** LIST ID USAGE, bits 4 and 3 of byte 1. */
const LIST_ID_USAGE_SHIFT = 3;
const LIST_ID_USAGE_BITS = 0x03;
const ListIdUsage = { reserved: 0b01, none: 0b11 } as const;

/*
 * EXTENDED COPY(LID1) parameter list, SPC-4 "EXTENDED COPY(LID1) command".
 *
 *     0| List Identifier | . STR . List ID Usage . Priority | CSCD Descriptor List Length (2) |
 *     4| Reserved (4)                                                                         |
 *     8| Segment Descriptor List Length (4)                                                   |
 *    12| Inline Data Length (4)                                                               |
 */
const LID1 = { headerLength: 16, targetBytes: 2, segmentBytes: 8, inlineBytes: 12 } as const;

/*
 * EXTENDED COPY(LID4) parameter list, SPC-4 "EXTENDED COPY(LID4) command".
 *
 *     0| Parameter List Format 0x01 | . STR . List ID Usage . Priority | Header CSCD Descriptor List Length 0x0020 |
 *    15| . G_SENSE . IMMED | Header CSCD Descriptor Type Code 0xff | Reserved (3)                                  |
 *    20| List Identifier (4) | Reserved (18)                                                                       |
 *    42| CSCD Descriptor List Length (2) | Segment Descriptor List Length (2) | Inline Data Length (2)             |
 */
const LID4 = {
  headerLength: 48,
  headerListLength: 2,
  flags: 15,
  typeCode: 16,
  listIdentifier: 20,
  targetBytes: 42,
  segmentBytes: 44,
  inlineBytes: 46,
} as const;
const LID4_FORMAT = 0x01;
const LID4_HEADER_LIST_LENGTH = 0x20;
const LID4_TYPE_CODE = 0xff;
const G_SENSE_BIT = 0x02;
const IMMED_BIT = 0x01;

export function isCopyList(reading: CopyList | CopyFailure): reading is CopyList {
  return 'segments' in reading;
}

export function readLid1List(bytes: Uint8Array, limits: Limits): CopyList | CopyFailure {
  if (bytes.length < LID1.headerLength) return lengthError;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const usage = listIdUsageOf(bytes);
  const listIdentifier = view.getUint8(0);
  if (usage === ListIdUsage.reserved) return wrongField(1);
  if (usage === ListIdUsage.none && listIdentifier !== 0) return wrongField(0);
  const header: Header = {
    listIdentifier,
    isNamed: usage !== ListIdUsage.none,
    isImmediate: false,
    length: LID1.headerLength,
    targetBytes: view.getUint16(LID1.targetBytes),
    segmentBytes: view.getUint32(LID1.segmentBytes),
    inlineBytes: view.getUint32(LID1.inlineBytes),
  };
  return readDescriptors(bytes, header, limits);
}

export function readLid4List(bytes: Uint8Array, limits: Limits): CopyList | CopyFailure {
  if (bytes.length < LID4.headerLength) return lengthError;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const usage = listIdUsageOf(bytes);
  const listIdentifier = view.getUint32(LID4.listIdentifier);
  const flags = view.getUint8(LID4.flags);
  if (view.getUint8(0) !== LID4_FORMAT) return wrongField(0);
  if (usage === ListIdUsage.reserved) return wrongField(1);
  if (view.getUint16(LID4.headerListLength) !== LID4_HEADER_LIST_LENGTH) return wrongField(LID4.headerListLength);
  // G_SENSE asks for sense data with GOOD status, about stream devices.
  if ((flags & G_SENSE_BIT) !== 0) return wrongField(LID4.flags);
  if (view.getUint8(LID4.typeCode) !== LID4_TYPE_CODE) return wrongField(LID4.typeCode);
  if (usage === ListIdUsage.none && listIdentifier !== 0) return wrongField(LID4.listIdentifier);
  const header: Header = {
    listIdentifier,
    isNamed: usage !== ListIdUsage.none,
    isImmediate: (flags & IMMED_BIT) !== 0,
    length: LID4.headerLength,
    targetBytes: view.getUint16(LID4.targetBytes),
    segmentBytes: view.getUint16(LID4.segmentBytes),
    inlineBytes: view.getUint16(LID4.inlineBytes),
  };
  return readDescriptors(bytes, header, limits);
}

function listIdUsageOf(bytes: Uint8Array): number {
  return ((bytes[1] as number) >> LIST_ID_USAGE_SHIFT) & LIST_ID_USAGE_BITS;
}

const lengthError: CopyFailure = { key: SenseKey.illegalRequest, asc: Asc.parameterListLengthError };

function wrongField(field: number, asc: number = Asc.invalidFieldInParameterList): CopyFailure {
  return { key: SenseKey.illegalRequest, asc, field };
}

/** SPC-4 "Errors detected before processing of segment descriptors starts": nothing has been copied when one is found. */
function readDescriptors(bytes: Uint8Array, header: Header, limits: Limits): CopyList | CopyFailure {
  const { length, targetBytes, segmentBytes, inlineBytes, listIdentifier, isNamed, isImmediate } = header;
  if (inlineBytes > 0) return { key: SenseKey.illegalRequest, asc: Asc.inlineDataLengthExceeded };
  if (targetBytes + segmentBytes > limits.copyDescriptorBytesMax) return lengthError;
  if (length + targetBytes + segmentBytes > bytes.length || targetBytes % CSCD_LENGTH !== 0) return lengthError;
  if (targetBytes / CSCD_LENGTH > limits.copyTargetDescriptorCountMax) return { key: SenseKey.illegalRequest, asc: Asc.tooManyTargetDescriptors };
  const targets = readTargets(bytes, length, length + targetBytes);
  if (!Array.isArray(targets)) return targets;
  const segments = readSegments(bytes, length + targetBytes, length + targetBytes + segmentBytes, limits.copySegmentCountMax);
  return Array.isArray(segments) ? { listIdentifier, isNamed, isImmediate, targets, segments } : segments;
}

function readTargets(bytes: Uint8Array, from: number, to: number): CopyTarget[] | CopyFailure {
  const targets: CopyTarget[] = [];
  for (let at = from; at < to; at += CSCD_LENGTH) {
    if (bytes[at] !== IDENTIFICATION_DESCRIPTOR_CSCD) return wrongField(at, Asc.unsupportedTargetDescriptorType);
    const target = readCopyTarget(bytes.subarray(at, at + CSCD_LENGTH));
    if (typeof target === 'number') return wrongField(at + target);
    targets.push(target);
  }
  return targets;
}

function segmentFailure(reading: Exclude<SegmentReading, { kind: 'segment' }>, at: number): CopyFailure {
  if (reading.kind === 'cut off') return lengthError;
  return reading.kind === 'unsupported' ? wrongField(at, Asc.unsupportedSegmentDescriptorType) : wrongField(at + reading.at);
}

function readSegments(bytes: Uint8Array, from: number, to: number, countMax: number): CopySegment[] | CopyFailure {
  const segments: CopySegment[] = [];
  for (let at = from; at < to; ) {
    if (segments.length === countMax) return { key: SenseKey.illegalRequest, asc: Asc.tooManySegmentDescriptors };
    const reading = readSegment(bytes.subarray(at, to));
    if (reading.kind !== 'segment') return segmentFailure(reading, at);
    segments.push(reading.segment);
    at += reading.lengthBytes;
  }
  return segments;
}
