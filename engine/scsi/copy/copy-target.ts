import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { Asc, SenseKey } from '../sense.js';
import { deviceIdentificationPage } from '../spc/identification-pages.js';
import type { CopyFailure } from './copy-failure.js';

/*
 * Identification Descriptor CSCD descriptor, SPC-4 "Identification Descriptor CSCD descriptor".
 *
 *     0| 0xe4 | LU ID Type . NUL . Peripheral Device Type | Relative Initiator Port Identifier (2) |
 *     4| . Code Set | . Association . Designator Type | Reserved | Designator Length               |
 *     8/ Designator (20)                                                                           /
 *    28| . PAD . | Disk Block Length (3)                                                           |
 */
export const CSCD_LENGTH = 32;
export const IDENTIFICATION_DESCRIPTOR_CSCD = 0xe4;
const AT = { unit: 1, codeSet: 4, designatorType: 5, designatorLength: 7, designator: 8, flags: 28, blockLength: 29 } as const;
const LU_ID_TYPE_SHIFT = 6;
const NUL_BIT = 0x20;
const PERIPHERAL_DEVICE_TYPE_BITS = 0x1f;
const PAD_BIT = 0x04;
const CODE_SET_BITS = 0x0f;
const TYPE_AND_ASSOCIATION_BITS = 0x3f;
const ASSOCIATION_BITS = 0x30;
const DESIGNATOR_LENGTH_MAX = 20;
/** Of a designation descriptor, SPC-4 "Designation descriptor". */
const DESIGNATION_HEADER_LENGTH = 4;
/** CSCD descriptor ID of the logical unit that got the command, SPC-4 "CSCD descriptor IDs". */
export const THIS_LOGICAL_UNIT = 0xffff;

/** A copy source or destination as a parameter list names it. */
export interface CopyTarget {
  /** A null device: nothing answers there. */
  readonly isNull: boolean;
  readonly peripheralDeviceType: number;
  readonly codeSet: number;
  /** ASSOCIATION and DESIGNATOR TYPE. */
  readonly kind: number;
  readonly designator: Uint8Array;
  readonly pad: boolean;
  /** 0 when it is not told. */
  readonly blockLengthBytes: number;
}

/** One of type E4h, or the offset of its field that is wrong. */
export function readCopyTarget(bytes: Uint8Array): CopyTarget | number {
  const byte = (at: number) => bytes[at] as number;
  if (byte(AT.unit) >> LU_ID_TYPE_SHIFT !== 0) return AT.unit;
  const isNull = (byte(AT.unit) & NUL_BIT) !== 0;
  if (!isNull && (byte(AT.designatorType) & ASSOCIATION_BITS) !== 0) return AT.designatorType;
  if (byte(AT.designatorLength) > DESIGNATOR_LENGTH_MAX) return AT.designatorLength;
  return {
    isNull,
    peripheralDeviceType: byte(AT.unit) & PERIPHERAL_DEVICE_TYPE_BITS,
    codeSet: byte(AT.codeSet) & CODE_SET_BITS,
    kind: byte(AT.designatorType) & TYPE_AND_ASSOCIATION_BITS,
    // A copy: the list goes when the command has ended, which may be before the copy has.
    designator: new Uint8Array(bytes.subarray(AT.designator, AT.designator + byte(AT.designatorLength))),
    pad: (byte(AT.flags) & PAD_BIT) !== 0,
    blockLengthBytes: (byte(AT.blockLength) << 16) | (byte(AT.blockLength + 1) << 8) | byte(AT.blockLength + 2),
  };
}

/** The logical unit that is meant, among those that the nexus sees: a copy reaches nothing that its initiator does not. */
export function findTarget(unit: LogicalUnit, nexus: ITNexus, target: CopyTarget): LogicalUnit | CopyFailure {
  const unreachable: CopyFailure = { key: SenseKey.copyAborted, asc: Asc.copyTargetDeviceNotReachable };
  if (target.isNull) return unreachable;
  for (const candidate of unit.host.copyTargets(nexus)) {
    if (!isNamed(candidate, nexus, target)) continue;
    return isAsDescribed(candidate, target) ? candidate : { key: SenseKey.copyAborted, asc: Asc.incorrectCopyTargetDeviceType };
  }
  return unreachable;
}

function isAsDescribed(unit: LogicalUnit, target: CopyTarget): boolean {
  if (unit.deviceType.peripheralDeviceType !== target.peripheralDeviceType) return false;
  return target.blockLengthBytes === 0 || unit.medium === null || unit.medium.blockLengthBytes === target.blockLengthBytes;
}

/** One of the names in the Device Identification VPD page is the one that was given. */
function isNamed(unit: LogicalUnit, nexus: ITNexus, target: CopyTarget): boolean {
  const page = deviceIdentificationPage.build(unit, nexus);
  for (let at = 0; at < page.length; ) {
    const length = page[at + DESIGNATION_HEADER_LENGTH - 1] as number;
    const designator = page.subarray(at + DESIGNATION_HEADER_LENGTH, at + DESIGNATION_HEADER_LENGTH + length);
    const hasKind = ((page[at] as number) & CODE_SET_BITS) === target.codeSet && ((page[at + 1] as number) & TYPE_AND_ASSOCIATION_BITS) === target.kind;
    if (hasKind && Buffer.compare(designator, target.designator) === 0) return true;
    at += DESIGNATION_HEADER_LENGTH + length;
  }
  return false;
}
