import { truncateSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mode1Sector } from '../../../../engine/devices/cdrom/sector/mode1-sector.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { assertCheck, dataInOf, informationOf, runDeferred } from '../../scsi/scsi-fixture.js';
import { blockOf, blocksOf, good, imageFolder, isoImage, opticalScene, pressedScene, read10, sense } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);
const cd = await pressedScene(images.path('cd.iso'));
const dvd = await pressedScene(images.path('dvd.iso'), 400, { profile: 'dvd' });
const bd = await pressedScene(images.path('bd.iso'), 400, { profile: 'bd' });

test('READ (10): blocks of the image, and with DPO and FUA the same', async () => {
  assertBytes(await good(cd.unit, read10(100, 3)), blocksOf(100, 3));
  assertBytes(await good(cd.unit, '2818 00000001 00 0001 00'), blockOf(1));
  assert.is((await good(cd.unit, read10(400, 0))).length, 0);
});

test('READ (12): the same, and the streaming bit changes nothing', async () => {
  assertBytes(await good(cd.unit, 'a800 00000005 00000002 80 00'), blocksOf(5, 2));
  assert.is(await sense(cd.unit, 'a800 00000190 00000001 00 00'), '05/21/00');
});

test('READ (10): beyond the disc is out of range, and more than one command moves is refused', async () => {
  const command = await runDeferred(cd.unit, read10(399, 2));
  assertCheck(command, '05/21/00');
  assert.is(informationOf(command), 400);
  assert.is(await sense(dvd.unit, 'a800 00000000 00010000 00 00'), '05/21/00');
});

test('READ (10): an image that was cut off is a medium error where it ends, with the blocks before it', async () => {
  const path = images.path('cut.iso');
  writeFileSync(path, isoImage(400));
  truncateSync(path, 300 * 2048 + 100);
  const { unit, notices } = await opticalScene(path);
  assert.match(notices.join(), /cut off: its volume descriptor tells of 400 blocks and 300 are there/);
  assertBytes(await good(unit, '25 00 00000000 0000 00 00'), hex('0000018f 00000800'));
  const command = await runDeferred(unit, read10(298, 4));
  assertCheck(command, '03/11/00');
  assert.is(informationOf(command), 300);
  assertBytes(dataInOf(command), blocksOf(298, 2));
  assert.is(await sense(unit, read10(300, 1)), '03/11/00');
  assert.is(await sense(unit, read10(400, 1)), '05/21/00');
  assert.is(await sense(unit, '2f00 0000012b 00 0002 00'), '03/11/00');
});

test('VERIFY (10): what can be read is good, what leaves the disc is not', async () => {
  await good(cd.unit, '2f00 00000000 00 0190 00');
  assert.is(await sense(cd.unit, '2f00 00000190 00 0001 00'), '05/21/00');
});

test('READ CAPACITY (10): the last block of the disc', async () => {
  assertBytes(await good(dvd.unit, '25 00 00000000 0000 00 00'), hex('0000018f 00000800'));
  assert.is(await sense(dvd.unit, '25 00 00000001 0000 00 00'), '05/24/00');
});

test('SEEK (10): inside the disc', async () => {
  await good(cd.unit, '2b 00 0000018f 000000 00');
  assert.is(await sense(cd.unit, '2b 00 00000190 000000 00'), '05/21/00');
});

test('READ CD: any selection of a Mode 1 sector', async () => {
  assertBytes(await good(cd.unit, 'be08 00000010 000002 10 00 00'), Buffer.concat([isoImage(400).subarray(16 * 2048, 17 * 2048), blockOf(17)]));
  assertBytes(await good(cd.unit, 'be00 00000014 000001 f8 00 00'), mode1Sector(20, blockOf(20)));
  assertBytes(await good(cd.unit, 'be00 00000014 000001 20 00 00'), hex('00022001'));
  const withQ = await good(cd.unit, 'be00 00000014 000001 10 02 00');
  assertBytes(withQ.subarray(2048, 2058), hex('41 01 01 000020 00 000220'));
  const withErrors = await good(cd.unit, 'be00 00000014 000001 fa 01 00');
  assert.is(withErrors.length, 2352 + 294 + 96);
  assertBytes(withErrors.subarray(2352, 2646), new Uint8Array(294));
  assert.is((await good(cd.unit, 'be00 00000014 000001 00 00 00')).length, 0);
});

