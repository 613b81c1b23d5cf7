import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lockPathOf } from '../../../../engine/devices/cdrom/disc/disc-lock.js';
import { BLOCK_LENGTH_BYTES } from '../../../../engine/devices/cdrom/disc/profile.js';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { assertCheck, informationOf, runDeferred } from '../../scsi/scsi-fixture.js';
import { blockOf, blocksOf, good, imageFolder, opticalScene, read10, sense, senseOf, write10, writeBlocks } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);

const FLUSH = '35 00 00000000 00 0000 00';
const closeTrack = (number: number) => `5b01 01 00 ${number.toString(16).padStart(4, '0')} 000000 00`;
const CLOSE_SESSION = '5b01 02 00 0000 000000 00';
const FINALIZE = '5b01 06 00 0000 000000 00';

/** DISC STATUS and STATE OF LAST SESSION. */
async function discStatus(unit: LogicalUnit): Promise<string> {
  const bits = (await good(unit, '5100 0000000000 0022 00'))[2] as number;
  return `${['empty', 'incomplete', 'finalized'][bits & 3]}, ${['empty', 'incomplete', 'damaged', 'complete'][(bits >> 2) & 3]}`;
}

async function nextWritable(unit: LogicalUnit, track: number): Promise<number | null> {
  const data = Buffer.from(await good(unit, `5201 ${track.toString(16).padStart(8, '0')} 00 0030 00`));
  return ((data[7] as number) & 1) === 0 ? null : data.readUInt32BE(12);
}

test('WRITE (10): a blank DVD+R takes blocks at its next writable address alone (INVALID ADDRESS FOR WRITE)', async () => {
  const { unit } = await opticalScene(images.path('plus-r'), { profile: 'dvd+r', blockCount: 1024 });
  assert.is(await discStatus(unit), 'empty, empty');
  assert.is(senseOf(await writeBlocks(unit, 16, 16)), '05/21/02');
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '');
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '05/21/02');
  assert.is(await nextWritable(unit, 1), 16);
  assert.is(senseOf(await writeBlocks(unit, 16, 16)), '');
  assert.is(senseOf(await writeBlocks(unit, 1020, 16)), '05/21/00');
  assert.is(await discStatus(unit), 'incomplete, incomplete');
  // What has been written can be read back before the session is closed; what has not is blank.
  assertBytes(await good(unit, read10(0, 32)), blocksOf(0, 32));
  const command = await runDeferred(unit, read10(30, 4));
  assertCheck(command, '08/00/00');
  assert.is(informationOf(command), 32);
  assert.is(await sense(unit, read10(32, 1)), '08/00/00');
});

test('WRITE (12) and WRITE AND VERIFY (10): as WRITE (10), and what is verified is on the disc', async () => {
  const { unit } = await opticalScene(images.path('verify'), { profile: 'bd-re', blockCount: 4096 });
  await good(unit, '04 11 000000 00', { dataOut: hex('00020008 00001000 c4 000800') });
  await good(unit, 'aa00 00000100 00000002 80 00', { dataOut: blocksOf(256, 2) });
  await good(unit, '2e00 00000102 00 0001 00', { dataOut: blockOf(258) });
  assertBytes(await good(unit, read10(256, 3)), blocksOf(256, 3));
  assertBytes(readFileSync(images.path('verify')).subarray(256 * BLOCK_LENGTH_BYTES, 259 * BLOCK_LENGTH_BYTES), blocksOf(256, 3));
  await good(unit, write10(0, 0));
  assert.is(await sense(unit, 'aa00 00000000 00002000 00 00', { dataOut: blockOf(0) }), '05/24/00');
  assert.is(await sense(unit, write10(4096, 1), { dataOut: blockOf(0) }), '05/21/00');
});

