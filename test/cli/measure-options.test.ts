import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { disktestSettings, type RawDisktestOptions } from '../../cli/disktest-settings.js';
import { type RawTursOptions, withVerifyLength } from '../../cli/measure-commands.js';
import { type ProgramActions, runProgram } from '../../cli/program.js';
import { ProgramOutput } from '../../cli/program-output.js';
import { tursSettings } from '../../cli/turs.js';

const URL = 'iscsi://127.0.0.1/iqn.x:y/0';
const SEED = 99;

interface Parsed {
  readonly exitCode: number;
  readonly urls: readonly string[];
  readonly disktest: RawDisktestOptions;
  readonly turs: RawTursOptions;
  readonly argsText: string;
  readonly stderr: string;
}

/** The command line as the program parses it, without doing what it says. */
async function parse(argv: readonly string[]): Promise<Parsed> {
  let parsed: Omit<Parsed, 'exitCode' | 'stderr'> = { urls: [], disktest: {}, turs: {}, argsText: '' };
  const actions: ProgramActions = {
    serve: async () => {},
    check: async () => {},
    profile: async () => {},
    stats: async () => {},
    discover: async () => {},
    inquire: async () => {},
    dd: async () => {},
    units: async () => {},
    turs: async (urls, turs) => {
      parsed = { ...parsed, urls, turs };
    },
    disktest: async (urls, disktest, argsText) => {
      parsed = { ...parsed, urls, disktest, argsText };
    },
  };
  const stderr: string[] = [];
  const silent = { write: () => {}, on: () => {} };
  const exitCode = await runProgram(argv, '1.2.3', actions, new ProgramOutput(silent, { write: (text) => stderr.push(text), on: () => {} }));
  return { ...parsed, exitCode, stderr: stderr.join('') };
}

const words = (text: string) => text.split(' ').filter((word) => word !== '');
const loadOf = async (text: string) => disktestSettings((await parse(['disktest', ...words(text), URL])).disktest, SEED);

test('without options disktest does what the original does: four threads, one block, random reads', async () => {
  const settings = await loadOf('');
  assert.equal(settings.options, {
    threadCount: 4,
    sessionCount: 1,
    transferMin: { unit: 'blocks', value: 1 },
    transferMax: { unit: 'blocks', value: 1 },
    seek: { order: 'random', interleaved: false, atEnd: 'wrap' },
    reads: true,
    writes: false,
    writePercent: 50,
    firstLba: 0,
    lastLba: null,
    seconds: null,
    commandCountMax: null,
    compareBytes: null,
    seed: SEED,
    continueOnError: false,
  });
  assert.equal(settings.choice, { throughput: true, transfers: false, runTime: false, delimited: false });
  assert.is(settings.heartbeatSeconds, null);
});

test('options glued to their values and apart from them are the same', async () => {
  const glued = await loadOf('-K8 -B8192 -pL -T1200 -h1 -PT -ID -S0:99 -E0 -a5 -D50:50 -pR -L7');
  const apart = await loadOf('-K 8 -B 8192 -p L -T 1200 -h 1 -P T -I D -S 0:99 -E 0 -a 5 -D 50:50 -p R -L 7');
  assert.equal(glued, apart);
  assert.equal([glued.options.threadCount, glued.options.transferMin, glued.heartbeatSeconds], [8, { unit: 'bytes', value: 8192 }, 1]);
});

test('the line of 2007 is understood as it stands', async () => {
  const { options, heartbeatSeconds, choice } = await loadOf('-PT -T1200 -h1 -K8 -B8192 -pL -ID');
  assert.equal([options.seconds, heartbeatSeconds, options.threadCount, choice.throughput], [1200, 1, 8, true]);
  assert.equal(options.seek, { order: 'linear', interleaved: false, atEnd: 'wrap' });
  assert.equal([options.reads, options.writes], [true, false]);
});