test('READ CD: an initiator that takes less gets the beginning', async () => {
  const command = await runDeferred(cd.unit, 'be00 00000014 000003 f8 00 00', { expectedDataInLength: 2400 });
  assertBytes(dataInOf(command), Buffer.concat([mode1Sector(20, blockOf(20)), mode1Sector(21, blockOf(21)).subarray(0, 48)]));
  assert.is(command.dataInLength, 3 * 2352);
});

test('READ CD: audio and Mode 2 were expected of a Mode 1 track (ILLEGAL MODE FOR THIS TRACK)', async () => {
  for (const type of ['04', '0c', '10', '14']) assert.is(await sense(cd.unit, `be${type} 00000000 000001 10 00 00`), '05/64/00');
  assert.is(await sense(cd.unit, 'be18 00000000 000001 10 00 00'), '05/24/00');
  assert.is(await sense(cd.unit, 'be00 00000000 000001 90 00 00'), '05/24/00');
  assert.is(await sense(cd.unit, 'be00 00000190 000001 10 00 00'), '05/21/00');
  assert.is(await sense(dvd.unit, 'be00 00000000 000001 10 00 00'), '05/30/00');
});

test('READ CD MSF: from one address up to before another', async () => {
  assertBytes(await good(cd.unit, 'b900 00 000214 000216 10 00 00'), blocksOf(20, 2));
  assert.is(await sense(cd.unit, 'b900 00 000216 000214 10 00 00'), '05/24/00');
  assert.is(await sense(cd.unit, 'b900 00 003c00 004000 10 00 00'), '05/24/00');
});

test('READ TOC/PMA/ATIP: one data track and the lead-out, as blocks and as times', async () => {
  assertBytes(await good(cd.unit, '4300 00 000000 00 0064 00'), hex('0012 01 01 00 14 01 00 00000000 00 14 aa 00 00000190'));
  assertBytes(await good(cd.unit, '4302 00 000000 00 0064 00'), hex('0012 01 01 00 14 01 00 00000200 00 14 aa 00 00000719'));
  assertBytes(await good(cd.unit, '4300 00 000000 aa 0064 00'), hex('000a 01 01 00 14 aa 00 00000190'));
  assertBytes(await good(dvd.unit, '4300 00 000000 01 000c 00'), hex('0012 01 01 00 14 01 00 00000000'));
  assert.is(await sense(cd.unit, '4300 00 000000 02 0064 00'), '05/24/00');
});

test('READ TOC/PMA/ATIP: sessions, raw, and the formats that a pressed disc has not', async () => {
  assertBytes(await good(cd.unit, '4300 01 000000 00 000c 00'), hex('000a 01 01 00 14 01 00 00000000'));
  // The format where ATAPI had it, as Linux sends it.
  assertBytes(await good(cd.unit, '4300 00 000000 00 000c 40'), hex('000a 01 01 00 14 01 00 00000000'));
  const data = await good(cd.unit, '4302 02 000000 01 0064 00');
  assertBytes(data.subarray(0, 15), hex('002e 01 01 01 14 00 a0 00 00 00 00 01 00 00'));
  assertBytes(data.subarray(26, 37), hex('01 14 00 a2 00 00 00 00 00 07 19'));
  for (const format of ['03', '04', '05', '06']) assert.is(await sense(cd.unit, `4300 ${format} 000000 00 0064 00`), '05/24/00');
  assert.is(await sense(dvd.unit, '4302 02 000000 01 0064 00'), '05/24/00');
  assert.is(await sense(cd.unit, '4302 02 000000 02 0064 00'), '05/24/00');
});

test('READ SUB-CHANNEL: nothing plays; position, catalogue number and ISRC', async () => {
  assertBytes(await good(cd.unit, '4200 00 00 0000 00 0004 00'), hex('00150000'));
  assertBytes(await good(cd.unit, '4202 40 01 0000 00 0064 00'), hex('0015000c 01 14 01 01 00000200 00000000'));
  assert.is((await good(cd.unit, '4200 40 02 0000 00 0064 00')).length, 24);
  assert.is((await good(cd.unit, '4200 40 03 0000 01 0064 00'))[5], 0x14);
  assert.is(await sense(cd.unit, '4200 40 04 0000 00 0064 00'), '05/24/00');
  assert.is(await sense(dvd.unit, '4200 40 01 0000 00 0064 00'), '05/30/00');
});