/** What growisofs 7.1 sends to a blank DVD+R, in its order: look, lock, pages, speed, data, flush, close. */
test('growisofs writes a DVD+R, adds a session, and closes it for good', async () => {
  const { unit } = await opticalScene(images.path('growisofs'), { profile: 'dvd+r', blockCount: 8192 });
  assertBytes((await good(unit, '46 01 0000 000000 0008 00')).subarray(6), hex('001b'));
  await good(unit, '5100 0000000000 0020 00');
  await good(unit, '1e 000000 01 00');
  const page05 = Buffer.from(await good(unit, '5a 08 05 00 000000 003c 00'));
  page05.fill(0, 0, 8);
  page05[11] = ((page05[11] as number) & 0x3f) | 0xc0;
  await good(unit, '55 10 0000000000 003c 00', { dataOut: page05 });
  await good(unit, '5a 08 2a 00 000000 000c 00');
  await good(unit, 'ac00 00000000 0000 0001 03 00');
  await good(unit, 'ac04 00000000 0000 0001 00 00');
  assert.is(await nextWritable(unit, 1), 0);
  for (let lba = 0; lba < 128; lba += 16) assert.is(senseOf(await writeBlocks(unit, lba, 16)), '');
  await good(unit, '35 02 00000000 00 0000 00');
  await good(unit, FLUSH);
  await good(unit, closeTrack(1));
  await good(unit, CLOSE_SESSION);
  await good(unit, '1e 000000 00 00');
  await good(unit, '1b 01 0000 02 00');
  await good(unit, '1b 00 0000 03 00');
  assert.is(await discStatus(unit), 'incomplete, empty');
  // growisofs -M: the first session begins at 0, the next one behind closure and intro.
  assertBytes(await good(unit, '4300 01 000000 00 000c 00'), hex('000a 01 01 00 14 01 00 00000000'));
  assert.is(await nextWritable(unit, 2), 128 + 2048);
  assert.is(senseOf(await writeBlocks(unit, 2176, 16)), '');
  await good(unit, FLUSH);
  await good(unit, closeTrack(2));
  await good(unit, FINALIZE);
  assert.is(await discStatus(unit), 'finalized, complete');
  assertBytes(await good(unit, '4300 00 000000 00 0064 00'), hex('001a 01 02 0014010000000000 0014020000000880 0014aa0000000890'));
  assertBytes(await good(unit, '4300 01 000000 00 000c 00'), hex('000a 01 02 00 14 02 00 00000880'));
  assertBytes(await good(unit, '25 00 00000000 0000 00 00'), hex('0000088f 00000800'));
  assertBytes(await good(unit, read10(2176, 16)), blocksOf(2176, 16));
  assert.is(await sense(unit, read10(127, 2)), '08/00/00');
  assert.is(senseOf(await writeBlocks(unit, 2192, 16)), '07/27/00');
});

/** What growisofs sends to a blank DVD+RW. */
test('FORMAT UNIT: growisofs formats a DVD+RW, writes anywhere, stops the background format and starts it again', async () => {
  const { unit, clock } = await opticalScene(images.path('plus-rw'), { profile: 'dvd+rw', blockCount: 4096 });
  assertBytes(await good(unit, '23 000000000000 000c 00'), hex('00000018 00001000 01 000800'));
  const formats = Buffer.from(await good(unit, '23 000000000000 001c 00'));
  assertBytes(formats.subarray(12), hex('00001000 98 000000 00001000 00 000800'));
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '05/30/05');
  assert.is(await discStatus(unit), 'empty, empty');
  await good(unit, '04 11 000000 00', { dataOut: Buffer.concat([hex('00020008'), formats.subarray(12, 16), hex('98000000')]) });
  await good(unit, FLUSH);
  const background = async () => ((await good(unit, '5100 0000000000 0022 00'))[7] as number) & 3;
  assert.is(await background(), 2);
  assert.is(await discStatus(unit), 'finalized, complete');
  for (const lba of [512, 0, 4080]) assert.is(senseOf(await writeBlocks(unit, lba, 16)), '');
  assertBytes(await good(unit, read10(512, 16)), blocksOf(512, 16));
  assertBytes(await good(unit, read10(100, 1)), new Uint8Array(BLOCK_LENGTH_BYTES));
  await good(unit, '5b01 00 00 0000 000000 00');
  assert.is(await background(), 1);
  await good(unit, CLOSE_SESSION);
  await good(unit, '04 11 000000 00', { dataOut: hex('00020008 00001000 98000001') });
  assert.is(await background(), 2);
  clock.advance(60_000);
  assert.is(await background(), 3);
  assertBytes(await good(unit, '4300 00 000000 00 0064 00'), hex('0012 01 01 0014010000000000 0014aa0000001000'));
});

