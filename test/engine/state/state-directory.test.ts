import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../engine/errors.js';
import { defaultLimits, resolveLimits } from '../../../engine/limits.js';
import { StateDirectory } from '../../../engine/state/index.js';
import { type StateIo, stateIo } from '../../../engine/state/state-io.js';
import { seededRandom } from '../../support/random.js';

const TARGET = 'iqn.2026-11.io.lunloom:Demo/ü';

const test = suite<{ folder: string; path: string }>('state directory');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-state-'));
  context.path = join(context.folder, 'state');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, TargetError);
    return (error as TargetError).code;
  }
  return 'none';
}

async function rejection(promise: Promise<void>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error as TargetError).code,
  );
}

/** The one file, after these values were saved and the directory was closed. */
async function writeFiles(path: string, sections: Record<string, unknown>): Promise<string> {
  const state = StateDirectory.open(path, defaultLimits);
  const unit = state.unitState(TARGET, 7);
  for (const [section, value] of Object.entries(sections)) await unit.save(section, value as string);
  await state.close();
  return unit.path;
}

test('what was saved is there after a restart, and only for the unit that saved it', async ({ path }) => {
  await writeFiles(path, { mode: { '0a': 'AAE=' }, reservations: [1, 'two', null, { three: false }], gone: 1 });
  const state = StateDirectory.open(path, defaultLimits);
  const unit = state.unitState(TARGET, 7);
  assert.ok(unit.isKept);
  assert.equal(unit.load('mode'), { '0a': 'AAE=' });
  assert.equal(unit.load('reservations'), [1, 'two', null, { three: false }]);
  assert.is(unit.load('other'), undefined);
  assert.is(state.unitState(TARGET, 8).load('mode'), undefined);
  await unit.save('gone', null);
  await state.close();
  const again = StateDirectory.open(path, defaultLimits);
  assert.is(again.unitState(TARGET, 7).load('gone'), undefined);
  assert.equal(again.unitState(TARGET, 7).load('mode'), { '0a': 'AAE=' });
  await again.close();
});

test('directory and files are their owner’s alone, and the file can be read by people', async ({ path }) => {
  const file = await writeFiles(path, { mode: { a: 1 } });
  assert.is(statSync(path).mode & 0o777, 0o700);
  assert.is(statSync(file).mode & 0o777, 0o600);
  const { format, version, target, lun, sections } = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal({ format, version, target, lun, sections }, { format: 'lunloom-unit-state', version: 1, target: TARGET, lun: 7, sections: { mode: { a: 1 } } });
  assert.match(file, /iqn\.2026-11\.io\.lunloom_demo___?-lun7-[0-9a-f]{16}\.json$/);
});

test('every byte that is changed and every length that is cut is found, and the file stays as it is', async ({ path }) => {
  const file = await writeFiles(path, { mode: { '0a': 'x' } });
  const whole = readFileSync(file);
  const refused = (bytes: Uint8Array, what: string) => {
    writeFileSync(file, bytes);
    const code = codeOf(() => StateDirectory.open(path, defaultLimits));
    assert.ok(['STATE_CORRUPT', 'STATE_VERSION', 'STATE_FOREIGN'].includes(code), `${what}: ${code}`);
    assert.ok(readFileSync(file).equals(bytes), `${what}: untouched`);
  };
  for (let at = 0; at < whole.length; at++) {
    for (const flip of [0x01, 0x10, 0x20, 0x80]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ flip;
      refused(bytes, `byte ${at} ^ ${flip}`);
    }
    refused(whole.subarray(0, at), `cut to ${at}`);
  }
  refused(Buffer.concat([whole, Buffer.from(' ')]), 'a byte more');
  writeFileSync(file, whole);
  await StateDirectory.open(path, defaultLimits).close();
});