test('each option says what it says', async () => {
  const bytes = (value: number) => ({ unit: 'bytes', value });
  const table: readonly (readonly [string, Record<string, unknown>])[] = [
    ['-B 16', { transferMin: { unit: 'blocks', value: 16 }, transferMax: { unit: 'blocks', value: 16 } }],
    ['-B 256', { transferMin: { unit: 'blocks', value: 256 } }],
    ['-B 512', { transferMin: bytes(512), transferMax: bytes(512) }],
    ['-B 4k:1m', { transferMin: bytes(4096), transferMax: bytes(1_048_576) }],
    ['-B 4K', { transferMin: bytes(4000) }],
    ['-S 5', { firstLba: 5, lastLba: null }],
    ['-S 1k:2k', { firstLba: 1024, lastLba: 2048 }],
    ['-s 10:20', { firstLba: 10, lastLba: 20 }],
    ['-T 2m', { seconds: 120 }],
    ['-T 0.5', { seconds: 0.5 }],
    ['--seconds 1h', { seconds: 3600 }],
    ['-L 2k', { commandCountMax: 2048 }],
    ['-pl', { seek: { order: 'linear', interleaved: true, atEnd: 'wrap' } }],
    ['-pr', { seek: { order: 'random', interleaved: true, atEnd: 'wrap' } }],
    ['-pLd', { seek: { order: 'linear', interleaved: false, atEnd: 'reverse' } }],
    ['-plu', { seek: { order: 'linear', interleaved: true, atEnd: 'wrap' } }],
    ['-r', { reads: true, writes: false }],
    ['-w', { reads: false, writes: true }],
    ['-rw', { reads: true, writes: true, writePercent: 50 }],
    ['-rw -D 70:30', { reads: true, writes: true, writePercent: 30 }],
    ['-rw -D 20:70', { writePercent: 75 }],
    ['-D 100:0', { reads: true, writes: false }],
    ['-D 0:100', { reads: false, writes: true }],
    ['-D 60:40', { reads: true, writes: true, writePercent: 40 }],
    ['-w -E', { compareBytes: 0 }],
    ['-wE', { compareBytes: 0 }],
    ['-w --verify', { compareBytes: 0 }],
    ['-w -E64', { compareBytes: 64 }],
    ['-w -E 1k', { compareBytes: 1024 }],
    ['-r -E -a 0', { compareBytes: 0, seed: 0 }],
    ['-A c', { continueOnError: true }],
    ['--sessions 4', { sessionCount: 4 }],
    ['-z', {}],
  ];
  for (const [text, expected] of table) {
    const { options } = await loadOf(text);
    for (const [key, value] of Object.entries(expected)) assert.equal(options[key as keyof typeof options], value, `${text}: ${key}`);
  }
});

test('-P chooses what is told', async () => {
  assert.equal((await loadOf('-PX')).choice, { throughput: false, transfers: true, runTime: false, delimited: false });
  assert.equal((await loadOf('-PA')).choice, { throughput: true, transfers: true, runTime: true, delimited: false });
  assert.equal((await loadOf('-PTP')).choice, { throughput: true, transfers: false, runTime: false, delimited: true });
});

test('the preset gives the seed’s options, and typed ones go before it', async () => {
  const { options, heartbeatSeconds, isSeedPreset } = await loadOf('--preset seed --seconds 10 -K2');
  assert.ok(isSeedPreset);
  assert.equal([options.seconds, heartbeatSeconds, options.threadCount, options.transferMin.value], [10, 1, 2, 8192]);
  assert.is((await loadOf('--preset seed')).options.seconds, 1200);
});

test('a bare -E does not take the URL for its length', async () => {
  for (const text of ['-w -E', '-wE', '-rwE', '-w --verify']) assert.equal((await parse(['disktest', ...words(text), URL])).urls, [URL], text);
  assert.equal(withVerifyLength(['disktest', '-E', '32', '-B', '8k']), ['disktest', '-E', '32', '-B', '8k']);
  assert.equal(withVerifyLength(['serve', '-E']), ['serve', '-E']);
});

