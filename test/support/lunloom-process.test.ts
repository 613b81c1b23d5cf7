import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';
import { LunloomProcess, withLunloom } from './lunloom-process.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:process';

async function failureOf(run: () => Promise<unknown>): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  return assert.unreachable('it did not fail') as never;
}

test('it serves what the options say and stops with 0', async () => {
  const lunloom = await LunloomProcess.start({ args: ['--target', TARGET_NAME, '--lun', '3=ram:1MiB,block-size=4096'] });
  assert.is(lunloom.url(3), `iscsi://127.0.0.1:${lunloom.port}/${TARGET_NAME}/3`);
  assert.equal(
    lunloom.targets.map(({ name, luns }) => [name, luns.map((lun) => [lun.lun, lun.sizeBytes, lun.blockLengthBytes])]),
    [[TARGET_NAME, [[3, 1024 * 1024, 4096]]]],
  );
  await new Promise<void>((resolve) => {
    const socket = connect(lunloom.port, lunloom.address, () => socket.end(resolve));
  });
  assert.equal(await lunloom.stop(), { exitCode: 0, signal: null });
  assert.equal(
    lunloom.events.map(({ event }) => event),
    ['ready', 'stopping', 'stopped'],
  );
  assert.is(lunloom.stderr, '');
});

test('a configuration of several targets is served, and its file is gone afterwards', async () => {
  const names = ['iqn.2026-11.io.lunloom:a', 'iqn.2026-11.io.lunloom:b'];
  const config = { targets: names.map((name) => ({ name, luns: [{ lun: 0, store: 'ram:1MiB' }] })), workers: 0 };
  await withLunloom({ config }, async (lunloom) => {
    assert.equal(
      lunloom.targets.map(({ name }) => name),
      names,
    );
    assert.match(lunloom.url(0, names[1]), /b\/0$/);
  });
});

test('a configuration that is refused is told with what it says on stderr', async () => {
  const error = await failureOf(() => LunloomProcess.start({ args: ['--lun', '0=rum:1MiB'] }));
  assert.is((error as TargetError).code, 'LUNLOOM_NOT_READY');
  assert.match(error.message, /exit code 2.*rum/s);
});

test('a process that does not get ready is ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-hang-'));
  const hang = join(folder, 'hang.cjs');
  writeFileSync(hang, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
  const error = await failureOf(() => LunloomProcess.start({ nodeArgs: ['--require', hang], readyMsMax: 300 }));
  rmSync(folder, { recursive: true });
  assert.match(error.message, 'was not ready after 300 ms');
});

test('kill ends it without a word', async () => {
  const lunloom = await LunloomProcess.start({ args: ['--lun', '0=ram:1MiB'] });
  assert.equal(await lunloom.kill(), { exitCode: null, signal: 'SIGKILL' });
  assert.not(existsSync(`/proc/${lunloom.pid}`));
});

test('a test that fails has its process stopped and its own error thrown', async () => {
  let pid = 0;
  const error = await failureOf(() =>
    withLunloom({ args: ['--lun', '0=ram:1MiB'] }, async (lunloom) => {
      pid = lunloom.pid;
      throw new TargetError('MINE', 'mine');
    }),
  );
  assert.is(error.message, 'mine');
  assert.not(existsSync(`/proc/${pid}`));
});

test('words on stderr fail the test that left them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-warn-'));
  const warn = join(folder, 'warn.cjs');
  writeFileSync(warn, 'process.emitWarning("a defect", "LunloomDefect");');
  const error = await failureOf(() => withLunloom({ nodeArgs: ['--require', warn], args: ['--lun', '0=ram:1MiB'] }, async () => {}));
  rmSync(folder, { recursive: true });
  assert.match(error.message, /exit code 0.*LunloomDefect: a defect/);
});

test.run();
