import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertCheck, assertData, assertGood, makeUnit, nexus, run } from '../scsi-fixture.js';

const UNIT = () => makeUnit({ luns: [0, 1, 255, 256, 16383] });
const LIST = '00000028 00000000 0000000000000000 0001000000000000 00ff000000000000 4100000000000000 7fff000000000000';

test('LUNs up to 255 are peripheral, above flat (SAM-5 §4.7)', () => {
  assertData(run(UNIT(), 'a0 00 00 000000 00001000 00 00'), LIST);
});

const WELL_KNOWN = 'c101000000000000';

test('REPORT LUNS: SELECT REPORT 01h is the well-known logical unit, 02h all of them', () => {
  assertData(run(UNIT(), 'a0 00 01 000000 00001000 00 00'), `00000008 00000000 ${WELL_KNOWN}`);
  assertData(run(UNIT(), 'a0 00 02 000000 00001000 00 00'), `00000030 ${LIST.slice(9)} ${WELL_KNOWN}`);
});

test('REPORT LUNS: SELECT REPORT 10h to 12h, there are no administrative and no subsidiary logical units (SPC-5)', () => {
  assertData(run(UNIT(), 'a0 00 10 000000 00001000 00 00'), '00000000 00000000');
  assertData(run(UNIT(), 'a0 00 11 000000 00001000 00 00'), LIST);
  assertData(run(UNIT(), 'a0 00 12 000000 00001000 00 00'), '00000000 00000000');
});

test('REPORT LUNS: any other SELECT REPORT is INVALID FIELD IN CDB', () => {
  for (const select of ['03', '0f', '13', 'f8']) assertCheck(run(UNIT(), `a0 00 ${select} 000000 00001000 00 00`), '05/24/00', '2');
});

test('REPORT LUNS: a restricted nexus is told of the LUNs that it may know, and the host that it was told', () => {
  const told: number[] = [];
  const unit = makeUnit({ luns: [0, 1, 2], host: { onLunsReported: ({ id }) => told.push(id) } });
  assertData(run(unit, 'a0 00 00 000000 00001000 00 00', { nexus: { ...nexus, visibleLuns: [1] } }), '00000008 00000000 0001000000000000');
  assert.equal(told, [nexus.id]);
});

test('an allocation length under 16 is INVALID FIELD IN CDB, 16 cuts the list', () => {
  assertCheck(run(UNIT(), 'a0 00 00 000000 0000000f 00 00'), '05/24/00', '6');
  assertData(run(UNIT(), 'a0 00 00 000000 00000010 00 00'), LIST.slice(0, 34));
});

test('it passes a unit attention, and clears the one that it answers (SAM-5 §5.14)', () => {
  const unit = UNIT();
  unit.establishUnitAttention(nexus.id, Asc.powerOnOccurred);
  unit.establishUnitAttention(nexus.id, Asc.reportedLunsDataHasChanged);
  assertData(run(unit, 'a0 00 00 000000 00001000 00 00'), LIST);
  assertCheck(run(unit, '00'), '06/29/01');
  assertGood(run(unit, '00'));
});

test.run();
