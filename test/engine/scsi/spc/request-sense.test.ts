import { test } from 'uvu';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertData, assertGood, makeUnit, nexus, otherNexus, run } from '../scsi-fixture.js';

const FIXED = '03 00 00 00 ff 00';
const DESCRIPTOR = '03 01 00 00 ff 00';

test('nothing to report is NO SENSE, in either format', () => {
  assertData(run(makeUnit(), FIXED), '70 00 00 00000000 0a 00000000 00 00 00000000');
  assertData(run(makeUnit(), DESCRIPTOR), '72 00 00 00 00000000');
});

test('a pending unit attention is the data, and is thereby taken (SPC-4 §6.39)', () => {
  const unit = makeUnit();
  unit.establishUnitAttention(nexus.id, Asc.busDeviceResetFunctionOccurred);
  assertData(run(unit, DESCRIPTOR, { nexus: otherNexus }), '72 00 00 00 00000000');
  assertData(run(unit, FIXED), '70 00 06 00000000 0a 00000000 29 03 00000000');
  assertData(run(unit, FIXED), '70 00 00 00000000 0a 00000000 00 00 00000000');
  assertGood(run(unit, '00'));
});

test('a stopped unit and one without a medium say so', () => {
  const unit = makeUnit();
  unit.stopped = true;
  assertData(run(unit, DESCRIPTOR), '72 02 04 02 00000000');
  assertData(run(makeUnit({ hasMedium: false }), DESCRIPTOR), '72 02 3a 00 00000000');
});

test('the allocation length cuts the data', () => {
  assertData(run(makeUnit(), '03 00 00 00 04 00'), '70 00 00 00');
  assertData(run(makeUnit(), '03 00 00 00 00 00'), '');
});

test.run();