test('other versions, other units and other formats are told apart', async ({ path }) => {
  const file = await writeFiles(path, { mode: 1 });
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('"version": 1', '"version": 2'));
  assert.is(
    codeOf(() => StateDirectory.open(path, defaultLimits)),
    'STATE_VERSION',
  );
  writeFileSync(file, '{"format":"other"}');
  assert.is(
    codeOf(() => StateDirectory.open(path, defaultLimits)),
    'STATE_FOREIGN',
  );
  writeFileSync(file, text);
  renameSync(file, file.replace('-lun7-', '-lun8-'));
  assert.is(
    codeOf(() => StateDirectory.open(path, defaultLimits)),
    'STATE_FOREIGN',
  );
});

test('files of others stay, leftovers of cut saves go', async ({ path }) => {
  const file = await writeFiles(path, { mode: 1 });
  writeFileSync(join(path, 'README'), 'mine');
  writeFileSync(join(path, 'notes.tmp'), 'mine');
  writeFileSync(`${file}.tmp`, 'half a fi');
  const state = StateDirectory.open(path, defaultLimits);
  assert.equal(readdirSync(path).sort(), ['README', file.slice(path.length + 1), 'lock', 'notes.tmp'].sort());
  await state.close();
});

test('a second engine is kept out until the first has closed', async ({ path }) => {
  const state = StateDirectory.open(path, defaultLimits);
  assert.is(
    codeOf(() => StateDirectory.open(path, defaultLimits)),
    'STATE_IN_USE',
  );
  await state.close();
  assert.equal(readdirSync(path), []);
  await StateDirectory.open(path, defaultLimits).close();
});

test('a lock of a process that is gone, of another start of its number or of another boot, and a torn one are taken over', async ({ path }) => {
  const taken = StateDirectory.open(path, defaultLimits);
  const own = JSON.parse(readFileSync(join(path, 'lock'), 'utf8'));
  await taken.close();
  for (const stale of [{ ...own, pid: 2 ** 22 + 1 }, { ...own, startTicks: '1' }, { ...own, boot: 'before' }, '', 'torn {']) {
    writeFileSync(join(path, 'lock'), typeof stale === 'string' ? stale : JSON.stringify(stale));
    await StateDirectory.open(path, defaultLimits).close();
    assert.equal(readdirSync(path), []);
  }
});

test('a directory that cannot be made is STATE_OPEN_FAILED, with its path', ({ path }) => {
  try {
    StateDirectory.open(join(path, 'deeper'), defaultLimits);
    assert.unreachable();
  } catch (error) {
    assert.is((error as TargetError).code, 'STATE_OPEN_FAILED');
    assert.match((error as TargetError).message, /state\/deeper.*ENOENT/);
  }
});

/** The real file system until told; counts files written, and can be held up. */
class FaultyIo implements StateIo {
  failing: keyof StateIo | null = null;
  writtenCount = 0;
  gate: Promise<void> = Promise.resolve();

  async writeNew(path: string, bytes: Uint8Array): Promise<void> {
    await this.gate;
    this.writtenCount++;
    await stateIo.writeNew(path, this.failing === 'writeNew' ? bytes.subarray(0, 9) : bytes);
    if (this.failing === 'writeNew') throw fault('ENOSPC');
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.failing === 'rename') throw fault('EIO');
    await stateIo.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return stateIo.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await stateIo.syncDirectory(path);
    if (this.failing === 'syncDirectory') throw fault('EIO');
  }
}

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new TargetError(code, `${code}: it failed`), { code });
}

test('a save that fails is told to who asked, changes nothing, and later ones succeed', async ({ path }) => {
  const io = new FaultyIo();
  const state = StateDirectory.open(path, defaultLimits, io);
  const unit = state.unitState(TARGET, 7);
  await unit.save('mode', 'old');
  for (const failing of ['writeNew', 'rename', 'syncDirectory'] as const) {
    io.failing = failing;
    assert.is(await rejection(unit.save('mode', `not kept: ${failing}`)), 'STATE_SAVE_FAILED', failing);
    assert.is(unit.load('mode'), 'old');
    io.failing = null;
    await unit.save('other', failing);
    assert.match(readFileSync(unit.path, 'utf8'), /"mode": "old"/);
  }
  assert.equal(readdirSync(path).length, 2, 'the file and the lock');
  await state.close();
});

