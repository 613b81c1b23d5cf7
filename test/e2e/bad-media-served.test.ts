// test-timeout: 120 s
// test-beside: it waits most of the time
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSense, Session } from '../../initiator/index.js';
import { isoImage } from '../engine/devices/cdrom/optical-fixture.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { bytesOf } from './device-recorder.js';
import { ISO_BLOCK_COUNT, makeGoodMedia, TAPE_BLOCK_BYTES, TAPE_BLOCK_COUNT, TAPE_CAPACITY_BYTES, tapeBlockOf } from './good-media.js';
import { snapshotOf } from './media-snapshot.js';
import { makeTapeNewer, spoilTapeHeaders } from './spoilt-tapes.js';

// What can be served although something is wrong with it: told on stderr with its LUN and its file, answered with the right sense, and left as it is.

const folder = mkdtempSync(join(tmpdir(), 'lunloom-bad-served-'));
const at = (name: string) => join(folder, name);
const DISC_BLOCK_BYTES = 2048;
const CUT_BLOCKS = 100;
const NOT_THERE = 'iscsi://127.0.0.1:1/iqn.2026-11.io.lunloom:gone/0';
const UNIT_ATTENTION = 6;
const TOLD_MS_MAX = 10_000;

/** The filemark, and half of the block before it. */
const CUT_TAPE_BYTES = TAPE_BLOCK_BYTES / 2;

const LUNS = [
  `1=tape:${at('a.tape')},capacity=${2 * TAPE_CAPACITY_BYTES}`,
  `2=cdrom:${at('a.iso')}`,
  `3=cdrom:${at('plain.img')}`,
  `4=changer:${at('gone.lib.yaml')}`,
  `5=passthrough:${NOT_THERE}`,
  '6=passthrough:/dev/sg999',
  '7=passthrough:/dev/null',
  '8=tape:',
  '9=tape:',
  '10=cdrom:',
  `11=changer:${at('bad.lib.yaml')}`,
];

/** What a drive answers to TEST UNIT READY with them in it: docs/devices/tape.md and docs/devices/cdrom.md. */
const BAD_CARTRIDGES = [
  { name: 'noise.tape', drive: 9, element: '0100', ends: '3/3001' },
  { name: 'newer.tape', drive: 9, element: '0100', ends: '3/3002' },
  { name: 'damaged.tape', drive: 9, element: '0100', ends: '3/3100' },
  { name: 'empty.iso', drive: 10, element: '0101', ends: '2/3002' },
] as const;

let lunloom: LunloomProcess;
let before: string[];
let session: Session;

