import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../../engine/errors.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { otherNexus } from '../../scsi/scsi-fixture.js';
import { blockOf, good, imageFolder, isoImage, opticalScene, pressedScene, read10, sense } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);

const TEST_UNIT_READY = '00 00000000 00';
const EJECT = '1b 00 0000 02 00';
const LOAD = '1b 00 0000 03 00';
const MEDIA_EVENTS = '4a 01 0000 10 0000 0008 00';
const image = (path: string) => ({ path, barcode: null, kind: 'cdrom' });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof TargetError) return error.code;
    throw error;
  }
  return '';
}

test('START STOP UNIT: eject opens the tray, load closes it and tells the others', async () => {
  const { unit } = await pressedScene(images.path('tray.iso'));
  await good(unit, EJECT);
  assert.is(await sense(unit, TEST_UNIT_READY), '02/3a/02');
  assertBytes(await good(unit, 'bd 00000000000000 0008 00 00'), hex('00 10 000000 00 0000'));
  // To open what is open changes nothing.
  await good(unit, EJECT);
  await good(unit, LOAD);
  await good(unit, TEST_UNIT_READY);
  assert.is(await sense(unit, TEST_UNIT_READY, { nexus: otherNexus }), '06/28/00');
  await good(unit, TEST_UNIT_READY, { nexus: otherNexus });
  assertBytes(await good(unit, read10(20, 1)), blockOf(20));
});

test('START STOP UNIT: a drive that is stopped starts when it is wanted; power conditions are told by REQUEST SENSE', async () => {
  const { unit } = await pressedScene(images.path('power.iso'));
  await good(unit, '1b 01 0000 00 00');
  await good(unit, read10(0, 1));
  await good(unit, '1b 00 0000 30 00');
  assertBytes((await good(unit, '03 00 0000 12 00')).subarray(12, 14), hex('5e04'));
  const POWER_EVENTS = '4a 01 0000 04 0000 0008 00';
  assertBytes(await good(unit, POWER_EVENTS), hex('0006 02 7e 00 03 00 00'));
  await good(unit, '1b 00 0000 20 00');
  assertBytes(await good(unit, POWER_EVENTS), hex('0006 02 7e 00 02 00 00'));
  await good(unit, '1b 00 0000 01 00');
  assertBytes(await good(unit, POWER_EVENTS), hex('0006 02 7e 00 01 00 00'));
  assert.is(await sense(unit, '1b 00 0000 40 00'), '05/24/00');
});

test('PREVENT ALLOW MEDIUM REMOVAL: the tray stays closed until everybody allows, and a lost nexus allows', async () => {
  const { unit, drive } = await pressedScene(images.path('lock.iso'));
  await good(unit, '1e 000000 01 00');
  await good(unit, '1e 000000 03 00', { nexus: otherNexus });
  assert.is(await sense(unit, EJECT), '05/53/02');
  assert.is(await codeOf(drive.remove()), 'MEDIUM_PREVENTED');
  await good(unit, '1e 000000 00 00');
  assert.is(await sense(unit, EJECT), '05/53/02');
  // Allow is not persistent allow.
  await good(unit, '1e 000000 00 00', { nexus: otherNexus });
  assert.ok(drive.isRemovalPrevented);
  drive.onNexusLost(otherNexus);
  await good(unit, EJECT);
});

test('GET EVENT STATUS NOTIFICATION: each initiator hears of a change once', async () => {
  const { unit, drive } = await pressedScene(images.path('events.iso'));
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 00 02 00 00'));
  await good(unit, EJECT);
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 03 01 00 00'));
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 00 01 00 00'));
  await good(unit, LOAD);
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 02 02 00 00'));
  // It is asked although a unit attention is pending, and leaves it.
  assertBytes(await good(unit, MEDIA_EVENTS, { nexus: otherNexus }), hex('0006 04 7e 03 02 00 00'));
  assertBytes(await good(unit, MEDIA_EVENTS, { nexus: otherNexus }), hex('0006 04 7e 02 02 00 00'));
  assert.is(await sense(unit, TEST_UNIT_READY, { nexus: otherNexus }), '06/28/00');
  // The button, while an initiator keeps the tray closed.
  await good(unit, '1e 000000 03 00');
  assert.not.ok(await drive.press());
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 01 02 00 00'));
  await good(unit, '1e 000000 02 00');
  assert.ok(await drive.press());
  assert.ok(await drive.press());
});

