import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { escapeFileName } from '../../bench/compare/fio.js';
import { parseFio } from '../../bench/compare/fio-output.js';
import { parseQemuImgBench } from '../../bench/compare/qemu-img-output.js';

/** What fio 3.33 prints of one job, without what is not read. */
function fioOutput({ error = 0, reads = 700, writes = 300 } = {}): string {
  const direction = (count: number, p50: number): object => ({
    io_bytes: count * 4096,
    iops: count / 2,
    total_ios: count,
    clat_ns: count === 0 ? { min: 0 } : { min: 1, percentile: { '50.000000': p50, '99.000000': p50 * 3, '99.900000': p50 * 10, '99.990000': 1 } },
  });
  return JSON.stringify({ 'fio version': 'fio-3.33', jobs: [{ jobname: 'bench', error, read: direction(reads, 141_000), write: direction(writes, 250_000) }] });
}

test('fio: both directions count together, and percentiles become microseconds', () => {
  assert.equal(parseFio(fioOutput()), { iops: 500, operationCount: 1000, latency: { p50: 141, p99: 423, p999: 1410 } });
});

test('fio: without reads the percentiles are those of the writes', () => {
  assert.equal(parseFio(fioOutput({ reads: 0 })), { iops: 150, operationCount: 300, latency: { p50: 250, p99: 750, p999: 2500 } });
});

test('fio: what it says in front of its JSON is passed over', () => {
  assert.is(parseFio(`fio: some remark\n${fioOutput()}`).iops, 500);
});

test('fio: errors, silence and a run without commands are no figures', () => {
  assert.equal(parseFio(fioOutput({ error: 5 })), { fault: 'fio ended with error 5' });
  assert.equal(parseFio(fioOutput({ reads: 0, writes: 0 })), { fault: 'fio completed no command' });
  assert.equal(parseFio(''), { fault: 'fio printed no JSON' });
  assert.equal(parseFio('{"fio version":"fio-3.33"}'), { fault: 'fio reports no job' });
  assert.equal(parseFio(fioOutput().slice(0, -20)), { fault: 'fio printed no JSON' });
});

test('fio: colons of a URL are escaped', () => {
  assert.is(escapeFileName('iscsi://127.0.0.1:1/iqn.x:y/0'), 'iscsi\\://127.0.0.1\\:1/iqn.x\\:y/0');
});

test('qemu-img: the seconds of a run that came to its end', () => {
  const head = 'Sending 20000 read requests, 4096 bytes each, 32 in parallel (starting at offset 0, step size 4096)\n';
  assert.is(parseQemuImgBench(`${head}Run completed in 0.195 seconds.\n`), 0.195);
  assert.is(parseQemuImgBench(`${head}Run completed in 12 seconds.\n`), 12);
  assert.is(parseQemuImgBench(head), null);
  assert.is(parseQemuImgBench(`${head}Run completed in 0.000 seconds.\n`), null);
});

test.run();