test('FORMAT UNIT: a BD-RE with and without spares; what is wrong is pointed at', async () => {
  const { unit } = await opticalScene(images.path('bd-re'), { profile: 'bd-re', blockCount: 12_288 });
  assertBytes(await good(unit, '23 000000000000 00fc 00'), hex('00000020 00003000 01 000800 00002e60 00 000800 00002e60 c0 000000 00003000 c4 000800'));
  await good(unit, '04 11 000000 00', { dataOut: hex('00020008 00003000 c4 000800') });
  assertBytes((await good(unit, '25 00 00000000 0000 00 00')).subarray(0, 4), hex('00002fff'));
  await good(unit, '04 11 000000 00', { dataOut: hex('00020008 00002e60 00 000800') });
  assertBytes((await good(unit, '25 00 00000000 0000 00 00')).subarray(0, 4), hex('00002e5f'));
  assert.is(senseOf(await writeBlocks(unit, 0x2e60, 32)), '05/21/00');
  assert.is(await sense(unit, '04 11 000000 00', { dataOut: hex('00020008 00003001 c4 000800') }), '05/26/00');
  assert.is(await sense(unit, '04 11 000000 00', { dataOut: hex('00020008 00003000 98 000800') }), '05/26/00');
  assert.is(await sense(unit, '04 11 000000 00', { dataOut: hex('00020004 00003000 c4 000800') }), '05/26/00');
  assert.is(await sense(unit, '04 11 000000 00', { dataOut: hex('00020008 00003000') }), '05/1a/00');
  assert.is(await sense(unit, '04 01 000000 00'), '05/24/00');
  assert.is(await sense(unit, '04 12 000000 00'), '05/24/00');
  // A disc that is written in sequence has nothing to be formatted.
  const plusR = await opticalScene(images.path('no-format'), { profile: 'dvd+r', blockCount: 1024 });
  assert.is(await sense(plusR.unit, '04 11 000000 00', { dataOut: hex('00020008 00000400 00 000800') }), '05/30/00');
  // Nor is there anything to close on a BD-RE, or to blank on either.
  assert.is(await sense(unit, CLOSE_SESSION), '05/24/00');
  assert.is(await sense(unit, 'a100 00000000 0000000000 00'), '05/30/00');
  assert.is(await sense(plusR.unit, 'a100 00000000 0000000000 00'), '05/30/00');
});

test('BLANK: a CD-RW is empty again, quickly or wholly, and its last session can be opened again', async () => {
  const { unit } = await opticalScene(images.path('blank-rw'), { profile: 'cd-rw', blockCount: 20_000 });
  const record = async () => {
    assert.is(senseOf(await writeBlocks(unit, 0, 16)), '');
    await good(unit, FLUSH);
    // No more sessions, says the Write Parameters page as it is from the start.
    await good(unit, CLOSE_SESSION);
    assert.is(await discStatus(unit), 'finalized, complete');
  };
  for (const type of ['00', '01']) {
    await record();
    await good(unit, `a1 ${type} 00000000 0000000000 00`);
    assert.is(await discStatus(unit), 'empty, empty');
    assert.is(await nextWritable(unit, 1), 0);
  }
  await record();
  await good(unit, 'a1 05 00000000 0000000000 00');
  assert.is(await discStatus(unit), 'incomplete, incomplete');
  assert.is(await sense(unit, 'a1 05 00000000 0000000000 00'), '05/2c/00');
  assert.is(await sense(unit, 'a1 02 00000000 0000000000 00'), '05/24/00');
});

test('RESERVE TRACK: two tracks are written side by side, and an empty one cannot be closed', async () => {
  const { unit } = await opticalScene(images.path('reserve'), { profile: 'dvd+r', blockCount: 2048 });
  assert.is(await sense(unit, '53 00000000 00000000 00'), '05/24/00');
  await good(unit, '53 00000000 00000030 00');
  assert.is(await nextWritable(unit, 1), 0);
  assert.is(await nextWritable(unit, 2), 64);
  assert.is(senseOf(await writeBlocks(unit, 64, 16)), '');
  assert.is(await sense(unit, closeTrack(1)), '05/72/04');
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '');
  assert.is(senseOf(await writeBlocks(unit, 16, 48)), '05/63/00');
  // What has been begun is given no size any more.
  assert.is(await sense(unit, '53 00000000 00000010 00'), '05/2c/00');
  assert.is(await sense(unit, CLOSE_SESSION), '05/72/03');
  await good(unit, closeTrack(1));
  assertBytes(await good(unit, read10(15, 33)), Buffer.concat([blockOf(15), Buffer.alloc(32 * BLOCK_LENGTH_BYTES)]));
  assert.is(await sense(unit, CLOSE_SESSION), '05/72/03');
  await good(unit, closeTrack(2));
  assert.is(await sense(unit, closeTrack(9)), '05/24/00');
  assert.is(await sense(unit, '5b01 07 00 0000 000000 00'), '05/24/00');
  await good(unit, CLOSE_SESSION);
});

