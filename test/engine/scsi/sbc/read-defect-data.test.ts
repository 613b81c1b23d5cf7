import { test } from 'uvu';
import { assertCheck, assertData, makeUnit, run } from '../scsi-fixture.js';

test('READ DEFECT DATA (10): no defects in the lists and the format that were asked for', () => {
  assertData(run(makeUnit(), '37 00 00 00000000 0020 00'), '00 00 0000');
  assertData(run(makeUnit(), '37 00 1d 00000000 0020 00'), '00 1d 0000');
  assertData(run(makeUnit(), '37 00 08 00000000 0003 00'), '00 08 00');
});

test('READ DEFECT DATA (10) refuses formats that are nobody’s, and reserved bits', () => {
  assertCheck(run(makeUnit(), '37 00 06 00000000 0020 00'), '05/24/00', '2.2');
  assertCheck(run(makeUnit(), '37 00 1f 00000000 0020 00'), '05/24/00', '2.2');
  assertCheck(run(makeUnit(), '37 00 20 00000000 0020 00'), '05/24/00', '2.5');
});

test('READ DEFECT DATA (12): an empty list behind every ADDRESS DESCRIPTOR INDEX', () => {
  assertData(run(makeUnit(), 'b7 00 00000000 00000020 00 00'), '00 00 0000 00000000');
  assertData(run(makeUnit(), 'b7 1b ffffffff 00000020 00 00'), '00 1b 0000 00000000');
  assertData(run(makeUnit(), 'b7 00 00000000 00000005 00 00'), '00 00 0000 00');
});

test('READ DEFECT DATA (12) refuses formats that are nobody’s, and reserved bits', () => {
  assertCheck(run(makeUnit(), 'b7 07 00000000 00000020 00 00'), '05/24/00', '1.2');
  assertCheck(run(makeUnit(), 'b7 20 00000000 00000020 00 00'), '05/24/00', '1.5');
});

test.run();
