import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { legalBitsOf } from '../../../engine/scsi/command-table.js';
import { executeMediumCommand, executeUnitCommand, prepare } from '../../../engine/scsi/device-server.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import type { Medium } from '../../../engine/scsi/medium.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { assertCheck, assertGood, makeCommand, makeUnit, nexus, otherNexus, run, TestDeferral } from './scsi-fixture.js';

const READ_10 = '28 00 00000000 00 0001 00';
const WRITE_10 = '2a 00 00000000 00 0001 00';

/** A 32-byte CDB of zeros but for its service action and what all of them say. */
function cdb32(serviceAction: number, additionalLength = 0x18): Uint8Array {
  const cdb = new Uint8Array(32);
  cdb[0] = 0x7f;
  cdb[7] = additionalLength;
  new DataView(cdb.buffer).setUint16(8, serviceAction);
  return cdb;
}
const textOf = (cdb: Uint8Array): string => Buffer.from(cdb).toString('hex');

test('an unknown opcode is INVALID COMMAND OPERATION CODE', () => {
  assertCheck(run(makeUnit(), 'ff'), '05/20/00');
});

test('an unknown service action of a known opcode is INVALID FIELD IN CDB at byte 1', () => {
  assertCheck(run(makeUnit(), '9e 1f'), '05/24/00', '1.4');
  assertCheck(run(makeUnit(), 'a3 00'), '05/24/00', '1.4');
});

test('each reserved bit of each row is refused, with a pointer to it', () => {
  const unit = makeUnit();
  let checked = 0;
  for (const row of deviceTypes.disk.commands.rows) {
    for (let at = 1; at < row.cdbLength; at++) {
      const legal = legalBitsOf(row, at);
      for (let bit = 0; bit < 8; bit++) {
        if ((legal >> bit) & 1) continue;
        const cdb = row.opcode === 0x7f ? cdb32(row.serviceAction as number) : new Uint8Array(row.cdbLength);
        cdb[0] = row.opcode;
        if (row.opcode !== 0x7f) cdb[1] = row.serviceAction ?? 0;
        cdb[at] = (cdb[at] as number) | (1 << bit);
        assertCheck(run(unit, Buffer.from(cdb).toString('hex')), '05/24/00', `${at}.${bit}`);
        checked++;
      }
    }
  }
  assert.ok(checked > 500);
});

test('an unknown service action of a variable-length CDB is INVALID FIELD IN CDB at bytes 8 and 9', () => {
  for (const action of [0x0000, 0x0008, 0x0109, 0x0900, 0xffff]) assertCheck(run(makeUnit(), textOf(cdb32(action))), '05/24/00', '8.7');
});

test('ADDITIONAL CDB LENGTH must agree with the service action and with the CDB that came (SPC-4 "Variable length CDB formats")', () => {
  const unit = makeUnit();
  for (const action of [0x0007, 0x0009, 0x000a, 0x000b]) {
    assertGood(run(unit, textOf(cdb32(action))));
    for (const additionalLength of [0, 0x14, 0x17, 0x19, 0x1c, 0xf4, 0xff]) assertCheck(run(unit, textOf(cdb32(action, additionalLength))), '05/24/00', '7');
    for (const cdbLength of [16, 28, 31, 33, 36, 260]) assertCheck(run(unit, textOf(cdb32(action)), { cdbLength }), '05/24/00', '7');
    // They agree with each other, but not with the service action.
    assertCheck(run(unit, textOf(cdb32(action, 0x1c)), { cdbLength: 36 }), '05/24/00', '7');
  }
});

test('bytes behind the CDB in its 16-byte field are none of its own', () => {
  assertGood(run(makeUnit(), '00 00 00 00 00 00 ff ff ff ff ff ff ff ff ff ff'));
  assertGood(run(makeUnit(), '28 00 00000000 00 0000 00 ff ff ff ff ff ff'));
});

test('RDPROTECT, WRPROTECT and VRPROTECT must be zero', () => {
  for (const opcode of ['28', 'a8', '88', '2a', 'aa', '8a', '2f', 'af', '8f']) {
    for (const protect of [1, 2, 3, 4, 5, 6, 7]) {
      const command = run(makeUnit(), `${opcode} ${(protect << 5).toString(16)} 00`);
      assertCheck(command, '05/24/00', `1.${5 + Math.floor(Math.log2(protect))}`);
    }
  }
});

