// test-timeout: 120 s
// test-beside: it waits most of the time
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exitCodeOf } from '../../cli/exit-codes.js';
import { overlayOptions } from '../../cli/overlay.js';
import { errorLines } from '../../cli/report-error.js';
import { resolveConfig } from '../../engine/config/load-config.js';
import { Engine } from '../../engine/engine.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { runCli } from './cli-child.js';
import { makeGoodMedia } from './good-media.js';
import { snapshotOf } from './media-snapshot.js';
import { makeTapeNewer, spoilTapeHeaders, spoilTapeSuperblocks } from './spoilt-tapes.js';

// What is no good is refused at the start in a sentence that says which LUN, which file, what is wrong and what can be done, and stays as it is.

const folder = mkdtempSync(join(tmpdir(), 'lunloom-bad-media-'));
const good = join(folder, 'good');
test.before(async () => {
  mkdirSync(good);
  await makeGoodMedia(good);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const CANNOT_OPEN = 5;
const CONFIGURATION = 3;
const USAGE = 2;

interface Refusal {
  readonly what: string;
  /** In a copy of the good media. */
  readonly spoil?: (at: (name: string) => string) => void;
  /** `DIR` stands for the folder. */
  readonly luns: readonly string[];
  readonly exitCode?: number;
  /** In stderr, in which `DIR` stands for the folder. */
  readonly says: readonly string[];
}

/** As the program does it, or by the program. */
async function start(luns: readonly string[], isChild: boolean): Promise<{ readonly exitCode: number | null; readonly stderr: string }> {
  if (isChild) return runCli(['serve', '--json', '--portal', '127.0.0.1:0', '--control', 'off', ...luns.flatMap((lun) => ['--lun', lun])]);
  try {
    const options = { portal: ['127.0.0.1:0'], control: 'off', workers: '0', lun: luns };
    const engine = await Engine.start(resolveConfig(overlayOptions(null, options, folder)));
    await engine.stop({ immediately: true });
    return { exitCode: 0, stderr: '' };
  } catch (error) {
    return { exitCode: exitCodeOf(error), stderr: errorLines(error, false).join('\n') };
  }
}

async function refuse({ what, spoil, luns, exitCode = CANNOT_OPEN, says }: Refusal, media: readonly string[], isChild: boolean): Promise<void> {
  const place = mkdtempSync(join(folder, 'case-'));
  for (const name of media) cpSync(join(good, name), join(place, name), { recursive: true, preserveTimestamps: true });
  spoil?.((name) => join(place, name));
  const before = snapshotOf(place, ['store']);
  const end = await start(
    luns.map((lun) => lun.replaceAll('DIR', place)),
    isChild,
  );
  const stderr = end.stderr.replaceAll(place, 'DIR');
  assert.is(end.exitCode, exitCode, `${what}: ${stderr}`);
  for (const text of says) assert.ok(stderr.includes(text), `${what}: ${JSON.stringify(text)} is in ${stderr}`);
  assert.not.match(stderr, /^ {4}at |internal error/m);
  assert.equal(snapshotOf(place, ['store']), before, `${what}: nothing has changed`);
  rmSync(place, { recursive: true });
}

/** The first of each is a child of its own; starts of the others are the same, in this process. */
function refuseAll(name: string, media: readonly string[], refusals: readonly Refusal[]): void {
  test(name, async () => {
    for (const [index, refusal] of refusals.entries()) await refuse(refusal, media, index === 0);
  });
}

const NOISE = Buffer.from('This is no medium at all, but somebody wants to keep it.\n'.repeat(100));

refuseAll(
  'tapes',
  ['a.tape', 'a.iso', 'store'],
  [
    { what: 'other content', spoil: (at) => writeFileSync(at('a.tape'), NOISE), luns: ['1=tape:DIR/a.tape'], says: ['LUN 1: DIR/a.tape is no tape image'] },
    {
      what: 'other content with a capacity',
      spoil: (at) => writeFileSync(at('a.tape'), NOISE),
      luns: ['1=tape:DIR/a.tape,capacity=16MiB'],
      says: ['LUN 1: DIR/a.tape is no tape image'],
    },
    {
      what: 'an empty file',
      spoil: (at) => truncateSync(at('a.tape'), 0),
      luns: ['1=tape:DIR/a.tape,capacity=16MiB'],
      says: ['LUN 1: ', 'DIR/a.tape', 'empty'],
    },
    { what: 'a header cut off', spoil: (at) => truncateSync(at('a.tape'), 100), luns: ['1=tape:DIR/a.tape'], says: ['LUN 1: ', 'DIR/a.tape', 'damaged'] },
    {
      what: 'both headers torn',
      spoil: (at) => spoilTapeHeaders(at('a.tape')),
      luns: ['1=tape:DIR/a.tape'],
      says: ['LUN 1: ', 'the header of the tape image DIR/a.tape is damaged, and so is its copy'],
    },
    {
      what: 'both superblocks torn',
      spoil: (at) => spoilTapeSuperblocks(at('a.tape')),
      luns: ['1=tape:DIR/a.tape'],
      says: ['LUN 1: both superblocks of the tape image DIR/a.tape are damaged'],
    },
    {
      what: 'a newer version',
      spoil: (at) => makeTapeNewer(at('a.tape')),
      luns: ['1=tape:DIR/a.tape'],
      says: ['LUN 1: DIR/a.tape is a tape image of version 2; this program knows version 1', 'newer'],
    },
    { what: 'not there', luns: ['1=tape:DIR/none.tape'], says: ['LUN 1: the tape image DIR/none.tape does not exist; with a capacity it is made'] },
    { what: 'no folder for it', luns: ['1=tape:DIR/none/a.tape,capacity=16MiB'], says: ['LUN 1: ', 'DIR/none/a.tape'] },
    { what: 'a folder', luns: ['1=tape:DIR/store'], says: ['LUN 1: DIR/store is not a regular file'] },
    { what: 'the second of two LUNs', luns: ['1=cdrom:DIR/a.iso', '2=tape:DIR/none.tape'], says: ['LUN 2: the tape image DIR/none.tape does not exist'] },
  ],
);

refuseAll(
  'discs',
  ['a.iso', 'disc', 'disc.disc', 'store'],
  [
    { what: 'an empty image', spoil: (at) => truncateSync(at('a.iso'), 0), luns: ['2=cdrom:DIR/a.iso'], says: ['LUN 2: DIR/a.iso is empty'] },
    {
      what: 'an empty image for a blank disc',
      spoil: (at) => truncateSync(at('a.iso'), 0),
      luns: ['2=cdrom:DIR/a.iso,profile=dvd+r'],
      says: ['LUN 2: ', 'DIR/a.iso'],
    },
    { what: 'not there', luns: ['2=cdrom:DIR/none.iso'], says: ['LUN 2: DIR/none.iso does not exist; a blank disc is made with profile='] },
    {
      what: 'less than a block',
      spoil: (at) => truncateSync(at('a.iso'), 100),
      luns: ['2=cdrom:DIR/a.iso'],
      says: ['LUN 2: DIR/a.iso has 100 bytes, which is less than one block'],
    },
    { what: 'a folder', luns: ['2=cdrom:DIR/store'], says: ['LUN 2: DIR/store is neither a file nor a block device'] },
    { what: 'an image for a blank disc', luns: ['2=cdrom:DIR/a.iso,profile=dvd+r'], says: ['LUN 2: ', 'DIR/a.iso', 'Nothing was changed'] },
    {
      what: 'a record that is torn',
      spoil: (at) => truncateSync(at('disc.disc'), 200),
      luns: ['2=cdrom:DIR/disc'],
      says: ['LUN 2: DIR/disc.disc is damaged', 'Put a copy back'],
    },
    {
      what: 'a record that was changed',
      spoil: (at) => writeFileSync(at('disc.disc'), readFileSync(at('disc.disc'), 'utf8').replace('"finalized": false', '"finalized": true')),
      luns: ['2=cdrom:DIR/disc'],
      says: ['LUN 2: DIR/disc.disc is damaged'],
    },
    {
      what: 'a newer record',
      spoil: (at) => writeFileSync(at('disc.disc'), readFileSync(at('disc.disc'), 'utf8').replace('"version": 1', '"version": 2')),
      luns: ['2=cdrom:DIR/disc'],
      says: ['LUN 2: DIR/disc.disc has version 2 and this Lunloom reads version 1'],
    },
    {
      what: 'a record of something else',
      spoil: (at) => writeFileSync(at('disc.disc'), '{"name":"mine"}\n'),
      luns: ['2=cdrom:DIR/disc'],
      says: ['LUN 2: DIR/disc.disc is no record of a disc'],
    },
    { what: 'a record of another size', spoil: (at) => truncateSync(at('disc'), 2048), luns: ['2=cdrom:DIR/disc'], says: ['LUN 2: ', 'DIR/disc'] },
    { what: 'another profile', luns: ['2=cdrom:DIR/disc,profile=bd-re'], says: ['LUN 2: DIR/disc is a dvd+r and not a bd-re'] },
  ],
);

const LIBRARY_ERRORS =
  'drives: [1, 1]\nslotz: 3\nslots: 4\ncartridges:\n  - { path: a.tape, barcode: A1 }\n  - { path: b.tape, barcode: A1 }\n  - { path: c.tape, slot: 99 }\n';
const library = (text: string) => (at: (name: string) => string) => writeFileSync(at('a.lib.yaml'), text);
const LIBRARY = ['1=tape:,capacity=16MiB', '3=changer:DIR/a.lib.yaml'] as const;

refuseAll(
  'libraries',
  ['a.lib.yaml', 'a.lib.state', 'b.tape'],
  [
    { what: 'syntax', spoil: library('drives: [1\nslots: 4\n'), luns: LIBRARY, exitCode: CONFIGURATION, says: ['DIR/a.lib.yaml:2:', 'nothing was started'] },
    {
      what: 'several errors',
      spoil: library(LIBRARY_ERRORS),
      luns: LIBRARY,
      exitCode: CONFIGURATION,
      says: [
        'DIR/a.lib.yaml:1:13: drives[1]',
        'DIR/a.lib.yaml:2:1: slotz: unknown key; did you mean "slots"?',
        'DIR/a.lib.yaml:6:30: cartridges[1].barcode: the barcode A1 is that of cartridges[0] already',
        'DIR/a.lib.yaml:7:27: cartridges[2].slot: expected a number from 1 to 4, found 99',
      ],
    },
    { what: 'not there', luns: ['3=changer:DIR/none.lib.yaml'], exitCode: CONFIGURATION, says: ['DIR/none.lib.yaml: there is no such file'] },
    {
      what: 'a drive that is none',
      luns: ['1=ram:1MiB', '3=changer:DIR/a.lib.yaml'],
      says: ['LUN 3: the library has LUN 1 as a drive, and it is no drive', '--lun 1=tape:'],
    },
    { what: 'a drive that is not there', luns: ['3=changer:DIR/a.lib.yaml'], says: ['LUN 3: the library has LUN 1 as a drive, and there is no such LUN'] },
    { what: 'a torn state', spoil: (at) => truncateSync(at('a.lib.state'), 50), luns: LIBRARY, says: ['LUN 3: DIR/a.lib.state is damaged', 'Put a copy back'] },
    {
      what: 'a newer state',
      spoil: (at) => writeFileSync(at('a.lib.state'), newerState(readFileSync(at('a.lib.state'), 'utf8'))),
      luns: LIBRARY,
      says: ['LUN 3: DIR/a.lib.state has version 2 and this Lunloom reads version 1'],
    },
  ],
);

function newerState(text: string): string {
  return text.replace('"version": 1', '"version": 2');
}

refuseAll(
  'object stores',
  ['store', 'a.iso'],
  [
    { what: 'a file', luns: ['4=osd:DIR/a.iso'], says: ['LUN 4: DIR/a.iso is no directory'] },
    { what: 'something else', spoil: (at) => rmSync(at('store/version')), luns: ['4=osd:DIR'], says: ['LUN 4: DIR is no object store but has '] },
    {
      what: 'a newer version',
      spoil: (at) => writeFileSync(at('store/version'), 'lunloom object store\nversion 2\n'),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: the object store DIR/store has version 2'],
    },
    {
      what: 'a torn version',
      spoil: (at) => writeFileSync(at('store/version'), 'lunloom obj'),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: DIR/store/version is not that of an object store'],
    },
    {
      what: 'an empty version',
      spoil: (at) => writeFileSync(at('store/version'), ''),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: DIR/store/version is not that of an object store'],
    },
    {
      what: 'metadata cut short',
      spoil: (at) => truncateSync(at('store/meta/data.mdb'), 8192),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: the metadata DIR/store/meta/data.mdb were cut short'],
    },
    {
      what: 'metadata gone',
      spoil: (at) => rmSync(at('store/meta/data.mdb')),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: the metadata DIR/store/meta/data.mdb are missing'],
    },
    {
      what: 'torn marks',
      spoil: (at) => truncateSync(at('store/meta/flushed'), 10),
      luns: ['4=osd:DIR/store'],
      says: ['LUN 4: DIR/store/meta/flushed is damaged'],
    },
    { what: 'no folder for it', luns: ['4=osd:DIR/none/store'], says: ['LUN 4: the object store DIR/none/store cannot be opened'] },
  ],
);

refuseAll(
  'passthrough',
  [],
  [
    { what: 'no URL', luns: ['5=passthrough:iscsi://'], exitCode: USAGE, says: ['--lun 5=passthrough:iscsi://', 'has not the form iscsi://'] },
    { what: 'another scheme', luns: ['5=passthrough:http://x/y'], exitCode: USAGE, says: ['found "http://x/y"', '/dev/sgN'] },
    { what: 'a secret that is not there', luns: ['5=passthrough:iscsi://me@127.0.0.1:1/iqn.x:y/0,secret-file=DIR/none'], says: ['LUN 5: ', 'DIR/none'] },
  ],
);

/** As if nobody had installed what is optional, in threads too. */
function withoutPackages(names: readonly string[]): string {
  const path = join(folder, 'without.cjs');
  const body = `const Module = require('node:module'); const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (${JSON.stringify(names)}.includes(name)) throw Object.assign(new Error('Cannot find module ' + name), { code: 'MODULE_NOT_FOUND' });
  return resolve.call(this, name, ...rest);
};`;
  writeFileSync(path, body);
  return path;
}

test('without LMDB an object store is refused, with the package that it wants', async () => {
  const before = snapshotOf(good, ['store']);
  const options = process.env['NODE_OPTIONS'];
  process.env['NODE_OPTIONS'] = `${options ?? ''} --require ${withoutPackages(['lmdb'])}`;
  const end = await runCli(['serve', '--json', '--portal', '127.0.0.1:0', '--control', 'off', '--lun', `4=osd:${join(good, 'store')}`]);
  if (options === undefined) delete process.env['NODE_OPTIONS'];
  else process.env['NODE_OPTIONS'] = options;
  assert.is(end.exitCode, CANNOT_OPEN, end.stderr);
  assert.match(end.stderr, /^lunloom: LUN 4: object storage keeps its metadata in LMDB: .*npm install lmdb/);
  assert.equal(snapshotOf(good, ['store']), before);
});

test('what another process has open is refused, with its process', async () => {
  const at = (name: string) => join(good, name);
  const luns = [`1=tape:${at('a.tape')}`, '2=tape:', `3=changer:${at('other.lib.yaml')}`, `4=osd:${at('store')}`];
  writeFileSync(at('other.lib.yaml'), 'drives: [2]\nslots: 1\n');
  const lunloom = await LunloomProcess.start({ args: ['--control', 'off', ...luns.flatMap((lun) => ['--lun', lun])] });
  try {
    const refusals = [
      [luns[0], 'LUN 1: ', at('a.tape')],
      [`1=tape:${at('a.tape')},readonly`, 'LUN 1: ', at('a.tape')],
      [luns[3], 'LUN 4: ', at('store')],
    ] as const;
    for (const [lun, ...says] of refusals) {
      const { exitCode, stderr } = await start([lun as string], false);
      assert.is(exitCode, CANNOT_OPEN, stderr);
      for (const text of [...says, 'in use', String(lunloom.pid)]) assert.ok(stderr.includes(text), `${text} is in ${stderr}`);
    }
    const { exitCode, stderr } = await start([luns[1] as string, luns[2] as string], false);
    assert.is(exitCode, CANNOT_OPEN, stderr);
    for (const text of ['LUN 3: ', at('other.lib'), 'in use', String(lunloom.pid)]) assert.ok(stderr.includes(text), `${text} is in ${stderr}`);
  } finally {
    await lunloom.stop();
  }
});

test.run();