/** What libburn (xorriso, cdrskin) and wodim send for a CD in TAO mode. */
test('CLOSE TRACK SESSION: a CD-RW in two sessions by track at once, closed as page 05h says, and blanked', async () => {
  const { unit } = await opticalScene(images.path('cd-rw'), { profile: 'cd-rw', blockCount: 40_000 });
  const page05 = Buffer.from(await good(unit, '5a 08 05 00 000000 003c 00'));
  const select = (bits: number) => {
    page05.fill(0, 0, 8);
    page05[11] = bits;
    return good(unit, '55 10 0000000000 003c 00', { dataOut: page05 });
  };
  await select(0xc4);
  await good(unit, '5401 0000000000 0000 00');
  assert.is(senseOf(await writeBlocks(unit, 0, 31)), '');
  // That ends the track for a drive in TAO mode, on which wodim relies; libburn closes it once more.
  await good(unit, FLUSH);
  assertBytes(await good(unit, '4302 03 000000 00 0064 00'), hex('000d 00 00 00 14 00 01 000600 00 000200'));
  assert.is(senseOf(await writeBlocks(unit, 31, 1)), '05/21/02', 'nothing is appended to it');
  await good(unit, '5b00 01 00 00ff 000000 00');
  await good(unit, CLOSE_SESSION);
  // Then lead-out, lead-in and pre-gap.
  assert.is(await nextWritable(unit, 2), 300 + 11_400);
  await select(0x04);
  assert.is(senseOf(await writeBlocks(unit, 11_700, 20)), '');
  await good(unit, closeTrack(2));
  await good(unit, CLOSE_SESSION);
  assert.is(await discStatus(unit), 'finalized, complete');
  const raw = Buffer.from(await good(unit, '4302 02 000000 02 0064 00'));
  assertBytes(raw.subarray(2, 4), hex('01 02'));
  assertBytes(raw.subarray(37, 48), hex('02 14 00 02 00 00 00 00 02 26 00'));
  assertBytes(await good(unit, 'be00 00002db4 000001 30 00 00'), Buffer.concat([hex('02 38 00 01'), blockOf(11_700)]));
  // READ CD tells of what was never written as READ (10) does.
  assert.is(await sense(unit, 'be00 00000190 000001 10 00 00'), '08/00/00');
  assert.is(await sense(unit, read10(0x190, 1)), '08/00/00');
  assert.is(senseOf(await writeBlocks(unit, 12_000, 1)), '07/27/00');
  assertBytes((await good(unit, '4302 04 000000 00 0020 00')).subarray(0, 4), hex('001a 00 00'));
  await good(unit, 'a105 00000000 0000000000 00');
  assert.is(await discStatus(unit), 'incomplete, incomplete');
  assert.is(await sense(unit, 'a105 00000000 0000000000 00'), '05/2c/00');
  assert.is(await sense(unit, 'a102 00000000 0000000000 00'), '05/24/00');
  await good(unit, 'a111 00000000 0000000000 00');
  assert.is(await discStatus(unit), 'empty, empty');
  assert.is(await sense(unit, read10(0, 1)), '08/00/00');
  assert.is(await sense(unit, '4300 00 000000 00 0064 00'), '05/24/00');
  assert.ok(
    readFileSync(images.path('cd-rw')).every((byte) => byte === 0),
    'nothing of the data is left',
  );
});

