import { asciiField } from './run-command.js';

/** Standard INQUIRY data, SPC-4 "Standard INQUIRY data". */
export interface StandardInquiry {
  readonly peripheralQualifier: number;
  readonly peripheralDeviceType: number;
  readonly removable: boolean;
  readonly version: number;
  readonly responseDataFormat: number;
  readonly hierarchicalLuns: boolean;
  readonly normalAca: boolean;
  /** CMDQUE: it takes more than one command at a time. */
  readonly commandQueuing: boolean;
  readonly protection: boolean;
  readonly thirdPartyCopy: boolean;
  /** TPGS: 0 no asymmetric access, 1 implicit, 2 explicit, 3 both. */
  readonly targetPortGroupSupport: number;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  /** Standards that it claims, as `versionDescriptorName` knows some of them. */
  readonly versionDescriptors: readonly number[];
  readonly bytes: Buffer;
}

/** Every target returns that much. */
export const STANDARD_INQUIRY_LENGTH_MIN = 36;
const VERSION_DESCRIPTORS_AT = 58;
const VERSION_DESCRIPTORS_END = 74;

/** `bytes` has at least `STANDARD_INQUIRY_LENGTH_MIN`. */
export function parseStandardInquiry(bytes: Buffer): StandardInquiry {
  const [flags3, flags5, flags7] = [bytes.readUInt8(3), bytes.readUInt8(5), bytes.readUInt8(7)];
  const versionDescriptors: number[] = [];
  for (let at = VERSION_DESCRIPTORS_AT; at + 2 <= Math.min(bytes.length, VERSION_DESCRIPTORS_END); at += 2) {
    const descriptor = bytes.readUInt16BE(at);
    if (descriptor !== 0) versionDescriptors.push(descriptor);
  }
  return {
    peripheralQualifier: bytes.readUInt8(0) >> 5,
    peripheralDeviceType: bytes.readUInt8(0) & 0x1f,
    removable: (bytes.readUInt8(1) & 0x80) !== 0,
    version: bytes.readUInt8(2),
    responseDataFormat: flags3 & 0x0f,
    hierarchicalLuns: (flags3 & 0x10) !== 0,
    normalAca: (flags3 & 0x20) !== 0,
    commandQueuing: (flags7 & 0x02) !== 0,
    protection: (flags5 & 0x01) !== 0,
    thirdPartyCopy: (flags5 & 0x08) !== 0,
    targetPortGroupSupport: (flags5 >> 4) & 0x03,
    vendor: asciiField(bytes, 8, 16),
    product: asciiField(bytes, 16, 32),
    revision: asciiField(bytes, 32, 36),
    versionDescriptors,
    bytes,
  };
}

/** SPC-4 "PERIPHERAL DEVICE TYPE field". */
const deviceTypeNames: Readonly<Record<number, string>> = {
  0: 'disk',
  1: 'tape',
  2: 'printer',
  3: 'processor',
  4: 'write-once',
  5: 'CD/DVD',
  7: 'optical memory',
  8: 'medium changer',
  12: 'storage array controller',
  13: 'enclosure services',
  14: 'simplified disk',
  16: 'bridge controller',
  17: 'object-based storage',
  20: 'host-managed zoned disk',
  30: 'well-known logical unit',
  31: 'no device',
};

export function deviceTypeName(peripheralDeviceType: number): string {
  return deviceTypeNames[peripheralDeviceType] ?? `device type 0x${peripheralDeviceType.toString(16).padStart(2, '0')}`;
}

/** VERSION, SPC-4 "Standard INQUIRY data". */
const versionNames: Readonly<Record<number, string>> = { 0: 'no standard', 2: 'SCSI-2', 3: 'SPC', 4: 'SPC-2', 5: 'SPC-3', 6: 'SPC-4', 7: 'SPC-5' };

export function versionName(version: number): string {
  return versionNames[version] ?? `version 0x${version.toString(16).padStart(2, '0')}`;
}

/** The lower five bits tell revisions of one standard apart. SPC-4 "Version descriptor values". */
const standardNames: readonly (readonly [first: number, name: string])[] = [
  [0x0020, 'SAM'],
  [0x0040, 'SAM-2'],
  [0x0060, 'SAM-3'],
  [0x0080, 'SAM-4'],
  [0x00a0, 'SAM-5'],
  [0x0120, 'SPC'],
  [0x0180, 'SBC'],
  [0x01e0, 'SCC-2'],
  [0x0260, 'SPC-2'],
  [0x0300, 'SPC-3'],
  [0x0320, 'SBC-2'],
  [0x0340, 'OSD'],
  [0x0440, 'OSD-2'],
  [0x0460, 'SPC-4'],
  [0x0480, 'SMC-3'],
  [0x04c0, 'SBC-3'],
  [0x04e0, 'MMC-6'],
  [0x0520, 'SSC-4'],
  [0x0600, 'SBC-4'],
  [0x0960, 'iSCSI'],
  [0x05c0, 'SPC-5'],
];
const REVISION_MASK = 0x1f;

/** `SBC-3`, or the number for standards that are not in the table. */
export function versionDescriptorName(descriptor: number): string {
  const base = descriptor & ~REVISION_MASK;
  return standardNames.find(([first]) => first === base)?.[1] ?? `0x${descriptor.toString(16).padStart(4, '0')}`;
}