test('wrong values are told with their option', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['-K0', /^-K: expected a whole number from 1/],
    ['-Kx', /^-K: .*found "x"$/],
    ['-K 99999', /^-K: /],
    ['-B 0', /^-B: /],
    ['-B 1:2:3', /^-B: /],
    ['-B -1', /^-B: /],
    ['-p x', /^-p: /],
    ['-pRd', /^-p: /],
    ['-T 0', /^-T: /],
    ['-T soon', /^-T: /],
    ['-T 99999999', /^-T: /],
    ['-L 0', /^-L: /],
    ['-D 60:50', /^-D: /],
    ['-D 50', /^-D: /],
    ['-pL -rw -D 50:50', /^-D: a duty cycle is for random tests/],
    ['-pr -rw -D 50:50', /^-D: a duty cycle is for random tests/],
    ['-S 1:2 -s 1:2', /^-S and -s/],
    ['-S a:b', /^-S: /],
    ['-P Z', /^-P: expected letters of TXPRCA/],
    ['-I q', /^-I: /],
    ['-Is', /^-I: s /],
    ['-A m', /^-A: /],
    ['-a x', /^-a: /],
    ['-r -E', /^-E: .* give -a SEED/],
    ['--preset iet', /^--preset: expected seed/],
  ];
  for (const [text, message] of table) {
    let error: { code?: string; message?: string } = {};
    try {
      await loadOf(text);
    } catch (caught) {
      error = caught as typeof error;
    }
    assert.is(error.code, 'LOAD_USAGE', text);
    assert.match(error.message ?? '', message, text);
  }
});

test('turs takes its count in every way that sg_turs ever did', async () => {
  for (const text of ['-n 10000', '-n10000', '-n=10000', '--number 10000', '--number=10000', '--num=10000', '--preset seed']) {
    assert.is(tursSettings((await parse(['turs', ...words(text), URL])).turs).commandCount, 10_000, text);
  }
});

test('turs has defaults, a depth and a preset', async () => {
  const settingsOf = async (text: string) => tursSettings((await parse(['turs', ...words(text), URL])).turs);
  const plain = { commandCount: 1, depth: 1, time: false, digests: false, json: false, isSeedPreset: false };
  assert.equal(await settingsOf(''), plain);
  assert.equal(await settingsOf('-t -n=10000'), { ...plain, commandCount: 10_000, time: true });
  assert.equal(await settingsOf('-tn=5 -q8 --json --digests'), { commandCount: 5, depth: 8, time: true, digests: true, json: true, isSeedPreset: false });
  assert.equal(await settingsOf('--preset seed -n 50'), { ...plain, commandCount: 50, time: true, isSeedPreset: true });
  for (const text of ['-n 0', '-n x', '-q 0', '-q 99999', '--preset x']) {
    let code: unknown = null;
    try {
      await settingsOf(text);
    } catch (error) {
      code = (error as { code?: string }).code;
    }
    assert.is(code, 'LOAD_USAGE', text);
  }
});

test('a command without a URL, or with an option that there is not, is a usage error', async () => {
  for (const argv of [['turs'], ['disktest'], ['disktest', '-K8'], ['disktest', '-Y', URL], ['turs', '-x', URL]]) {
    const { exitCode, stderr } = await parse(argv);
    assert.is(exitCode, 2, argv.join(' '));
    assert.match(stderr, /^lunloom: /);
  }
});

test('-h is the heartbeat of disktest and help elsewhere', async () => {
  assert.is((await parse(['disktest', '-h', '1', URL])).disktest.heartbeat, '1');
  assert.is((await parse(['disktest', '-h1', URL])).disktest.heartbeat, '1');
  assert.equal(await parse(['turs', '-h']), { urls: [], disktest: {}, turs: {}, argsText: '', exitCode: 0, stderr: '' });
});

test('the START line gets the arguments as they were typed', async () => {
  assert.is((await parse(['disktest', '-PT', '-wE', URL])).argsText, `-PT -wE ${URL}`);
});

test.run();