test('READ TRACK INFORMATION: the open end is FFh, reserved tracks and blank ones are marked', async () => {
  const { unit } = await opticalScene(images.path('tracks'), { profile: 'dvd+r', blockCount: 1024 });
  await good(unit, '53 00000000 00000040 00');
  const reserved = Buffer.from(await good(unit, '5201 00000001 00 0030 00'));
  assertBytes(reserved.subarray(0, 28), hex('002e 01 01 00 04 c1 01 00000000 00000000 00000040 00000010 00000040'));
  const open = Buffer.from(await good(unit, '5201 000000ff 00 0030 00'));
  assertBytes(open.subarray(0, 28), hex('002e 02 01 00 04 41 01 00000050 00000050 000003b0 00000010 000003b0'));
  assertBytes((await good(unit, '5205 00000001 00 0030 00')).subarray(2, 4), hex('0101'));
  // Of a DVD+R what is closed stays reserved: without RT and Blank it would be the invisible track, as dvd+rw-mediainfo says.
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '');
  await good(unit, closeTrack(1));
  assert.is((await good(unit, '5201 00000001 00 0030 00'))[6], 0x81);
});

test('SYNCHRONIZE CACHE (10): a crash loses what came behind it, and nothing before', async () => {
  const path = images.path('crash');
  const first = await opticalScene(path, { profile: 'dvd+r', blockCount: 1024 });
  await writeBlocks(first.unit, 0, 16);
  await good(first.unit, FLUSH);
  await writeBlocks(first.unit, 16, 16);
  // Nobody closes the first one: this is what another process finds, for which the lock is one of a process that is gone.
  rmSync(lockPathOf(path));
  const second = await opticalScene(path);
  assert.is(await nextWritable(second.unit, 1), 16);
  assertBytes(await good(second.unit, read10(0, 16)), blocksOf(0, 16));
  assert.is(await sense(second.unit, read10(16, 1)), '08/00/00');
  // What lay there does not show through when the track is filled up.
  await good(second.unit, '2a00 00000010 00 0001 00', { dataOut: blockOf(999) });
  await good(second.unit, closeTrack(1));
  assertBytes(await good(second.unit, read10(16, 16)), Buffer.concat([blockOf(999), Buffer.alloc(15 * BLOCK_LENGTH_BYTES)]));
});

test('CLOSE TRACK SESSION: a reserved track as large as the disc is filled with zeros, its holes stay holes', async () => {
  const path = images.path('reserved-all');
  const blockCount = 2_295_104;
  const { unit } = await opticalScene(path, { profile: 'dvd+r', blockCount });
  await good(unit, `53 00000000 ${(blockCount - 1024).toString(16).padStart(8, '0')} 00`);
  // What an attempt left behind that a crash ended, in the middle of it.
  const left = openSync(path, 'r+');
  writeSync(left, blockOf(7), 0, BLOCK_LENGTH_BYTES, 1_000_001 * BLOCK_LENGTH_BYTES);
  closeSync(left);
  assert.is(senseOf(await writeBlocks(unit, 0, 16)), '');
  await good(unit, closeTrack(1));
  assertBytes(await good(unit, read10(1_000_001, 1)), new Uint8Array(BLOCK_LENGTH_BYTES));
  assertBytes(await good(unit, read10(15, 1)), blockOf(15));
  assert.ok(statSync(path).blocks * 512 < 16 * 1024 * 1024);
});

test('the operator opens the tray while a command writes: the write comes to its end, and is kept', async () => {
  const { unit, drive } = await opticalScene(images.path('pulled'), { profile: 'dvd+r', blockCount: 1024 });
  const writing = writeBlocks(unit, 0, 256);
  const pulling = drive.eject();
  await Promise.resolve();
  // Nothing new begins while the tray moves.
  assert.is(await sense(unit, '00 00000000 00'), '02/04/01');
  assert.is(senseOf(await writing), '');
  await pulling;
  assert.is(await sense(unit, '00 00000000 00'), '02/3a/02');
  // Two who load at once load once.
  await Promise.all([drive.load(), drive.load()]);
  assert.is(await sense(unit, '00 00000000 00'), '06/28/00');
  assert.is(await nextWritable(unit, 1), 256);
});

test('a disc that is served with readonly can be read and not written', async () => {
  const path = images.path('read-only');
  const first = await opticalScene(path, { profile: 'dvd+rw', blockCount: 1024 });
  await good(first.unit, '04 11 000000 00', { dataOut: hex('00020008 00000400 98000000') });
  await first.drive.close();
  const { unit } = await opticalScene(path, { readOnly: true });
  await good(unit, read10(0, 1));
  assert.is(senseOf(await writeBlocks(unit, 0, 1)), '07/27/00');
});

test.run();
