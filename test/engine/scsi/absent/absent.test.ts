import { test } from 'uvu';
import { assertCheck, assertData, makeAbsentUnit, run } from '../scsi-fixture.js';

test('INQUIRY says that no device is possible at this LUN (SPC-4 §6.6.2)', () => {
  assertData(
    run(makeAbsentUnit(), '12 00 00 00ff 00'),
    `7f 00 05 12 5b 00 00 02 ${Buffer.from('LUNLOOM VIRTUAL-DISK    0001').toString('hex')} ${'00'.repeat(60)}`,
  );
});

test('VPD has the list of pages and nothing on it', () => {
  assertData(run(makeAbsentUnit(), '12 01 00 00ff 00'), '7f 00 0001 00');
  assertCheck(run(makeAbsentUnit(), '12 01 83 00ff 00'), '05/24/00', '2');
});

test('REPORT LUNS works, so that the other LUNs can be found', () => {
  assertData(run(makeAbsentUnit([3, 300]), 'a0 00 00 000000 00000400 00 00'), '00000010 00000000 0003000000000000 412c000000000000');
});

test('REQUEST SENSE succeeds with LOGICAL UNIT NOT SUPPORTED as its data', () => {
  assertData(run(makeAbsentUnit(), '03 00 00 00 ff 00'), '70 00 05 00000000 0a 00000000 25 00 00000000');
  assertData(run(makeAbsentUnit(), '03 01 00 00 ff 00'), '72 05 25 00 00000000');
});

test('every other opcode is LOGICAL UNIT NOT SUPPORTED', () => {
  for (let opcode = 0; opcode <= 0xff; opcode++) {
    if ([0x03, 0x12, 0xa0].includes(opcode)) continue;
    assertCheck(run(makeAbsentUnit(), opcode.toString(16).padStart(2, '0')), '05/25/00');
  }
});

test.run();
