import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, nexus, otherNexus, run } from '../scsi-fixture.js';

test('READ BUFFER (10), WRITE BUFFER (10): what is written to the data buffer is read back, at any offset', () => {
  const unit = makeUnit();
  assertGood(run(unit, '3b 02 00 000010 000004 00', { dataOut: hex('01020304') }));
  assertData(run(unit, '3c 02 00 00000f 000006 00'), '00 01020304 00');
  assert.is(dataInOf(run(unit, '3c 02 00 000000 ffffff 00')).length, 65536, 'the whole buffer and no more');
});

test('READ BUFFER (10): descriptors tell the capacities (SPC-4 "Descriptor mode", "Echo buffer descriptor mode")', () => {
  const unit = makeUnit();
  assertData(run(unit, '3c 03 00 000000 0000ff 00'), '00 010000');
  assertData(run(unit, '3c 03 01 000000 0000ff 00'), '00 000000');
  assertData(run(unit, '3c 0b 00 000000 0000ff 00'), '01 00 1000');
});

test('READ BUFFER (10), WRITE BUFFER (10): the echo buffer gives back what the same nexus wrote', () => {
  const unit = makeUnit();
  assertCheck(run(unit, '3c 0a 00 000000 000100 00'), '05/2c/00');
  assertGood(run(unit, '3b 0a 00 000000 000003 00', { dataOut: hex('aabbcc') }));
  assertBytes(dataInOf(run(unit, '3c 0a 00 000000 000100 00')), hex('aabbcc'));
  assertCheck(run(unit, '3c 0a 00 000000 000100 00', { nexus: otherNexus }), '05/2c/00');
});

test('READ BUFFER (10): who was overwritten in the echo buffer is told once (EBOS)', () => {
  const unit = makeUnit();
  run(unit, '3b 0a 00 000000 000003 00', { dataOut: hex('aabbcc') });
  run(unit, '3b 0a 00 000000 000001 00', { dataOut: hex('dd'), nexus: otherNexus });
  assertCheck(run(unit, '3c 0a 00 000000 000100 00'), '05/3f/0f');
  assertCheck(run(unit, '3c 0a 00 000000 000100 00'), '05/2c/00');
  assertData(run(unit, '3c 0a 00 000000 000100 00', { nexus: otherNexus }), 'dd');
  unit.loseNexus(otherNexus);
  assertCheck(run(unit, '3c 0a 00 000000 000100 00', { nexus: otherNexus }), '05/2c/00');
});

test('READ BUFFER (10), WRITE BUFFER (10): fields that are wrong are pointed at', () => {
  const unit = makeUnit();
  const at = (cdb: string, pointer: string) => assertCheck(run(unit, cdb), '05/24/00', pointer);
  at('3c 1f 00 000000 000100 00', '1.4');
  at('3c 02 01 000000 000100 00', '2');
  at('3c 02 00 010001 000100 00', '3');
  at('3b 05 00 000000 000100 00', '1.4');
  at('3b 02 01 000000 000100 00', '2');
  at('3b 02 00 010001 000000 00', '3');
  at('3b 02 00 00ffff 000002 00', '6');
  at('3b 0a 00 000000 001001 00', '6');
});

test('WRITE BUFFER (10): an initiator that sends less than its CDB says writes what came', () => {
  const unit = makeUnit();
  run(unit, '3b 02 00 000000 000004 00', { dataOut: hex('0102') });
  assertData(run(unit, '3c 02 00 000000 000004 00'), '01020000');
  assert.is(unit.hasNoUnitAttention(nexus), true);
});

test.run();
