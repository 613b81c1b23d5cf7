import { asciiField } from './run-command.js';
import { untilNull } from './transport-id.js';

/** How a logical unit, a target port or a target device is named. SPC-4 "Designation descriptor". */
export interface Designator {
  readonly association: 'logical unit' | 'target port' | 'target device' | 'reserved';
  /** DESIGNATOR TYPE as SPC-4 names it. */
  readonly type: string;
  readonly typeCode: number;
  readonly codeSet: number;
  /** 5 is iSCSI; null when it does not count. */
  readonly protocol: number | null;
  /** As one writes it: `naa.6000…`, `eui.…`, a name, a number. */
  readonly text: string;
  readonly bytes: Buffer;
}

const associations = ['logical unit', 'target port', 'target device', 'reserved'] as const;
const types = [
  'vendor specific',
  'T10 vendor ID',
  'EUI-64',
  'NAA',
  'relative target port',
  'target port group',
  'logical unit group',
  'MD5',
  'SCSI name string',
  'protocol specific port',
  'UUID',
];
const DesignatorType = { t10VendorId: 1, eui64: 2, naa: 3, relativeTargetPort: 4, targetPortGroup: 5, logicalUnitGroup: 6, scsiNameString: 8 } as const;
const NUMBER_TYPES: readonly number[] = [DesignatorType.relativeTargetPort, DesignatorType.targetPortGroup, DesignatorType.logicalUnitGroup];
const CodeSet = { binary: 1, ascii: 2, utf8: 3 } as const;
const HEADER_LENGTH = 4;
const PIV_BIT = 0x80;

/** Designators one behind the other; one that reaches beyond the end, and what follows it, is left out. */
export function parseDesignators(bytes: Buffer): Designator[] {
  const designators: Designator[] = [];
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    const end = at + HEADER_LENGTH + bytes.readUInt8(at + 3);
    if (end > bytes.length) break;
    designators.push(parseDesignator(bytes.subarray(at, end)));
    at = end;
  }
  return designators;
}

function parseDesignator(bytes: Buffer): Designator {
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const associationCode = (second >> 4) & 0x03;
  const typeCode = second & 0x0f;
  const codeSet = first & 0x0f;
  const value = bytes.subarray(HEADER_LENGTH);
  return {
    association: associations[associationCode] ?? 'reserved',
    type: types[typeCode] ?? `type 0x${typeCode.toString(16)}`,
    typeCode,
    codeSet,
    protocol: (second & PIV_BIT) === 0 ? null : first >> 4,
    text: textOf(typeCode, codeSet, value),
    bytes: value,
  };
}

function textOf(typeCode: number, codeSet: number, value: Buffer): string {
  if (typeCode === DesignatorType.naa) return `naa.${value.toString('hex')}`;
  if (typeCode === DesignatorType.eui64) return `eui.${value.toString('hex')}`;
  if (NUMBER_TYPES.includes(typeCode) && value.length >= 4) return String(value.readUInt16BE(2));
  if (typeCode === DesignatorType.scsiNameString || codeSet === CodeSet.utf8) return untilNull(value);
  if (codeSet === CodeSet.ascii) return asciiField(value);
  return value.toString('hex');
}
