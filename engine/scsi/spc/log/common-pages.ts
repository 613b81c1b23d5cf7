import { writeUint64 } from '../../cdb.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { MediumCounts } from '../../unit-host.js';
import { counter, LogFormat, type LogPage, type LogParameter, list } from './log-page.js';

/** What of the counts an error counter page is about. */
interface ErrorCounts {
  readonly processedBytes: number;
  readonly uncorrectedCount: number;
}

/** Error counter pages, SPC-4 "Error counter log pages": stores correct nothing that we could see, and fail now and then. */
function errorCounterPage(code: number, countsOf: (counts: MediumCounts, blockLengthBytes: number) => ErrorCounts): LogPage {
  return {
    code,
    subpage: 0,
    parameters(unit) {
      const { processedBytes, uncorrectedCount } = countsOf(unit.host.statistics.read(), unit.medium?.blockLengthBytes ?? 0);
      return [
        // Corrected without and with possible delay, total rewrites or rereads, total corrected, times that correction was tried.
        ...[0x0000, 0x0001, 0x0002, 0x0003, 0x0004].map((parameterCode) => counter(parameterCode, 0)),
        counter(0x0005, processedBytes, 8),
        counter(0x0006, uncorrectedCount),
      ];
    },
  };
}

export const writeErrorCounterPage = errorCounterPage(0x02, ({ writeBytes, writeFaultCount }) => ({
  processedBytes: writeBytes,
  uncorrectedCount: writeFaultCount,
}));
export const readErrorCounterPage = errorCounterPage(0x03, ({ readBytes, readFaultCount }) => ({
  processedBytes: readBytes,
  uncorrectedCount: readFaultCount,
}));
/** Bytes that were only verified are not counted: VERIFY moves none. */
export const verifyErrorCounterPage = errorCounterPage(0x05, ({ verifyFaultCount }) => ({ processedBytes: 0, uncorrectedCount: verifyFaultCount }));

/** Non-Medium Error log page, SPC-4: errors other than of the medium end as those of the engine, which are no events of the device. */
export const nonMediumErrorPage: LogPage = { code: 0x06, subpage: 0, parameters: () => [counter(0x0000, 0)] };

const UNKNOWN_TEMPERATURE = 0xff;

/** Temperature log page, SPC-4: FFh says that none can be told, and that there is no reference. */
export const temperaturePage: LogPage = {
  code: 0x0d,
  subpage: 0,
  parameters: () => [0x0000, 0x0001].map((code) => list(code, Uint8Array.of(0, UNKNOWN_TEMPERATURE))),
};

/** How often the unit was started and loaded, for the page below. */
export class StartStopCounts {
  startStopCount = 0;
  loadUnloadCount = 0;
}

/** Start-Stop Cycle Counter log page, SPC-4. Nothing was manufactured and nothing wears out: dates are spaces and lifetimes have no bound. */
export const startStopCyclePage: LogPage = {
  code: 0x0e,
  subpage: 0,
  parameters(unit) {
    const { startStopCount, loadUnloadCount } = unit.part(StartStopCounts);
    return [
      list(0x0001, Buffer.from('      ', 'latin1'), LogFormat.asciiList),
      list(0x0002, Buffer.from('      ', 'latin1'), LogFormat.asciiList),
      list(0x0003, new Uint8Array(4).fill(0xff)),
      list(0x0004, uint32(startStopCount)),
      list(0x0005, new Uint8Array(4).fill(0xff)),
      list(0x0006, uint32(loadUnloadCount)),
    ];
  },
};

const GENERAL_ACCESS_LENGTH = 64;
/** TIME INTERVAL descriptor: the exponent is that of seconds, two's complement, and the integer counts so many of them. Ours is one microsecond. */
const TIME_INTERVAL = { exponent: -6, integer: 1 } as const;

/** General Statistics and Performance log page, SPC-4. */
export const generalStatisticsPage: LogPage = {
  code: 0x19,
  subpage: 0,
  parameters: (unit) => [generalAccess(unit), list(0x0002, new Uint8Array(8)), list(0x0003, timeInterval())],
};

function generalAccess(unit: LogicalUnit): LogParameter {
  const counts = unit.host.statistics.read();
  const blockLengthBytes = unit.medium?.blockLengthBytes ?? 1;
  const bytes = new Uint8Array(GENERAL_ACCESS_LENGTH);
  const view = new DataView(bytes.buffer);
  const values = [
    counts.readCommandCount,
    counts.writeCommandCount,
    // Received and transmitted, both as the device sees them.
    Math.floor(counts.writeBytes / blockLengthBytes),
    Math.floor(counts.readBytes / blockLengthBytes),
    Math.floor(counts.readMicros),
    Math.floor(counts.writeMicros),
    // Weighted counts are of queue depths, which are not kept.
    0,
    0,
  ];
  for (const [index, value] of values.entries()) writeUint64(view, 8 * index, value);
  return list(0x0001, bytes);
}

function timeInterval(): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, TIME_INTERVAL.exponent);
  view.setUint32(4, TIME_INTERVAL.integer);
  return bytes;
}

/** Informational Exceptions log page, SPC-4: nothing is predicted to fail, and no temperature is known. */
export const informationalExceptionsLogPage: LogPage = {
  code: 0x2f,
  subpage: 0,
  parameters: () => [list(0x0000, Uint8Array.of(0, 0, UNKNOWN_TEMPERATURE, 0))],
};

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