test('saves are done in order, and those that come together are written together', async ({ path }) => {
  const io = new FaultyIo();
  let open = (): void => {};
  io.gate = new Promise((resolve) => {
    open = resolve;
  });
  const state = StateDirectory.open(path, defaultLimits, io);
  const unit = state.unitState(TARGET, 7);
  const ended: number[] = [];
  const value = { step: 0 };
  const saves = Array.from({ length: 50 }, (_, step) => {
    value.step = step;
    // The caller's object changes after each save: what it was then is kept.
    return unit.save(step % 2 === 0 ? 'even' : 'odd', value).then(() => ended.push(step));
  });
  const closed = state.close().then(() => ended.push(-1));
  open();
  await Promise.all([...saves, closed]);
  assert.equal(ended, [...saves.keys(), -1], 'in order, and closing waits for all of them');
  assert.is(io.writtenCount, 2);
  assert.equal([unit.load('even'), unit.load('odd')], [{ step: 48 }, { step: 49 }]);
});

test('a value that is too large is refused alone, and a file that is too large at the start', async ({ path }) => {
  const limits = resolveLimits({ stateFileBytesMax: 64 * 1024 });
  const state = StateDirectory.open(path, limits);
  const unit = state.unitState(TARGET, 7);
  const outcomes = await Promise.all([unit.save('a', 1), unit.save('b', 'x'.repeat(64 * 1024)), unit.save('c', 3)].map(rejection));
  assert.equal(outcomes, ['none', 'STATE_TOO_LARGE', 'none']);
  assert.equal([unit.load('a'), unit.load('b'), unit.load('c')], [1, undefined, 3]);
  await state.close();
  await writeFiles(path, { big: 'x'.repeat(64 * 1024) });
  assert.is(
    codeOf(() => StateDirectory.open(path, limits)),
    'STATE_TOO_LARGE',
  );
});

test('a directory that nobody may write refuses saves with a TargetError', async ({ path }) => {
  const state = StateDirectory.open(path, defaultLimits);
  const unit = state.unitState(TARGET, 7);
  chmodSync(path, 0o500);
  const outcome = await rejection(unit.save('mode', 1));
  chmodSync(path, 0o700);
  // Root may write everywhere.
  assert.is(outcome, process.getuid?.() === 0 ? 'none' : 'STATE_SAVE_FAILED');
  await state.close();
});

const SAVING_CHILD = `
import { StateDirectory } from ${JSON.stringify(new URL('../../../engine/state/index.js', import.meta.url).href)};
import { defaultLimits } from ${JSON.stringify(new URL('../../../engine/limits.js', import.meta.url).href)};
const state = StateDirectory.open(process.argv[1], defaultLimits);
const unit = state.unitState('iqn.2026-11.io.lunloom:kill', 0);
let step = unit.load('step') ?? 0;
for (;;) {
  step++;
  await Promise.all([unit.save('filling', 'x'.repeat(step * 997 % 20000)), unit.save('step', step)]);
  process.stdout.write(step + '\\n');
}`;
const KILL_COUNT = 30;

async function killAfter(child: ChildProcess, ms: number): Promise<number> {
  let text = '';
  let armed = false;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    if (armed) return;
    armed = true;
    setTimeout(() => child.kill('SIGKILL'), ms);
  });
  await closed;
  // A line that the kill cut off was not heard whole.
  return Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1));
}

test('after each of 30 times kill -9 amid saves the state loads, with everything that was acknowledged', async ({ path }) => {
  const random = seededRandom(5);
  let acknowledged = 0;
  for (let round = 0; round < KILL_COUNT; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', SAVING_CHILD, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const last = await killAfter(child, random.below(40));
    assert.ok(last > acknowledged, `round ${round}: it went on from ${acknowledged} to ${last}`);
    const state = StateDirectory.open(path, defaultLimits);
    const kept = state.unitState('iqn.2026-11.io.lunloom:kill', 0).load('step') as number;
    assert.ok(kept >= last && kept <= last + 1, `round ${round}: ${last} was acknowledged, ${kept} is kept`);
    acknowledged = last;
    await state.close();
  }
});

test.run();
