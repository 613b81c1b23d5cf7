import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { nonMediumErrorPage, temperaturePage } from '../../../scsi/spc/log/common-pages.js';
import { counter, LogFormat, type LogPage, type LogParameter, list } from '../../../scsi/spc/log/log-page.js';
import { ALERT_FLAG_COUNT, TapeAlerts } from '../alerts/tape-alerts.js';
import type { TapeTraffic } from '../image/tape-service.js';
import { tapeOf } from '../tape-unit.js';
import { volumeStatisticsPage } from './volume-statistics-page.js';

const MEGABYTE = 1_000_000;
const MEBIBYTE = 1024 * 1024;

export const noTraffic: TapeTraffic = {
  writtenBytes: 0,
  writtenStoredBytes: 0,
  writtenBlockCount: 0,
  readBytes: 0,
  readStoredBytes: 0,
  readBlockCount: 0,
  readErrorCount: 0,
  writeErrorCount: 0,
  filemarkCount: 0,
};

function trafficOf(unit: LogicalUnit): TapeTraffic {
  return tapeOf(unit).facts?.sinceLoad ?? noTraffic;
}

/** Error counter pages, SPC-4 "Error counter log pages": an image is read and written at the first try or not at all. */
function errorCounters(code: number, countsOf: (traffic: TapeTraffic) => readonly [processedBytes: number, errorCount: number]): LogPage {
  return {
    code,
    subpage: 0,
    parameters(unit) {
      const [processedBytes, errorCount] = countsOf(trafficOf(unit));
      const corrected = [0x0000, 0x0001, 0x0002, 0x0003, 0x0004].map((parameterCode) => counter(parameterCode, 0));
      return [...corrected, counter(0x0005, processedBytes, 8), counter(0x0006, errorCount)];
    },
  };
}

/** Sequential-Access Device log page, SSC-4: bytes from and to initiators, and to and from the medium. */
const sequentialAccessPage: LogPage = {
  code: 0x0c,
  subpage: 0,
  parameters(unit) {
    const traffic = trafficOf(unit);
    const partitions = tapeOf(unit).facts?.partitions ?? [];
    const current = partitions[tapeOf(unit).position?.partition ?? 0];
    return [
      counter(0x0000, traffic.writtenBytes, 8),
      counter(0x0001, traffic.writtenStoredBytes, 8),
      counter(0x0002, traffic.readStoredBytes, 8),
      counter(0x0003, traffic.readBytes, 8),
      // Megabytes from the beginning to the end of data, to early warning, and between that and the end of the partition.
      list(0x0004, uint32((current?.usedBytes ?? 0) / MEGABYTE)),
      list(0x0005, uint32((current?.earlyWarningAtBytes ?? 0) / MEGABYTE)),
      list(0x0006, uint32(((current?.capacityBytes ?? 0) - (current?.earlyWarningAtBytes ?? 0)) / MEGABYTE)),
      // From the beginning to the position, and what the buffer may hold: what is not on the medium yet is as good as on it.
      list(0x0007, uint32((tapeOf(unit).position?.usedBytes ?? 0) / MEGABYTE)),
      list(0x0008, uint32(0)),
      // Nothing has to be cleaned.
      list(0x0100, new Uint8Array(8)),
    ];
  },
};

/** Data Compression log page, SSC-4: ratios in hundredths, and amounts in megabytes and the bytes beyond them. */
const dataCompressionLogPage: LogPage = {
  code: 0x1b,
  subpage: 0,
  parameters(unit) {
    const traffic = trafficOf(unit);
    const amounts = [traffic.readBytes, traffic.readStoredBytes, traffic.writtenBytes, traffic.writtenStoredBytes];
    return [
      list(0x0000, uint16(ratio(traffic.readBytes, traffic.readStoredBytes))),
      list(0x0001, uint16(ratio(traffic.writtenBytes, traffic.writtenStoredBytes))),
      ...amounts.flatMap((bytes, index) => [list(0x0002 + 2 * index, uint32(bytes / MEBIBYTE)), list(0x0003 + 2 * index, uint32(bytes % MEBIBYTE))]),
      list(0x0100, Uint8Array.of(tapeOf(unit).settings.isCompressing ? 1 : 0)),
    ];
  },
};

function ratio(bytes: number, storedBytes: number): number {
  return storedBytes === 0 ? 100 : Math.min(0xffff, Math.round((bytes / storedBytes) * 100));
}

/** TapeAlert log page, SSC-4: one byte for each of the 64 flags. What was read is clear for who read it. */
export const TAPE_ALERT_PAGE = 0x2e;
const tapeAlertPage: LogPage = {
  code: TAPE_ALERT_PAGE,
  subpage: 0,
  parameters(unit) {
    const alerts = unit.part(TapeAlerts);
    return Array.from({ length: ALERT_FLAG_COUNT }, (_, index) => {
      return list(index + 1, Uint8Array.of(alerts.isRaisedFor(index + 1, alerts.reader) ? 1 : 0));
    });
  },
};

const PARTITIONS_OF_PAGE = 2;

/** Tape Capacity log page: remaining and maximum of the first two partitions, MiB. As LTO drives have it. */
const tapeCapacityPage: LogPage = {
  code: 0x31,
  subpage: 0,
  parameters(unit) {
    const partitions = tapeOf(unit).facts?.partitions ?? [];
    const column = (code: number, bytesOf: (index: number) => number): LogParameter[] =>
      Array.from({ length: PARTITIONS_OF_PAGE }, (_, index) => list(code + index, uint32(bytesOf(index) / MEBIBYTE), LogFormat.binaryList));
    return [...column(0x0001, (index) => partitions[index]?.remainingBytes ?? 0), ...column(0x0003, (index) => partitions[index]?.capacityBytes ?? 0)];
  },
};

/** In ascending order. */
export const tapeLogPages: readonly LogPage[] = [
  errorCounters(0x02, ({ writtenBytes, writeErrorCount }) => [writtenBytes, writeErrorCount]),
  errorCounters(0x03, ({ readBytes, readErrorCount }) => [readBytes, readErrorCount]),
  nonMediumErrorPage,
  sequentialAccessPage,
  temperaturePage,
  volumeStatisticsPage,
  dataCompressionLogPage,
  tapeAlertPage,
  tapeCapacityPage,
];

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Math.min(0xffffffff, Math.floor(value)));
  return bytes;
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}
