import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseIscsiPerf } from '../../bench/compare/iscsi-perf-output.js';

/** As iscsi-perf 1.19 prints it: progress lines begin with a carriage return and end with blanks, never with a line feed. */
const HEAD = `iscsi-perf version 0.1 - (c) 2014-2015 by Peter Lieven <pl@ĸamp.de>

connected to iscsi://127.0.0.1:33771/iqn.x:y/1
capacity is 524288 blocks or 268435456 byte (256 MB)
performing RANDOM READ with 32 parallel requests
FIXED transfer size of 8 blocks (4096 byte)
will run for 3 seconds.

`;
const PROGRESS =
  '\r00:00:02 - lba 153981, iops current 34043 (132 MB/s), iops average 34043 (132 MB/s), in_flight 32, busy 0         ' +
  '\r00:00:01 - lba 469295, iops current 36263 (141 MB/s), iops average 35153 (137 MB/s), in_flight 32, busy 0         ';
const END = `\riops average 37023 (144 MB/s)${' '.repeat(56)}\n\nfinished.\n`;

test('the final average is the figure, not one of the progress lines', () => {
  assert.equal(parseIscsiPerf(`${HEAD}${PROGRESS}${END}`), { iops: 37023 });
});

test('a run of one second has no progress line', () => {
  assert.equal(parseIscsiPerf(`${HEAD}${END}`), { iops: 37023 });
});

test('a run that stopped half-way has no figure', () => {
  assert.equal(parseIscsiPerf(`${HEAD}${PROGRESS}`), { fault: 'iscsi-perf did not finish' });
  assert.equal(parseIscsiPerf(''), { fault: 'iscsi-perf did not finish' });
});

test('a run that was broken off finishes without a final average', () => {
  assert.equal(parseIscsiPerf(`${HEAD}${PROGRESS}\n\nfinished.\n`), { fault: 'iscsi-perf finished without a final average' });
});

test('commands that failed are no commands, whatever average follows', () => {
  const failure = 'Read10/16 failed with sense key:5 ascq:2100';
  assert.equal(parseIscsiPerf(`${HEAD}${PROGRESS}\n${failure}\n${END}`), { fault: failure });
});

test('a run that reconnected on its way measured something else', () => {
  assert.match(parseIscsiPerf(`${HEAD}${PROGRESS}\nreconnected 1 times\n${END}`).fault ?? '', 'the connection broke');
});

test('an average of zero is no figure', () => {
  assert.equal(parseIscsiPerf(`${HEAD}\riops average 0 (0 MB/s)\n\nfinished.\n`), { fault: 'iscsi-perf completed no command' });
});

test.run();
