import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runDisktestCommand } from '../../cli/disktest.js';
import type { RawDisktestOptions } from '../../cli/disktest-settings.js';
import { exitCodeOf } from '../../cli/exit-codes.js';
import type { RawTursOptions } from '../../cli/measure-commands.js';
import { type MeasureContext, Stopper } from '../../cli/measure-context.js';
import { ProgramOutput } from '../../cli/program-output.js';
import { runTursCommand } from '../../cli/turs.js';
import { EngineTarget, ramLun } from '../load/engine-target.js';

const MIB = 1024 * 1024;

const test = suite<{ target: EngineTarget }>('measure');
test.before(async (context) => {
  context.target = await EngineTarget.start([ramLun(0, MIB), ramLun(1, MIB, { readOnly: true })]);
});
test.after.each(({ target }) => target.assertIdle());
test.after(({ target }) => target.stop());

interface CommandEnd {
  readonly exitCode: number;
  readonly message: string;
  readonly lines: readonly string[];
}

async function end(run: (context: MeasureContext) => Promise<void>, signalMs?: number): Promise<CommandEnd> {
  const texts: string[] = [];
  const stream = { write: (text: string) => texts.push(text), on: () => {} };
  const context: MeasureContext = {
    output: new ProgramOutput(stream, stream),
    version: '1.2.3',
    processId: 42,
    now: () => new Date(2026, 10, 23, 1, 2, 3),
    onSignal: (listener) => {
      const timer = signalMs === undefined ? null : setTimeout(() => listener('SIGINT'), signalMs);
      return () => {
        if (timer !== null) clearTimeout(timer);
      };
    },
    exitNow: () => assert.unreachable('nobody asked twice'),
  };
  let error: unknown = null;
  try {
    await run(context);
  } catch (caught) {
    error = caught;
  }
  const lines = texts
    .join('')
    .split('\n')
    .filter((line) => line !== '');
  return { exitCode: error === null ? 0 : exitCodeOf(error), message: error instanceof Error ? error.message : '', lines };
}

const turs = (urls: readonly string[], options: RawTursOptions, signalMs?: number) => end((context) => runTursCommand(urls, options, context), signalMs);
const disktest = (urls: readonly string[], options: RawDisktestOptions, signalMs?: number) =>
  end((context) => runDisktestCommand(urls, options, '-x', context), signalMs);

const TIME_LINE = /^time to perform commands was \d+\.\d{6} secs; \d+\.\d{2} operations\/sec$/;

test('turs ends with the time and the count', async ({ target }) => {
  const { exitCode, lines } = await turs([target.url()], { time: true, number: '=200', depth: '4' });
  assert.is(exitCode, 0);
  assert.is(lines.length, 2);
  assert.match(lines[0] ?? '', TIME_LINE);
  assert.is(lines[1], 'Completed 200 Test Unit Ready commands with 0 errors');
  assert.equal((await turs([target.url()], {})).lines, ['Completed 1 Test Unit Ready commands with 0 errors']);
});

test('turs with errors tells the time, the count and what they were', async ({ target }) => {
  const { exitCode, message, lines } = await turs([target.url(5)], { number: '3' });
  assert.is(exitCode, 1);
  assert.equal(lines, ['Completed 3 Test Unit Ready commands with 3 errors']);
  assert.is(message, 'commands ended with errors: 3 × CHECK CONDITION, ILLEGAL REQUEST, ASC 0x25 ASCQ 0x00');
});

test('turs --json is one document a URL', async ({ target }) => {
  const { lines } = await turs([target.url()], { json: true, number: '20' });
  const event = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.is(lines.length, 1);
  assert.equal([event['event'], event['url'], event['commandCount'], event['errorCount']], ['turs', target.url(), 20, 0]);
  assert.ok((event['operationsPerSecond'] as number) > 0);
  assert.equal(Object.keys(event['latencyMicros'] as object), ['p50', 'p99', 'p999', 'max']);
});

test('the presets set URLs side by side and the figures of 2007 apart', async ({ target }) => {
  const urls = [target.url(), target.url(1)];
  const ofTurs = await turs(urls, { preset: 'seed', number: '50' });
  assert.equal(
    ofTurs.lines.map((line) => line.replace(/\d+\.\d+/g, '#')),
    [
      urls[0],
      'time to perform commands was # secs; # operations/sec',
      'Completed 50 Test Unit Ready commands with 0 errors',
      urls[1],
      'time to perform commands was # secs; # operations/sec',
      'Completed 50 Test Unit Ready commands with 0 errors',
      `compared: # operations/sec  ${urls[0]}`,
      `compared: # operations/sec  ${urls[1]}  (# times that of the first)`,
      'history, not a result: sg_turs -t -n=10000, published 2007/02/24, another machine and network',
      'history, not a result: tgt # operations/sec',
      'history, not a result: IET # operations/sec',
    ].map((line) => line?.replace(/\d+\.\d+/g, '#')),
  );
  const ofDisktest = await disktest(urls, { preset: 'seed', seconds: '0.2', heartbeat: '0.1', quiet: true });
  assert.is(ofDisktest.exitCode, 0);
  assert.is(ofDisktest.lines.filter((line) => line.includes('Test Done (Passed)')).length, 2);
  assert.match(ofDisktest.lines.at(-2) ?? '', /^history, not a result: tgt IOPS 4206\.4\/s, 32\.86MB\/s$/);
  const json = await disktest([target.url()], { preset: 'seed', commands: '10', json: true });
  const history = JSON.parse(json.lines.at(-1) ?? '') as Record<string, unknown>;
  assert.equal([history['event'], history['isResult']], ['history', false]);
});

