import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tgt } from '../../bench/compare/tgt.js';
import { withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { CliChild, type CliEnd } from './cli-child.js';

/** `lunloom turs` and `lunloom disktest` as somebody types them, against Lunloom and against Debian's tgtd. */

const SIZE_BYTES = 16 * 1024 * 1024;
const TARGET_NAME = 'iqn.2026-11.io.lunloom:measured';

function lunloom(...args: string[]): Promise<CliEnd> {
  return new CliChild(args).ended;
}

/** Both commands, with small counts; `url` may be overwritten. */
async function measure(url: string): Promise<void> {
  const turs = await lunloom('turs', '-t', '-n=500', url);
  assert.equal([turs.exitCode, turs.stderr], [0, '']);
  assert.match(
    turs.stdout,
    /^time to perform commands was \d\.\d{6} secs; \d+\.\d{2} operations\/sec\nCompleted 500 Test Unit Ready commands with 0 errors\n$/,
  );

  const seed = await lunloom('disktest', '-PT', '-T1', '-h1', '-K8', '-B8192', '-pL', '-ID', url);
  assert.equal([seed.exitCode, seed.stderr], [0, '']);
  assert.match(seed.stdout, /\| STAT {2}\| \d+ \| v\S+ \| iscsi:\S+ \| Total read throughput: \d+\.\dB\/s \(\d+\.\d\dMB\/s\), IOPS \d+\.\d\/s\.\n/);
  assert.match(seed.stdout, /Test Done \(Passed\)\n$/);

  for (const pattern of ['-pL', '-pl', '-pr', '-pR']) {
    const { exitCode, stdout, stderr } = await lunloom('disktest', '-r', '-w', '-E', pattern, '-K16', '-B512:64k', '-L400', '--json', url);
    assert.equal([exitCode, stderr], [0, ''], `${pattern}: ${stdout}`);
    const end = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { passed: boolean; comparedBlockCount: number };
    assert.ok(end.passed && end.comparedBlockCount > 0, `${pattern}: ${stdout}`);
  }
}

test('both commands measure Lunloom', () =>
  withLunloom({ args: ['--target', TARGET_NAME, '--lun', `0=ram:${SIZE_BYTES}`] }, (served) => measure(served.url())));

peerTest('both commands measure tgtd', ['tgtd', 'tgtadm'], async () => {
  const running = await tgt(SIZE_BYTES).start();
  try {
    await measure(running.url);
  } finally {
    await running.stop();
  }
});

peerTest('the seed’s comparison sets tgtd beside Lunloom', ['tgtd', 'tgtadm'], async () => {
  const running = await tgt(SIZE_BYTES).start();
  try {
    await withLunloom({ args: ['--target', TARGET_NAME, '--lun', `0=ram:${SIZE_BYTES}`] }, async (served) => {
      const { exitCode, stdout } = await lunloom('disktest', '--preset', 'seed', '--seconds', '1', running.url, served.url());
      assert.is(exitCode, 0);
      assert.is(stdout.match(/^compared: /gm)?.length, 2);
      assert.is(stdout.match(/^history, not a result: /gm)?.length, 3);
    });
  } finally {
    await running.stop();
  }
});

test('a signal ends a test with its figures', () =>
  withLunloom({ args: ['--target', TARGET_NAME] }, async (served) => {
    const child = new CliChild(['disktest', '-T', '1m', '-h1', served.url()]);
    while (!child.stdout.includes('Heartbeat')) await new Promise((resolve) => setTimeout(resolve, 50));
    child.signal('SIGINT');
    const { exitCode, stdout, stderr } = await child.ended;
    assert.is(exitCode, 130);
    assert.match(stdout, /Total read throughput: [\s\S]+Test Done \(Stopped\)\n$/);
    assert.is(stderr, 'lunloom: stopped by a signal\n');
  }));

test.run();
