import { writeAscii, writeUint64 } from '../../../scsi/cdb.js';
import { LogFormat, type LogPage, type LogParameter, list } from '../../../scsi/spc/log/log-page.js';
import type { TapeFacts, TapePartitionFacts } from '../image/tape-service.js';
import { tapeOf } from '../tape-unit.js';

const MEGABYTE = 1_000_000;
const COUNT_BYTES = 4;
const SIZE_BYTES = 8;
const SERIAL_BYTES = 32;
const BARCODE_BYTES = 32;

/** Volume Statistics log page, SSC-4 "Volume Statistics log page": what the cartridge has seen in its life and since it was loaded. */
export const volumeStatisticsPage: LogPage = {
  code: 0x17,
  subpage: 0,
  parameters(unit) {
    const { facts } = tapeOf(unit);
    if (facts === null) return [list(0x0000, Uint8Array.of(0))];
    const { lifetime, sinceLoad, partitions } = facts;
    const usedBytes = partitions.reduce((sum, partition) => sum + partition.usedBytes, 0);
    return [
      // Page valid.
      list(0x0000, Uint8Array.of(1)),
      number(0x0001, facts.loadCount),
      number(0x0002, lifetime.writtenBlockCount, SIZE_BYTES),
      number(0x0003, lifetime.writeErrorCount),
      number(0x0004, 0, 2),
      number(0x0005, lifetime.writeErrorCount, 2),
      number(0x0006, 0, 2),
      number(0x0007, lifetime.readBlockCount, SIZE_BYTES),
      number(0x0008, lifetime.readErrorCount),
      number(0x0009, lifetime.readErrorCount, 2),
      number(0x000c, sinceLoad.writeErrorCount, 2),
      number(0x000d, sinceLoad.readErrorCount, 2),
      // Megabytes since the load, and in the life of the volume.
      number(0x000e, sinceLoad.writtenBytes / MEGABYTE),
      number(0x000f, sinceLoad.readBytes / MEGABYTE),
      number(0x0010, lifetime.writtenBytes / MEGABYTE, SIZE_BYTES),
      number(0x0011, lifetime.readBytes / MEGABYTE, SIZE_BYTES),
      number(0x0016, facts.nativeCapacityBytes / MEGABYTE),
      number(0x0017, usedBytes / MEGABYTE),
      list(0x0040, ascii(facts.serial.toUpperCase(), SERIAL_BYTES), LogFormat.asciiList),
      list(0x0042, ascii(facts.barcode ?? '', BARCODE_BYTES), LogFormat.asciiList),
      list(0x0080, Uint8Array.of(facts.writeProtected ? 1 : 0)),
      list(0x0081, Uint8Array.of(facts.worm ? 1 : 0)),
      // How often the beginning of the medium was passed: at least by each load.
      number(0x0101, facts.loadCount),
      ...ofPartitions(facts),
    ];
  },
};

/** Records for each partition: length, partition number, value. SSC-4 "Volume statistics partition record". */
function ofPartitions({ partitions }: TapeFacts): LogParameter[] {
  const record = (code: number, read: (partition: TapePartitionFacts) => number) =>
    list(code, Buffer.concat(partitions.map((partition, index) => partitionRecord(index, read(partition)))));
  return [
    record(0x0202, ({ capacityBytes }) => capacityBytes / MEGABYTE),
    record(0x0203, ({ usedBytes }) => usedBytes / MEGABYTE),
    record(0x0204, ({ remainingBytes }) => remainingBytes / MEGABYTE),
  ];
}

const RECORD_LENGTH = 8;

function partitionRecord(partition: number, value: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[0] = RECORD_LENGTH - 1;
  view.setUint16(2, partition);
  view.setUint32(4, Math.min(0xffffffff, Math.floor(value)));
  return bytes;
}

function number(code: number, value: number, widthBytes: 2 | typeof COUNT_BYTES | typeof SIZE_BYTES = COUNT_BYTES): LogParameter {
  const bytes = new Uint8Array(SIZE_BYTES);
  writeUint64(new DataView(bytes.buffer), 0, Math.floor(value));
  return list(code, bytes.subarray(SIZE_BYTES - widthBytes), LogFormat.binaryList);
}

function ascii(text: string, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  writeAscii(bytes, 0, lengthBytes, text);
  return bytes;
}
