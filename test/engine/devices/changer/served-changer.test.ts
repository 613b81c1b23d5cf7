import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfigDocument } from '../../../../engine/config/config-document.js';
import { Engine } from '../../../../engine/engine.js';
import { TargetError } from '../../../../engine/errors.js';
import { makeFolder } from './changer-fixture.js';

const TARGET = 'iqn.2026-11.io.lunloom:library';

interface Place {
  readonly folder: string;
  readonly library: string;
}

function makePlace(drives = '[1]'): Place {
  const folder = makeFolder();
  const library = join(folder, 'lab.lib.yaml');
  mkdirSync(join(folder, 'tapes'));
  writeFileSync(library, `drives: ${drives}\nslots: 2\ncartridges:\n  - { path: tapes/a.tape, barcode: AAA }\n`);
  return { folder, library };
}

function start(luns: readonly object[]): Promise<Engine> {
  const raw = { portals: ['127.0.0.1:0'], workers: 0, control: 'off', targets: [{ name: TARGET, luns }] };
  const { config, problems } = readConfigDocument(raw, process.cwd());
  assert.equal(problems, []);
  assert.ok(config);
  return Engine.start(config, { onDefect: (error) => assert.unreachable(String(error)) });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    return error.code;
  }
}

const tape = { lun: 1, store: 'tape:', capacity: '16MiB' };
const changerOf = ({ library }: Place) => ({ lun: 3, store: `changer:${library}` });
const operate = (engine: Engine, name: string, ...args: string[]) => engine.units.operate(TARGET, 3, name, args);

test('a library whose drive is a disk, or not there, keeps the engine from starting, and lets go of its state', async () => {
  const place = makePlace();
  assert.is(await codeOf(start([{ lun: 1, store: 'ram:1MiB' }, changerOf(place)])), 'LIBRARY_DRIVE');
  assert.is(await codeOf(start([changerOf(place)])), 'LIBRARY_DRIVE');
  assert.not.ok(existsSync(`${place.folder}/lab.lib.state`));
  const engine = await start([tape, changerOf(place)]);
  await engine.stop();
});

test('a library that is added while the engine runs is refused for the same reason, and leaves nothing behind', async () => {
  const place = makePlace();
  const engine = await start([{ lun: 0, store: 'ram:1MiB' }]);
  assert.is(await codeOf(engine.units.add(TARGET, changerOf(place))), 'LIBRARY_DRIVE');
  await engine.units.add(TARGET, tape);
  await engine.units.add(TARGET, changerOf(place));
  await operate(engine, 'move', 'slot=1', 'drive=1');
  assert.ok(existsSync(join(place.folder, 'tapes/a.tape')), 'the drive has made the cartridge');
  await engine.stop();
});

test('a drive that is taken away while it holds a cartridge of the library: its element is disabled until it is back', async () => {
  const place = makePlace();
  const engine = await start([tape, changerOf(place)]);
  await operate(engine, 'move', 'slot=1', 'drive=1');
  await engine.units.remove(TARGET, 1);
  assert.is(await codeOf(operate(engine, 'move', 'drive=1', 'slot=2')), 'LIBRARY_NO_DRIVE');
  await engine.units.add(TARGET, tape);
  await operate(engine, 'move', 'drive=1', 'slot=2');
  await engine.stop();
});

test('an engine that starts again has the cartridge in its drive before anybody can ask', async () => {
  const place = makePlace();
  const first = await start([tape, changerOf(place)]);
  await operate(first, 'move', 'slot=1', 'drive=1');
  await first.stop();
  const second = await start([tape, changerOf(place)]);
  assert.is(second.describe()[0]?.luns[0]?.sizeBytes, 16 * 1024 * 1024);
  await second.stop();
});

test.run();
