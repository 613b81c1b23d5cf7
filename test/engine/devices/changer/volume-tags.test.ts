import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readVolumeTagTemplate } from '../../../../engine/devices/changer/volume-tag-template.js';
import { assertCheck, assertGood, dataInOf, nexus, otherNexus, run } from '../../scsi/scsi-fixture.js';
import { makeScene, readElements, SLOT_2 } from './changer-fixture.js';

function template(text: string, minimum = 0, maximum = 0): Uint8Array {
  const list = Buffer.alloc(40);
  list.write(text.padEnd(32), 'latin1');
  list.writeUInt16BE(minimum, 34);
  list.writeUInt16BE(maximum, 38);
  return list;
}

const translate = (action = '00', type = '00', start = '0000') => `b6${type} ${start} 00${action} 0000 0028 0000`;
const REQUEST = 'b510 0000 ffff 0000 ffff 0000';

test('volume tag templates: what stands for one character and for many, and sequence numbers', () => {
  const matches = (pattern: string, barcode: string) => readVolumeTagTemplate(template(pattern), false).matches(barcode);
  for (const pattern of ['LUN001L6', 'LUN???L6', 'L*', '*', '*L6', 'L*0*6', '????????', '*******']) assert.ok(matches(pattern, 'LUN001L6'), pattern);
  for (const pattern of ['LUN001', 'lun001L6', 'LUN????L6', '*7', '', '?????????', 'L*7*6']) assert.not.ok(matches(pattern, 'LUN001L6'), pattern);
  assert.ok(matches(`${'*a'.repeat(15)}*`, 'a'.repeat(32)));
  assert.not.ok(matches('*a'.repeat(16), `${'a'.repeat(31)}b`));
  assert.ok(readVolumeTagTemplate(template('A', 0, 9), false).matches('A'));
  assert.not.ok(readVolumeTagTemplate(template('A', 1, 9), false).matches('A'));
  assert.ok(readVolumeTagTemplate(template('A', 1, 9), true).matches('A'));
});

test('REQUEST VOLUME ELEMENT ADDRESS: answers where the cartridges of SEND VOLUME TAG are', async () => {
  const { unit, close } = await makeScene();
  assertGood(run(unit, translate('05'), { dataOut: template('*00?L6') }));
  const command = run(unit, REQUEST);
  assertGood(command);
  assert.is(Buffer.from(dataInOf(command).subarray(0, 8)).toString('hex'), '04000003050000a4');
  assert.equal(
    readElements(dataInOf(command)).map(({ address, tag }) => `${address} ${tag}`),
    ['1024 AAA001L6', '1025 BBB002L6', '1026 CCC003L6'],
  );
  assertGood(run(unit, translate('00', '02', SLOT_2), { dataOut: template('*') }));
  assert.is(readElements(dataInOf(run(unit, 'b502 0000 0001 0000 ffff 0000')))[0]?.address, 0x401);
  assertGood(run(unit, translate('00', '04'), { dataOut: template('*') }));
  assert.equal(readElements(dataInOf(run(unit, REQUEST))), []);
  await close();
});

test('REQUEST VOLUME ELEMENT ADDRESS: before SEND VOLUME TAG, after a reset, of another type, and beside a reservation', async () => {
  const { unit, close } = await makeScene();
  assertCheck(run(unit, REQUEST), '05/2c/00');
  assertGood(run(unit, translate(), { dataOut: template('*') }));
  assertCheck(run(unit, REQUEST, { nexus: otherNexus }), '05/2c/00');
  assertCheck(run(unit, 'b507 0000 ffff 0000 ffff 0000'), '05/24/00', '1.3');
  unit.reset('logical-unit-reset');
  assertCheck(run(unit, REQUEST), '05/2c/00');
  assertGood(run(unit, translate(), { dataOut: template('*') }));
  unit.loseNexus(nexus);
  assertCheck(run(unit, REQUEST), '05/2c/00');
  assertGood(run(unit, '160000000000'));
  assert.is(run(unit, REQUEST, { nexus: otherNexus }).status, 0x18);
  await close();
});

test('SEND VOLUME TAG: actions that would change labels, addresses, lengths, and a reservation', async () => {
  const { unit, close } = await makeScene();
  for (const action of ['02', '03', '06', '08', '0a', '0c', '1f']) assertCheck(run(unit, translate(action), { dataOut: template('*') }), '05/24/00', '5.4');
  assertCheck(run(unit, translate('00', '05'), { dataOut: template('*') }), '05/24/00', '1.3');
  assertCheck(run(unit, translate('00', '00', '0500'), { dataOut: template('*') }), '05/21/01');
  assertCheck(run(unit, 'b600 0000 0000 0000 0020 0000', { dataOut: template('*') }), '05/1a/00');
  assertCheck(run(unit, translate(), { dataOut: template('*').subarray(0, 39) }), '05/1a/00');
  assertGood(run(unit, '160000000000'));
  assert.is(run(unit, translate(), { dataOut: template('*'), nexus: otherNexus }).status, 0x18);
  await close();
});

test.run();
