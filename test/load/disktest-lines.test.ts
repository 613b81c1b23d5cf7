import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DisktestFigures } from '../../load/disktest.js';
import { DisktestLines, formatDate, type LineOptions, latencyText, throughputText } from '../../load/disktest-lines.js';
import { seedHistoryLines } from '../../load/seed-history.js';
import { completedLine, timeLine } from '../../load/turs.js';
import { linear, MEDIUM, planOf } from './load-fixture.js';

const FRONT = '| 2007/02/24-09:59:10 | STAT  | 28339 | v1.2.8 | /dev/sdc | ';
const LATENCY = { p50: 60.7, p99: 3174.3, p999: 18022.3, max: 209378.8 };
const RATES = { commandCount: 5_047_680, bytes: 41_350_611_000, seconds: 1200, bytesPerSecond: 34_458_842.5, operationsPerSecond: 4206.4 };
const FIGURES: DisktestFigures = {
  read: { ...RATES, latencyMicros: LATENCY },
  write: null,
  seconds: 1200,
  faultCount: 0,
  faults: [],
  mismatchCount: 0,
  comparedBlockCount: 0,
  wasStopped: false,
  brokenBy: null,
};

function printed(use: (lines: DisktestLines) => void, options: Partial<LineOptions> = {}): string[] {
  const output: string[] = [];
  use(
    new DisktestLines({
      url: '/dev/sdc',
      version: '1.2.8',
      processId: 28339,
      argsText: '-PT -T1200 -h1 -K8 -B8192 -pL -ID /dev/sdc',
      choice: { throughput: true, transfers: false, runTime: false, delimited: false },
      isQuiet: false,
      isBare: false,
      now: () => new Date(2007, 1, 24, 9, 59, 10),
      print: (line) => output.push(line),
      ...options,
    }),
  );
  return output;
}

test('the total is the line that disktest printed in 2007, then the latency and the verdict', () => {
  assert.equal(
    printed((lines) => lines.report({ kind: 'end', figures: FIGURES })),
    [
      '| 2007/02/24-09:59:10 | STAT  | 28339 | v1.2.8 | /dev/sdc | Total read throughput: 34458842.5B/s (32.86MB/s), IOPS 4206.4/s.',
      `${FRONT}Total read latency: p50 60.7us, p99 3174.3us, p99.9 18022.3us, max 209378.8us.`,
      '| 2007/02/24-09:59:10 | END   | 28339 | v1.2.8 | /dev/sdc | Test Done (Passed)',
    ],
  );
});

test('a heartbeat has a line for each direction that is under way', () => {
  assert.equal(
    printed((lines) => lines.report({ kind: 'heartbeat', read: RATES, write: RATES })),
    [`${FRONT}Heartbeat read throughput: ${throughputText(RATES)}`, `${FRONT}Heartbeat write throughput: ${throughputText(RATES)}`],
  );
  assert.equal(
    printed((lines) => lines.report({ kind: 'heartbeat', read: null, write: RATES })),
    [`${FRONT}Heartbeat write throughput: ${throughputText(RATES)}`],
  );
});

test('the start tells the arguments and every assumption', () => {
  const plan = planOf({ seek: linear, threadCount: 8, writes: true });
  const start = { kind: 'start', plan, medium: MEDIUM, unitAttentionCount: 1 } as const;
  const ends = 'ends after one pass of each';
  const front = (level: string) => `| 2007/02/24-09:59:10 | ${level} | 28339 | v1.2.8 | /dev/sdc | `;
  assert.equal(
    printed((lines) => lines.report(start)),
    [
      `${front('START')}Start args: -PT -T1200 -h1 -K8 -B8192 -pL -ID /dev/sdc`,
      `${front('INFO ')}1000 blocks of 512 bytes; LBA 0 to 999; linear writes, then reads, of 512 bytes; 8 threads on 1 session; seed 7; ${ends}`,
    ],
  );
  assert.is(printed((lines) => lines.report(start), { isQuiet: true }).length, 1);
  assert.is(printed((lines) => lines.report(start), { isBare: true })[0], 'Start args: -PT -T1200 -h1 -K8 -B8192 -pL -ID /dev/sdc');
});

