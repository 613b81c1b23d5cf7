// test-timeout: 120 s
// test-beside: it waits most of the time
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { LunloomProcess } from '../support/lunloom-process.js';

const MIB = 1024 * 1024;
const SIZE_BYTES = 16 * MIB;
const BLOCK = 512;
const TARGET = 'iqn.2026-11.io.lunloom:sanitize';
const POLL_MS = 50;
const SANITIZE_IN_PROGRESS = 0x041b;
const FORMAT_CORRUPTED = 0x3100;
const PATTERN = 0x5a;

const test = suite<{ folder: string; image: string }>('sanitize and restart');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-sanitize-'));
  context.image = join(context.folder, 'disk.img');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

/** Slow enough to be met in the middle of it. */
function serve(folder: string, image: string, execution: string): Promise<LunloomProcess> {
  const lun = { lun: 0, store: `file:${image}`, size: `${SIZE_BYTES / MIB}MiB`, execution };
  return LunloomProcess.start({
    args: ['--workers', '1'],
    config: { state: join(folder, 'state'), limits: { backgroundBytesPerSecondMax: 16 * MIB }, targets: [{ name: TARGET, luns: [lun] }] },
  });
}

async function login(lunloom: LunloomProcess): Promise<LogicalUnitClient> {
  const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: TARGET });
  const unit = new LogicalUnitClient(session, 0);
  // TEST UNIT READY would not do: the unit may have no other answer than that it is not ready.
  while ((await unit.requestSense())?.key === 0x6);
  return unit;
}

async function progressOf(unit: LogicalUnitClient): Promise<number> {
  const sense = await unit.requestSense();
  assert.is(sense?.ascAscq, SANITIZE_IN_PROGRESS);
  assert.is.not(sense?.progress, null);
  return sense?.progress as number;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

async function untilProgress(unit: LogicalUnitClient, least: number): Promise<number> {
  for (;;) {
    const progress = await progressOf(unit);
    if (progress >= least) return progress;
    await pause();
  }
}

async function untilReady(unit: LogicalUnitClient): Promise<void> {
  while ((await unit.requestSense())?.key !== 0x0) await pause();
  await unit.testUnitReady();
}

/** Three passes of a pattern that is inverted in between, without waiting for them. */
async function overwrite(unit: LogicalUnitClient): Promise<void> {
  const dataOut = Uint8Array.of(0x83, 0, 0, 1, PATTERN);
  await unit.run('SANITIZE', { cdb: Uint8Array.of(0x48, 0x81, 0, 0, 0, 0, 0, 0, dataOut.length, 0), dataOut });
}

async function fill(unit: LogicalUnitClient): Promise<void> {
  for (let lba = 0; lba < SIZE_BYTES / BLOCK; lba += 2048) await unit.write(lba, new Uint8Array(2048 * BLOCK).fill(0xdd), BLOCK);
}

for (const execution of ['inline', 'pool'] as const) {
  test(`a sanitize that was begun goes on after kill -9, from the pass where it was, ${execution}`, async ({ folder, image }) => {
    const first = await serve(folder, image, execution);
    const before = await login(first);
    await fill(before);
    await overwrite(before);
    await untilProgress(before, 0.4);
    await first.kill();

    const second = await serve(folder, image, execution);
    try {
      const after = await login(second);
      assert.ok((await progressOf(after)) >= 0.33, 'the first pass is not done again');
      // It is written beside the work of initiators: the engine still answers.
      await after.inquiry();
      assert.ok(await isRefused(() => after.read(0, 1, BLOCK)), 'nothing is read meanwhile');
      await untilReady(after);
      assert.ok((await after.read(0, 2048, BLOCK)).every((byte) => byte === PATTERN));
    } finally {
      await second.stop();
    }
    assert.ok(
      readFileSync(image).every((byte) => byte === PATTERN),
      'none of the data is left',
    );
  });
}

test('a sanitize that a stop of the engine interrupts goes on afterwards, and a third start finds nothing to do', async ({ folder, image }) => {
  const first = await serve(folder, image, 'inline');
  await overwrite(await login(first));
  assert.equal(await first.stop(), { exitCode: 0, signal: null });
  const second = await serve(folder, image, 'inline');
  const after = await login(second);
  await progressOf(after);
  await untilReady(after);
  await second.kill();
  const third = await serve(folder, image, 'inline');
  await (await login(third)).testUnitReady();
  await third.stop();
});

test('a format that kill -9 interrupts leaves a corrupt medium until the next one', async ({ folder, image }) => {
  const first = await serve(folder, image, 'inline');
  const before = await login(first);
  await fill(before);
  await before.run('FORMAT UNIT', { cdb: Uint8Array.of(0x04, 0x10, 0, 0, 0, 0), dataOut: Uint8Array.of(0, 0x8a, 0, 0, 0, 1, 0, 1, PATTERN) });
  await first.kill();
  const second = await serve(folder, image, 'inline');
  try {
    const after = await login(second);
    assert.is((await after.requestSense())?.ascAscq, FORMAT_CORRUPTED);
    assert.ok(await isRefused(() => after.read(0, 1, BLOCK)));
    await after.run('FORMAT UNIT', { cdb: Uint8Array.of(0x04, 0, 0, 0, 0, 0) });
    assert.ok((await after.read(0, 2048, BLOCK)).every((byte) => byte === 0));
  } finally {
    await second.stop();
  }
});

async function isRefused(run: () => Promise<unknown>): Promise<boolean> {
  return run().then(
    () => false,
    () => true,
  );
}

test.run();