test('GET EVENT STATUS NOTIFICATION: classes by rank, none, and no asynchronous form', async () => {
  const { unit } = await pressedScene(images.path('classes.iso'));
  await good(unit, EJECT);
  await good(unit, LOAD);
  // Operational change comes before media: the features have changed with the disc.
  assertBytes(await good(unit, '4a 01 0000 7e 0000 0008 00'), hex('0006 01 7e 02 00 0001'));
  assertBytes(await good(unit, '4a 01 0000 7e 0000 0008 00'), hex('0006 04 7e 03 02 0000'));
  assertBytes(await good(unit, '4a 01 0000 04 0000 0008 00'), hex('0006 02 7e 00 01 0000'));
  assertBytes(await good(unit, '4a 01 0000 08 0000 0008 00'), hex('0006 03 7e 00 00 0000'));
  assertBytes(await good(unit, '4a 01 0000 60 0000 0008 00'), hex('0006 05 7e 00 00 0000'));
  assertBytes(await good(unit, '4a 01 0000 01 0000 0008 00'), hex('0002 80 7e'));
  // Who takes the header alone misses nothing.
  assertBytes(await good(unit, '4a 01 0000 10 0000 0004 00'), hex('0006 04 7e'));
  assertBytes(await good(unit, MEDIA_EVENTS), hex('0006 04 7e 02 02 0000'));
  assert.is(await sense(unit, '4a 00 0000 10 0000 0008 00'), '05/24/00');
});

test('a disc is put in and taken out while the drive is served', async () => {
  const first = images.path('first.iso');
  const second = images.path('second.iso');
  writeFileSync(first, isoImage(100));
  writeFileSync(second, isoImage(200));
  const { unit, drive } = await opticalScene(null);
  assert.is(await sense(unit, TEST_UNIT_READY), '02/3a/01');
  assert.is(await codeOf(drive.remove()), 'MEDIUM_ABSENT');
  assert.is(await codeOf(drive.insert({ path: first, barcode: null, kind: 'tape' })), 'MEDIUM_KIND');
  await drive.insert(image(first));
  assert.is(await codeOf(drive.insert(image(second))), 'MEDIUM_PRESENT');
  assert.is(await sense(unit, TEST_UNIT_READY), '06/28/00');
  assertBytes(await good(unit, '25 00 00000000 0000 00 00'), hex('00000063 00000800'));
  assert.equal(await drive.remove(), image(first));
  assert.is(await sense(unit, TEST_UNIT_READY), '02/3a/01');
  await drive.insert(image(second));
  assert.is(await sense(unit, TEST_UNIT_READY), '06/28/00');
  assertBytes(await good(unit, '25 00 00000000 0000 00 00'), hex('000000c7 00000800'));
});

test('a bad image stays in the drive, which is NOT READY and says why to its operator', async () => {
  const path = images.path('bad.iso');
  writeFileSync(path, '');
  const { unit, drive, notices } = await opticalScene(null);
  await drive.insert(image(path));
  assert.match(notices.join(), /bad.iso is empty/);
  assert.is(await sense(unit, TEST_UNIT_READY), '06/28/00');
  assert.is(await sense(unit, TEST_UNIT_READY), '02/30/02');
  assert.is(drive.current?.path, path);
  // Once it is mended, it is loaded as a new one.
  await good(unit, EJECT);
  writeFileSync(path, isoImage(50));
  await good(unit, LOAD);
  await good(unit, TEST_UNIT_READY);
  await good(unit, EJECT);
  rmSync(path);
  await good(unit, LOAD);
  assert.is(await sense(unit, TEST_UNIT_READY), '02/30/02');
});