test.before(async () => {
  await makeGoodMedia(folder);
  truncateSync(at('a.tape'), statSync(at('a.tape')).size - CUT_TAPE_BYTES);
  writeFileSync(at('a.iso'), isoImage(CUT_BLOCKS, ISO_BLOCK_COUNT));
  writeFileSync(at('plain.img'), Buffer.alloc(3 * DISC_BLOCK_BYTES + 7, 0x61));
  writeFileSync(at('gone.lib.yaml'), 'drives: [8]\nslots: 2\ncartridges: [{ path: gone.tape, barcode: GONE01L6 }]\n');
  const [noise, newer, damaged] = ['noise.tape', 'newer.tape', 'damaged.tape'].map(at) as [string, string, string];
  writeFileSync(noise, 'This is no tape.\n'.repeat(1000));
  for (const path of [newer, damaged]) cpSync(at('b.tape'), path);
  makeTapeNewer(newer);
  spoilTapeHeaders(damaged);
  writeFileSync(at('empty.iso'), '');
  writeFileSync(at('bad.lib.yaml'), `drives: [9, 10]\nslots: 4\ncartridges:\n${BAD_CARTRIDGES.map(({ name }) => `  - { path: ${name} }\n`).join('')}`);
  before = snapshotOf(folder);
  lunloom = await LunloomProcess.start({ args: ['--control', 'off', ...LUNS.flatMap((lun) => ['--lun', lun])] });
  const { address: host, port, targetName } = lunloom;
  session = await Session.login({ host, port, targetName });
});
test.after(async () => {
  await session.logout();
  await lunloom.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `good`, or sense key, ASC and ASCQ, behind the unit attentions of the start. */
async function run(
  lun: number,
  cdb: string,
  dataInLength = 0,
): Promise<{ readonly ended: string; readonly dataIn: Buffer; readonly information: bigint | null }> {
  for (;;) {
    const { status, sense, dataIn } = await session.command({ lun, cdb: bytesOf(cdb), ...(dataInLength === 0 ? {} : { dataInLength }) });
    const said = status === 0 ? null : parseSense(sense);
    if (said?.key === UNIT_ATTENTION) continue;
    const ended = said === null ? 'good' : `${said.key.toString(16)}/${Buffer.of(said.asc, said.ascq).toString('hex')}`;
    return { ended, dataIn, information: said?.information ?? null };
  }
}

/** Some of it comes only when a device was looked for. */
async function assertTold(process: LunloomProcess, ...texts: readonly string[]): Promise<void> {
  const isTold = () => process.stderr.split('\n').some((line) => line.startsWith('lunloom: LUN ') && texts.every((text) => line.includes(text)));
  for (const until = performance.now() + TOLD_MS_MAX; !isTold() && performance.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(isTold(), `${texts} are in a line of\n${process.stderr}`);
}

test('a tape that was cut off: what is whole is read, the rest is gone, and the capacity is its own', async () => {
  await assertTold(lunloom, 'LUN 1: ', at('a.tape'), 'are gone');
  await assertTold(lunloom, 'LUN 1: ', at('a.tape'), `has a capacity of ${TAPE_CAPACITY_BYTES} bytes`, String(2 * TAPE_CAPACITY_BYTES));
  for (let index = 0; index < TAPE_BLOCK_COUNT - 1; index++) {
    const { ended, dataIn } = await run(1, '08 00 001000 00', TAPE_BLOCK_BYTES);
    assert.is(ended, 'good');
    assert.ok(dataIn.equals(tapeBlockOf(index)));
  }
  assert.is((await run(1, '08 00 001000 00', TAPE_BLOCK_BYTES)).ended, '8/0005', 'BLANK CHECK, END OF DATA');
});

test('an image that was cut off: what is there is read, and behind it is a medium error', async () => {
  await assertTold(lunloom, 'LUN 2: ', at('a.iso'));
  const last = await run(2, `28 00 ${(CUT_BLOCKS - 1).toString(16).padStart(8, '0')} 00 0001 00`, DISC_BLOCK_BYTES);
  assert.is(last.ended, 'good');
  assert.is(last.dataIn.readUInt32BE(0), CUT_BLOCKS - 1);
  const over = await run(2, `28 00 ${(CUT_BLOCKS - 2).toString(16).padStart(8, '0')} 00 0004 00`, 4 * DISC_BLOCK_BYTES);
  assert.equal([over.ended, over.information], ['3/1100', BigInt(CUT_BLOCKS)]);
});

test('a file that is no ISO image: its whole blocks are read, and the last one is a medium error', async () => {
  await assertTold(lunloom, 'LUN 3: ', at('plain.img'));
  assert.is((await run(3, '28 00 00000000 00 0003 00', 3 * DISC_BLOCK_BYTES)).ended, 'good');
  assert.is((await run(3, '28 00 00000003 00 0001 00', DISC_BLOCK_BYTES)).ended, '3/1100');
});

test('a library with a cartridge whose image is not there: its element says so, and a move to a drive is a medium error', async () => {
  await assertTold(lunloom, 'LUN 4: ', at('gone.tape'));
  const { ended, dataIn } = await run(4, 'b8 12 0400 0001 00 000400 00 00', 1024);
  assert.is(ended, 'good');
  assert.is(dataIn.readUInt16BE(16), 0x0400);
  assert.is((dataIn[18] as number) & 0x05, 0x05, 'FULL and EXCEPT');
  assert.is(dataIn.subarray(20, 22).toString('hex'), '5300');
  assert.is((await run(4, 'a5 00 0000 0400 0100 0000 00 00')).ended, '3/5300');
});

test('cartridges that are no good, brought by a library: the drive has them, and says what is wrong with each', async () => {
  for (const [index, { name, drive, element, ends }] of BAD_CARTRIDGES.entries()) {
    const slot = (0x400 + index).toString(16).padStart(4, '0');
    assert.is((await run(11, `a5 00 0000 ${slot} ${element} 0000 00 00`)).ended, 'good', name);
    assert.is((await run(drive, '00 00 000000 00')).ended, ends, name);
    await assertTold(lunloom, `LUN ${drive}: `, at(name));
    assert.is((await run(11, `a5 00 0000 ${element} ${slot} 0000 00 00`)).ended, 'good', name);
  }
});

test('devices behind a passthrough LUN that are not there: not ready, and Lunloom goes on trying', async () => {
  await assertTold(lunloom, 'LUN 5: ', NOT_THERE, 'cannot be reached', 'ECONNREFUSED', 'trying again');
  await assertTold(lunloom, 'LUN 6: ', '/dev/sg999', 'cannot be reached');
  await assertTold(lunloom, 'LUN 7: ', '/dev/null', 'no device of the SCSI generic driver');
  for (const lun of [5, 6, 7]) {
    // BECOMING READY for a minute, then CAUSE NOT REPORTABLE.
    assert.match((await run(lun, '00 00 000000 00')).ended, /^2\/040[10]$/);
    assert.is((await run(lun, '12 00 00 0024 00', 36)).dataIn[0], 0x3f, 'not connected');
  }
});

test('nothing of it has been written to', async () => {
  // Where a library has its cartridges is no medium.
  const state = /^(gone|bad)\.lib\.state /;
  const now = snapshotOf(folder).filter((line) => !state.test(line));
  assert.equal(
    now,
    before.filter((line) => !state.test(line)),
  );
  assert.is(readFileSync(at('plain.img')).length, 3 * DISC_BLOCK_BYTES + 7);
});

test('without native calls a local device is not there, and the rest is', async () => {
  const args = ['--control', 'off', '--lun', '0=passthrough:/dev/sg999', '--lun', `1=cdrom:${at('plain.img')}`];
  const other = await LunloomProcess.start({ args, env: { LUNLOOM_NO_NATIVE: '1' } });
  try {
    await assertTold(other, 'LUN 0: /dev/sg999 cannot be reached: ', 'the optional package koffi: npm install koffi');
  } finally {
    await other.stop();
  }
});

test.run();