test('-PX, -PR and -PP have their own lines', () => {
  const choice = { throughput: false, transfers: true, runTime: true, delimited: false };
  assert.equal(
    printed((lines) => lines.report({ kind: 'end', figures: FIGURES }), { choice, isBare: true }),
    [
      'Total bytes read in 5047680 transfers: 41350611000',
      `Total read latency: ${latencyText(LATENCY)}`,
      'Total Read Time: 1200 seconds (0h20m0s)',
      'Total overall runtime: 1200 seconds (0h20m0s)',
      'Test Done (Passed)',
    ],
  );
  const delimited = { throughput: true, transfers: true, runTime: false, delimited: true };
  assert.equal(
    printed((lines) => lines.report({ kind: 'heartbeat', read: RATES, write: null }), { choice: delimited }),
    ['/dev/sdc;41350611000;Rbytes;5047680;Rxfers;0;Wbytes;0;Wxfers;34458842.5;RB/s;4206.4;RIOPS;0.0;WB/s;0.0;WIOPS;'],
  );
});

test('wrong data is told with LBA, offset, expected and found', () => {
  const mismatch = {
    lba: 212,
    offsetBytes: 17,
    expected: 0x5a,
    found: 0,
    expectedBytes: Buffer.from([0x5a, 0xff]),
    foundBytes: Buffer.from([0, 1]),
    diagnosis: 'the block is all zeros',
  };
  const lines = printed((printer) => printer.report({ kind: 'mismatch', mismatch }), { isBare: true });
  assert.equal(lines, [
    'Data miscompare at lba 212 (0xd4), byte 17 of the block: expected 0x5a, found 0x00; the block is all zeros',
    'EXPECTED: 5a ff',
    'ACTUAL:   00 01',
  ]);
});

test('failed commands are told up to a number, and counted at the end', () => {
  const fault = { status: 2, senseKey: 2, asc: 4, ascq: 2, writes: true, lba: 5, lbaCount: 16, shortBytes: null };
  const lines = printed(
    (printer) => {
      for (let count = 0; count < 20; count++) printer.report({ kind: 'fault', fault });
      const faults = [{ ...fault, count: 20, text: 'CHECK CONDITION, NOT READY, ASC 0x04 ASCQ 0x02' }];
      printer.report({ kind: 'end', figures: { ...FIGURES, faultCount: 20, faults } });
    },
    { isBare: true },
  );
  assert.is(lines[0], 'disk access failed: write of 16 blocks, lba = 5: CHECK CONDITION, NOT READY, ASC 0x04 ASCQ 0x02');
  assert.is(lines.filter((line) => line.startsWith('disk access failed')).length, 16);
  assert.is(lines[16], 'More errors are counted, but not printed');
  assert.is(lines.at(-2), '20 commands ended with CHECK CONDITION, NOT READY, ASC 0x04 ASCQ 0x02');
  assert.is(lines.at(-1), 'Test Done (Failed)');
});

test('dates are padded', () => assert.is(formatDate(new Date(2026, 0, 2, 3, 4, 5)), '2026/01/02-03:04:05'));

test('turs ends with the two lines of sg_turs', () => {
  const figures = {
    commandCount: 10_000,
    errorCount: 0,
    faults: [],
    seconds: 1.210659,
    operationsPerSecond: 10_000 / 1.210659,
    latencyMicros: LATENCY,
    unitAttentionCount: 1,
    wasStopped: false,
  };
  assert.is(timeLine(figures), 'time to perform commands was 1.210659 secs; 8259.96 operations/sec');
  assert.is(completedLine(figures), 'Completed 10000 Test Unit Ready commands with 0 errors');
});

test('every line of history says that it is no result', () => {
  for (const command of ['disktest', 'turs'] as const) for (const line of seedHistoryLines(command)) assert.match(line, /^history, not a result: /);
  assert.match(seedHistoryLines('disktest').join(' '), /2007\/02\/24.*tgt IOPS 4206\.4\/s, 32\.86MB\/s.*IET IOPS 4121\.0\/s, 32\.20MB\/s/);
  assert.match(seedHistoryLines('turs').join(' '), /tgt 8259\.96 operations\/sec.*IET 8376\.89 operations\/sec/);
});

test.run();
