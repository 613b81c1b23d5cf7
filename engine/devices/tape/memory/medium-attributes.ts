import { writeAscii, writeUint64 } from '../../../scsi/cdb.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { ALERT_FLAG_COUNT, TapeAlerts } from '../alerts/tape-alerts.js';
import type { TapeAttribute, TapeFacts } from '../image/tape-service.js';
import { tapeOf } from '../tape-unit.js';

/** FORMAT of an attribute, SPC-4 "MAM attribute format". */
export const AttributeFormat = { binary: 0b00, ascii: 0b01, text: 0b10 } as const;
export type AttributeFormat = (typeof AttributeFormat)[keyof typeof AttributeFormat];

/** An attribute of the medium auxiliary memory, SPC-4 "MAM attribute format". */
export interface MediumAttribute {
  readonly identifier: number;
  readonly isReadOnly: boolean;
  readonly format: AttributeFormat;
  readonly value: Uint8Array;
}

/** Room for what hosts write, in the image; bytes of values. */
const HOST_MEMORY_BYTES = 8192;

interface AttributeSource {
  readonly unit: LogicalUnit;
  readonly facts: TapeFacts;
  readonly partition: number;
  readonly hostBytes: number;
}

interface DeviceAttribute {
  readonly identifier: number;
  readonly format: AttributeFormat;
  readonly read: (source: AttributeSource) => Uint8Array;
}

const MEBIBYTE = 1024 * 1024;
const MEGABYTE = 1_000_000;
const VENDOR = 'LUNLOOM';
const METRES = 960;
/** Tenths of millimetres. */
const WIDTH = 127;
const MediumKind = { data: 0x00, worm: 0x80 } as const;

function number(lengthBytes: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint64(new DataView(bytes.buffer), 0, Math.max(0, Math.floor(value)));
  return bytes.subarray(8 - lengthBytes);
}

function ascii(lengthBytes: number, text: string): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  writeAscii(bytes, 0, lengthBytes, text);
  return bytes;
}

const binary = (identifier: number, lengthBytes: number, read: (source: AttributeSource) => number): DeviceAttribute => ({
  identifier,
  format: AttributeFormat.binary,
  read: (source) => number(lengthBytes, read(source)),
});
const text = (identifier: number, lengthBytes: number, read: (source: AttributeSource) => string): DeviceAttribute => ({
  identifier,
  format: AttributeFormat.ascii,
  read: (source) => ascii(lengthBytes, read(source)),
});

/** Device and medium type attributes, SPC-4 "Device type attributes" and "Medium type attributes": nobody writes them, they are what is so. */
const deviceAttributes: readonly DeviceAttribute[] = [
  // Remaining and maximum capacity of the partition, MiB.
  binary(0x0000, 8, ({ facts, partition }) => (facts.partitions[partition]?.remainingBytes ?? 0) / MEBIBYTE),
  binary(0x0001, 8, ({ facts, partition }) => (facts.partitions[partition]?.capacityBytes ?? 0) / MEBIBYTE),
  { identifier: 0x0002, format: AttributeFormat.binary, read: ({ unit }) => alertFlags(unit) },
  binary(0x0003, 8, ({ facts }) => facts.loadCount),
  binary(0x0004, 8, ({ hostBytes }) => HOST_MEMORY_BYTES - hostBytes),
  text(0x0005, 8, () => VENDOR),
  binary(0x0006, 1, ({ facts }) => facts.densityCode),
  // Times that it was made ready for data: images are, once.
  binary(0x0007, 2, () => 1),
  // VOLUME CHANGE REFERENCE: LTFS keeps it with its index, to know whether that is still of what is on the tape.
  binary(0x0009, 4, ({ facts }) => facts.changeReference),
  text(0x020a, 40, ({ unit }) => `${unit.identity.vendor.padEnd(8)}${unit.identity.serial}`),
  // Megabytes written and read in its life, and since it was loaded.
  binary(0x0220, 8, ({ facts }) => facts.lifetime.writtenBytes / MEGABYTE),
  binary(0x0221, 8, ({ facts }) => facts.lifetime.readBytes / MEGABYTE),
  binary(0x0222, 8, ({ facts }) => facts.sinceLoad.writtenBytes / MEGABYTE),
  binary(0x0223, 8, ({ facts }) => facts.sinceLoad.readBytes / MEGABYTE),
  text(0x0400, 8, () => VENDOR),
  text(0x0401, 32, ({ facts }) => facts.serial.toUpperCase()),
  binary(0x0402, 4, () => METRES),
  binary(0x0403, 4, () => WIDTH),
  text(0x0404, 8, () => VENDOR),
  binary(0x0405, 1, ({ facts }) => facts.densityCode),
  text(0x0406, 8, ({ facts }) => new Date(facts.createdAtMs).toISOString().slice(0, 10).replaceAll('-', '')),
  binary(0x0407, 8, () => HOST_MEMORY_BYTES),
  binary(0x0408, 1, ({ facts }) => (facts.worm ? MediumKind.worm : MediumKind.data)),
  binary(0x0409, 2, () => 0),
];

const BARCODE = 0x0806;
const BARCODE_LENGTH = 32;

export const deviceAttributeIdentifiers: readonly number[] = deviceAttributes.map(({ identifier }) => identifier);

/** All attributes of a partition, by ascending identifier. Nothing when there is no cartridge. */
export function attributesOf(unit: LogicalUnit, partition: number): MediumAttribute[] {
  const { facts, attributes: host } = tapeOf(unit);
  if (facts === null) return [];
  const hostBytes = host.reduce((sum, { value }) => sum + value.length, 0);
  const source = { unit, facts, partition, hostBytes };
  const own = deviceAttributes.map(({ identifier, format, read }) => ({ identifier, isReadOnly: true, format, value: read(source) }));
  const written: MediumAttribute[] = host.filter((attribute) => attribute.partition === partition).map(ofHost);
  // The label is known without any host having written it down.
  const isBarcodeWritten = written.some(({ identifier }) => identifier === BARCODE);
  if (facts.barcode !== null && !isBarcodeWritten) {
    written.push({ identifier: BARCODE, isReadOnly: false, format: AttributeFormat.ascii, value: ascii(BARCODE_LENGTH, facts.barcode) });
  }
  return [...own, ...written].sort((one, other) => one.identifier - other.identifier);
}

function ofHost({ identifier, format, value }: TapeAttribute): MediumAttribute {
  return { identifier, isReadOnly: false, format: format as AttributeFormat, value };
}

/** Flag 1 is the left-most bit. */
function alertFlags(unit: LogicalUnit): Uint8Array {
  const alerts = unit.part(TapeAlerts);
  const bytes = new Uint8Array(ALERT_FLAG_COUNT / 8);
  for (let flag = 1; flag <= ALERT_FLAG_COUNT; flag++) {
    const at = Math.floor((flag - 1) / 8);
    if (alerts.isRaisedFor(flag, null)) bytes[at] = (bytes[at] as number) | (0x80 >> ((flag - 1) % 8));
  }
  return bytes;
}