test('READ DISC INFORMATION: a pressed disc is finalized, its session complete', async () => {
  assertBytes(await good(dvd.unit, '5100 0000000000 0022 00'), hex('0020 0e 01 01 01 01 20 00 00 00 00 00000000 ffffffff ffffffff 0000000000000000 00 00'));
  assertBytes(await good(dvd.unit, '5101 0000000000 000c 00'), hex('000a 20 00 0099 0001 0099 0000'));
  assert.is(await sense(dvd.unit, '5102 0000000000 0010 00'), '05/24/00');
});

test('READ TRACK INFORMATION: by block, by number and by session', async () => {
  const expected = hex('002e 01 01 00 04 01 02 00000000 00000000 00000000 00000010 00000190 0000018f 00 00 0000 00000000 00000000 00000000');
  for (const address of ['00 00000000', '00 0000018f', '01 00000001', '02 00000001']) {
    assertBytes(await good(dvd.unit, `52${address} 00 0030 00`), expected);
  }
  for (const address of ['00 00000190', '01 00000002', '01 000000ff', '02 00000002', '05 00000001', '03 00000000']) {
    assert.is(await sense(dvd.unit, `52${address} 00 0030 00`), '05/24/00');
  }
});

test('READ DISC STRUCTURE: physical format and copyright of a DVD, disc information of a BD, and what there is', async () => {
  const physical = await good(dvd.unit, 'ad00 00000000 00 00 0804 00 00');
  assertBytes(physical.subarray(0, 20), hex('0802 0000 01 0f 01 00 00030000 0003018f 00000000'));
  assertBytes(await good(dvd.unit, 'ad00 00000000 00 01 0008 00 00'), hex('0006 0000 00000000'));
  assert.is((await good(dvd.unit, 'ad00 00000000 00 04 0804 00 00')).length, 2052);
  assertBytes(await good(dvd.unit, 'ad00 00000000 00 ff 0064 00 00'), hex('000e 0000 00 40 0804 01 40 0008 04 40 0804'));
  const information = await good(bd.unit, 'ad01 00000000 00 00 1004 00 00');
  assertBytes(information.subarray(0, 12), hex('1002 0000 4449 01 01 00 70 0000'));
  assert.is(await sense(bd.unit, 'ad00 00000000 00 00 1004 00 00'), '05/24/00');
  assert.is(await sense(dvd.unit, 'ad00 00000000 00 11 1004 00 00'), '05/24/00');
  assert.is(await sense(dvd.unit, 'ad00 00000000 01 00 1004 00 00'), '05/24/00');
  assert.is(await sense(cd.unit, 'ad00 00000000 00 00 1004 00 00'), '05/30/02');
});

test('READ FORMAT CAPACITIES: what is recorded, and without a disc that there is none', async () => {
  assertBytes(await good(dvd.unit, '23 000000000000 00fc 00'), hex('00000008 00000190 02 000800'));
  const { unit } = await opticalScene(null);
  assertBytes(await good(unit, '23 000000000000 00fc 00'), hex('00000008 ffffffff 03 000800'));
});

test('writing to a pressed disc is refused as write protected', async () => {
  for (const cdb of [
    '2a00 00000000 00 0001 00',
    '2e00 00000000 00 0001 00',
    'aa00 00000000 00000001 00 00',
    '53 00000000 00000010 00',
    '5b00 02 00 0000 000000 00',
    'a100 00000000 0000000000 00',
  ]) {
    assert.is(await sense(dvd.unit, cdb, { dataOut: blockOf(0) }), '07/27/00', cdb);
  }
  assert.is(await sense(dvd.unit, '04 11 000000 00', { dataOut: new Uint8Array(12) }), '07/27/00');
  await good(dvd.unit, '35 00 00000000 00 0000 00');
});

test.run();