test('DPO, FUA, FUA_NV, RARC and the group number may be set', () => {
  for (const cdb of ['28 1e 00000000 1f 0001 00', 'a8 1e 00000000 00000001 1f 00', '88 1e 0000000000000000 00000001 1f 00']) assertGood(run(makeUnit(), cdb));
  for (const cdb of ['2a 1a 00000000 1f 0000 00', 'aa 1a 00000000 00000000 1f 00', '8a 1a 0000000000000000 00000000 1f 00']) assertGood(run(makeUnit(), cdb));
});

test('NACA may be set, and no other bit of the CONTROL byte (SAM-5 §5.2)', () => {
  for (const cdb of ['00 00 00 00 00 04', '28 00 00000000 00 0001 04']) assertGood(run(makeUnit(), cdb));
  assertCheck(run(makeUnit(), '00 00 00 00 00 01'), '05/24/00', '5.0');
  assertCheck(run(makeUnit(), '28 00 00000000 00 0001 c4'), '05/24/00', '9.7');
});

test('a CDB that is shorter than its opcode says is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeUnit(), READ_10, { cdbLength: 6 }), '05/24/00');
  assertCheck(run(makeUnit(), READ_10, { cdbLength: 9 }), '05/24/00');
  assertGood(run(makeUnit(), READ_10, { cdbLength: 10 }));
});

test('a unit attention ends the next command of its nexus, once, and of no other (SAM-5 §5.14)', () => {
  const unit = makeUnit();
  unit.establishUnitAttention(nexus.id, Asc.powerOnOccurred);
  unit.establishUnitAttention(nexus.id, Asc.reportedLunsDataHasChanged);
  assertGood(run(unit, '00', { nexus: otherNexus }));
  assertCheck(run(unit, READ_10), '06/29/01');
  assertCheck(run(unit, '00'), '06/3f/0e');
  assertGood(run(unit, '00'));
});

test('INQUIRY passes a unit attention and leaves it pending', () => {
  const unit = makeUnit();
  unit.establishUnitAttention(nexus.id, Asc.powerOnOccurred);
  assertGood(run(unit, '12 00 00 0024 00'));
  assertCheck(run(unit, '00'), '06/29/01');
});

test('a CDB that is refused leaves the unit attention pending', () => {
  const unit = makeUnit();
  unit.establishUnitAttention(nexus.id, Asc.powerOnOccurred);
  assertCheck(run(unit, 'ff'), '05/20/00');
  assertCheck(run(unit, '28 e0'), '05/24/00');
  assertCheck(run(unit, '00'), '06/29/01');
});

test('a stopped unit answers NOT READY to what needs the medium and works for what does not', () => {
  const unit = makeUnit();
  unit.stopped = true;
  for (const cdb of ['00', READ_10, WRITE_10, '2f 00 00000000 00 0001 00', '35', '25', '9e 10']) assertCheck(run(unit, cdb), '02/04/02');
  for (const cdb of ['12 00 00 00ff 00', 'a0 00 00 000000 00001000 00 00', '03 00 00 00 ff 00', '1a 00 3f 00 ff 00', 'a3 0c 00 00 0000 00001000 00 00']) {
    assertGood(run(unit, cdb));
  }
});

test('a unit without a medium is MEDIUM NOT PRESENT, stopped or not', () => {
  const unit = makeUnit({ hasMedium: false });
  for (const cdb of ['00', READ_10, '25', '35']) assertCheck(run(unit, cdb), '02/3a/00');
  for (const cdb of ['12 01 b0 00ff 00', '1a 00 3f 00 ff 00', '5a 10 3f 00 000000 00ff 00', '1b 00 00 00 00 00']) assertGood(run(unit, cdb));
});

test('writes to a read-only medium are WRITE PROTECTED, whatever they say; reads and flushes are not', () => {
  const unit = makeUnit({ readOnly: true });
  for (const cdb of ['0a 00 0000 01 00', WRITE_10, 'aa 00 00000000 00000001 00 00', '8a 00 ffffffffffffffff 00000001 00 00'])
    assertCheck(run(unit, cdb), '07/27/00');
  for (const cdb of [READ_10, '35', '2f 00 00000000 00 0001 00']) assertGood(run(unit, cdb));
});

test('a command is executed only by the function for its kind', () => {
  const unit = makeUnit();
  const read = makeCommand(READ_10);
  const row = prepare(read, unit, nexus);
  assert.ok(row);
  assert.throws(() => executeUnitCommand(row, read, unit, nexus, new TestDeferral()), 'not a unit command');
  assert.throws(() => executeMediumCommand(makeCommand('00'), unit.deviceType, unit.medium as Medium), 'without a medium row');
});

test.run();
