import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBetween, parseCpuTimes } from '../../bench/compare/machine-load.js';
import { cpuSecondsOf, parseCpuTicks, parsePeakRssBytes, peakRssBytesOf } from '../../bench/compare/process-cost.js';

const STAT_TAIL = 'S 1 28811 26534 0 -1 4194304 2270 0 4 0 33 338 0 0 20 0 17 0 363328 142565376 1255';

test('user and system time are found behind any name', () => {
  assert.is(parseCpuTicks(`28811 (tgtd) ${STAT_TAIL}`), 33 + 338);
  assert.is(parseCpuTicks(`28811 (a) 1 2 (b) c) ${STAT_TAIL}`), 33 + 338);
});

test('a process that works takes CPU time, one that is gone takes none', () => {
  const before = cpuSecondsOf(process.pid);
  assert.is.not(before, null);
  // Ticks are 10 ms long.
  const until = performance.now() + 200;
  while (performance.now() < until);
  assert.ok((cpuSecondsOf(process.pid) as number) > (before as number));
  const { pid } = spawnSync(process.execPath, ['--version']);
  assert.is(cpuSecondsOf(pid), null);
  assert.is(peakRssBytesOf(pid), null);
});

test('the peak of resident memory is told in KiB', () => {
  assert.is(parsePeakRssBytes('Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t   41984 kB\nVmRSS:\t   100 kB\n'), 41984 * 1024);
  assert.is(parsePeakRssBytes('Name:\tkthreadd\n'), null);
  assert.ok((peakRssBytesOf(process.pid) as number) > 1024 * 1024);
});

test('a CPU is busy when it is neither idle nor waiting for a disk', () => {
  const before = parseCpuTimes('cpu  100 0 50 800 40 0 5 5 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n');
  const after = parseCpuTimes('cpu  130 0 60 850 50 0 5 5 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n');
  assert.equal(before, { total: 1000, idle: 840, stolen: 5 });
  assert.equal(loadBetween(before as never, after as never), { busy: 0.4, stolen: 0 });
});

test('guest time is part of user time and does not count twice', () => {
  assert.is(parseCpuTimes('cpu  10 0 0 90 0 0 0 0 10 0')?.total, 100);
});

test('a text that is no /proc/stat is none', () => {
  assert.is(parseCpuTimes(''), null);
  assert.is(parseCpuTimes('cpu0 1 2 3 4 5 6 7 8 9 10'), null);
});

test('no time between two looks is no load', () => {
  const times = { total: 10, idle: 5, stolen: 0 };
  assert.equal(loadBetween(times, times), { busy: 0, stolen: 0 });
});

test.run();
