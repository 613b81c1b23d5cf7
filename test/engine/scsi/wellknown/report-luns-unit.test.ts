import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceTypes } from '../../../../engine/scsi/device-types.js';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, nexus, run } from '../scsi-fixture.js';

const UNIT = () => makeUnit({ deviceType: deviceTypes.reportLunsUnit, hasMedium: false, luns: [0, 7] });

test('REPORT LUNS: the well-known logical unit tells what all others tell', () => {
  assertData(run(UNIT(), 'a0 00 02 000000 00001000 00 00'), '00000018 00000000 0000000000000000 0007000000000000 c101000000000000');
});

test('INQUIRY: a well-known logical unit, which names its target and has no name of its own', () => {
  assertData(run(UNIT(), '12 00 00 0001 00'), '1e');
  assertData(run(UNIT(), '12 01 00 00ff 00'), '1e 00 0002 00 83');
  const page = Buffer.from(dataInOf(run(UNIT(), '12 01 83 03ff 00')));
  assert.match(page.toString('latin1'), 'iqn.2024-01.test:t,t,0x0001');
  assert.match(page.toString('hex'), '53a8', 'a SCSI name string of the target device');
});

test('TEST UNIT READY and REQUEST SENSE: it is ready without a medium, and has unit attentions of its own', () => {
  const unit = UNIT();
  unit.establishUnitAttention(nexus.id, Asc.powerOnOrReset);
  assertCheck(run(unit, '00 00 00 00 00 00'), '06/29/00');
  assertGood(run(unit, '00 00 00 00 00 00'));
  assertData(run(unit, '03 00 00 00 03 00'), '70 00 00');
  unit.establishUnitAttention(nexus.id, Asc.powerOnOrReset);
  assertData(run(unit, '03 00 00 00 03 00'), '70 00 06');
});

test('REPORT SUPPORTED OPERATION CODES: five, and a medium command is none of them', () => {
  const data = dataInOf(run(UNIT(), 'a3 0c 00 00 0000 00001000 00 00'));
  assert.is(new DataView(data.buffer, data.byteOffset).getUint32(0), 5 * 8);
  assertCheck(run(UNIT(), '28 00 00000000 00 0001 00'), '05/20/00');
});

test.run();