test('disktest prints its lines in the shape of 2007', async ({ target }) => {
  const { exitCode, lines } = await disktest([target.url()], { pattern: 'L', transfer: '8k', threads: '8', report: 'TX' });
  assert.is(exitCode, 0);
  const front = (level: string) => `| 2026/11/23-01:02:03 | ${level} | 42 | v1.2.3 | ${target.url()} | `;
  assert.equal(
    lines.map((line) => line.replace(/\d+\.\d+(?=B|M|\/s|us)/g, '#')),
    [
      `${front('START')}Start args: -x`,
      `${front('INFO ')}2048 blocks of 512 bytes; LBA 0 to 2047; linear reads of 8192 bytes; 8 threads on 1 session; seed 42; ends after one pass`,
      `${front('STAT ')}Total bytes read in 128 transfers: 1048576`,
      `${front('STAT ')}Total read throughput: #B/s (#MB/s), IOPS #/s.`,
      `${front('STAT ')}Total read latency: p50 #us, p99 #us, p99.9 #us, max #us.`,
      `${front('END  ')}Test Done (Passed)`,
    ],
  );
});

test('disktest tells wrong data with LBA and byte, and ends with 1', async ({ target }) => {
  const options = { pattern: 'L', transfer: '4k', verify: '0', seed: '7' } as const;
  assert.is((await disktest([target.url()], { ...options, write: true })).exitCode, 0);
  await target.withUnit(0, async (unit) => {
    const block = await unit.read(500, 1, 512);
    block[17] = (block[17] as number) ^ 1;
    await unit.write(500, block, 512);
  });
  const text = await disktest([target.url()], { ...options, read: true, bare: true });
  assert.is(text.exitCode, 1);
  assert.is(text.message, `${target.url()}: 1 reads brought wrong data`);
  assert.ok(text.lines.some((line) => line.startsWith('Data miscompare at lba 500 (0x1f4), byte 17 of the block: expected 0x00, found 0x01; ')));
  const json = await disktest([target.url()], { ...options, read: true, json: true });
  const events = json.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const mismatch = events.find(({ event }) => event === 'mismatch');
  assert.equal([mismatch?.['lba'], mismatch?.['offsetBytes'], mismatch?.['expected'], mismatch?.['found']], [500, 17, 0, 1]);
  assert.match(String(mismatch?.['foundBytes']), /^01[0-9a-f]{30}$/);
  const last = events.at(-1);
  assert.equal([last?.['event'], last?.['passed'], last?.['mismatchCount']], ['end', false, 1]);
});

test('disktest says which commands failed, and goes on with -A c', async ({ target }) => {
  const { exitCode, message, lines } = await disktest([target.url(1)], { write: true, commands: '20', action: 'c', bare: true });
  assert.is(exitCode, 1);
  assert.is(message, `${target.url(1)}: 20 commands failed`);
  assert.ok(lines.includes('20 commands ended with CHECK CONDITION, DATA PROTECT, ASC 0x27 ASCQ 0x00'));
});

test('a signal ends the test with its figures and 130, and what would have followed', async ({ target }) => {
  const { exitCode, lines } = await disktest([target.url(), target.url()], { seconds: '60', bare: true, quiet: true }, 300);
  assert.is(exitCode, 130);
  assert.is(lines.filter((line) => line.startsWith('Total read throughput: ')).length, 1);
  assert.is(lines.at(-1), 'Test Done (Stopped)');
  const ofTurs = await turs([target.url()], { number: '100m', time: true }, 300);
  assert.is(ofTurs.exitCode, 130);
  assert.match(ofTurs.lines[0] ?? '', TIME_LINE);
});

test('the second signal ends the process', () => {
  let listener: (signal: string) => void = () => {};
  let exitCount = 0;
  const stopper = new Stopper({
    onSignal: (given) => {
      listener = given;
      return () => {};
    },
    exitNow: () => exitCount++,
  });
  listener('SIGINT');
  assert.ok(stopper.isStopped);
  assert.is(exitCount, 0);
  listener('SIGTERM');
  assert.is(exitCount, 1);
});

test('what keeps a measurement from starting has its exit code', async ({ target }) => {
  assert.is((await turs(['iscsi://127.0.0.1:1/iqn.x:y/0'], {})).exitCode, 6);
  assert.is((await disktest(['iscsi://127.0.0.1:1/iqn.x:y/0'], {})).exitCode, 6);
  assert.is((await turs(['/dev/sdc'], {})).exitCode, 2);
  assert.is((await disktest([target.url()], { transfer: '5000' })).exitCode, 2);
});

test.run();