test('REPORT KEY and SEND KEY: no disc is encrypted, and any region will do', async () => {
  const { unit } = await pressedScene(images.path('keys.iso'));
  assertBytes(await good(unit, 'a400 00000000 00 00 0008 08 00'), hex('0006 0000 00 ff 00 00'));
  await good(unit, 'a400 00000000 00 00 0000 3f 00');
  assert.is(await sense(unit, 'a400 00000000 00 00 0008 00 00'), '05/6f/01');
  assert.is(await sense(unit, 'a400 00000000 00 01 0008 08 00'), '05/24/00');
  assert.is(await sense(unit, 'a300 0000000000 00 0010 01 00'), '05/6f/01');
  assert.is(await sense(unit, 'a300 0000000000 02 0010 01 00'), '05/24/00');
  await good(unit, 'a300 0000000000 00 0000 3f 00');
});

test('SET CD SPEED, SET STREAMING and GET PERFORMANCE: what is chosen is told', async () => {
  const { unit } = await pressedScene(images.path('speed.iso'), 400, { profile: 'dvd' });
  assertBytes(await good(unit, 'ac10 00000000 0000 0001 00 00'), hex('00000014 00000000 00000000 00005690 0000018f 00005690'));
  await good(unit, 'bb00 0b54 2b48 0000000000 00');
  assertBytes(await good(unit, 'ac14 00000000 0000 0001 00 00'), hex('00000014 02000000 00000000 00002b48 0000018f 00002b48'));
  assertBytes((await good(unit, 'ac10 00000000 0000 0001 00 00')).subarray(12, 16), hex('00000b54'));
  // One descriptor of two: the length tells of both.
  assertBytes((await good(unit, 'ac00 00000000 0000 0001 03 00')).subarray(0, 8), hex('00000024 00000000'));
  assert.is((await good(unit, 'ac00 00000000 0000 0002 03 00')).length, 40);
  const streaming = hex('00000000 00000000 0000018f 00005690 000003e8 00005690 000003e8');
  await good(unit, 'b600 000000000000 00 001c 00', { dataOut: streaming });
  assertBytes((await good(unit, 'ac14 00000000 0000 0001 00 00')).subarray(12, 16), hex('00005690'));
  assert.is(await sense(unit, 'b600 000000000000 00 001c 00', { dataOut: streaming.map((byte, at) => (at === 18 || at === 19 ? 0 : byte)) }), '05/26/00');
  assert.is(await sense(unit, 'b600 000000000000 00 0010 00', { dataOut: streaming }), '05/1a/00');
  assert.is(await sense(unit, 'b600 000000000000 05 001c 00', { dataOut: streaming }), '05/24/00');
  assert.is(await sense(unit, 'bb02 ffff ffff 0000000000 00'), '05/24/00');
  assert.is(await sense(unit, 'ac10 00000000 0000 0001 01 00'), '05/24/00');
});

test('READ BUFFER CAPACITY: all of it is free', async () => {
  const { unit } = await opticalScene(null);
  assertBytes(await good(unit, '5c00 0000000000 000c 00'), hex('000a0000 00200000 00200000'));
  assertBytes(await good(unit, '5c01 0000000000 000c 00'), hex('000a0001 00000000 00000400'));
});

test('SEND OPC INFORMATION: no calibration data are taken', async () => {
  const { unit } = await opticalScene(images.path('opc'), { profile: 'dvd+r', blockCount: 1024 });
  await good(unit, '5401 0000000000 0000 00');
  assert.is(await sense(unit, '5401 0000000000 0008 00', { dataOut: new Uint8Array(8) }), '05/24/00');
});

test.run();
