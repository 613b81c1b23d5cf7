import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../engine/errors.js';
import { CommandTable, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { deviceTypeNamed, deviceTypes } from '../../../engine/scsi/device-types.js';

/** CDB length by the group code in the opcode's upper three bits, SPC-4 "OPERATION CODE field". */
const LENGTH_OF_GROUP = [6, 10, 10, undefined, 16, 12, undefined, undefined];
const SERVICE_ACTION_MASK = 0x1f;
const NACA_BIT = 0x04;

for (const type of Object.values(deviceTypes)) {
  test(`usage data of ${type.name}: starts with the opcode, spans the CDB, names the service action, leaves NACA out (SPC-4 §6.35.3)`, () => {
    for (const row of type.commands.rows) {
      assert.is(row.cdbUsage[0], row.opcode, row.name);
      assert.is(row.cdbUsage.length, row.cdbLength, row.name);
      assert.is(row.cdbLength, LENGTH_OF_GROUP[row.opcode >> 5], row.name);
      if (row.serviceAction !== undefined) assert.is((row.cdbUsage[1] as number) & SERVICE_ACTION_MASK, row.serviceAction, row.name);
      assert.is((row.cdbUsage[row.cdbLength - 1] as number) & NACA_BIT, 0, row.name);
      for (const mask of row.cdbUsage) assert.ok(Number.isInteger(mask) && mask >= 0 && mask <= 0xff, row.name);
    }
  });

  test(`every row of ${type.name} is found by its CDB and by its name`, () => {
    for (const row of type.commands.rows) {
      assert.is(type.commands.find(Uint8Array.of(row.opcode, row.serviceAction ?? 0)), row);
      assert.is(type.commands.findNamed(row.opcode, row.serviceAction), row);
    }
  });
}

test('a disk has the opcodes that its INQUIRY data promises', () => {
  const opcodes = deviceTypes.disk.commands.rows.map((row) => row.opcode).sort((a, b) => a - b);
  assert.equal(
    opcodes,
    [0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x1b, 0x25, 0x28, 0x2a, 0x2f, 0x35, 0x5a, 0x88, 0x8a, 0x8f, 0x91, 0x9e, 0xa0, 0xa3, 0xa3, 0xa8, 0xaa, 0xaf],
  );
});

test('device types are found by name, and only by theirs', () => {
  assert.is(deviceTypeNamed('disk'), deviceTypes.disk);
  for (const name of ['tape', 'toString', '']) {
    assert.throws(
      () => deviceTypeNamed(name),
      (error: unknown) => error instanceof TargetError && error.code === 'DEVICE_TYPE_UNKNOWN',
    );
  }
});

const row: UnitCommandRow = { runsOn: 'main', opcode: 0xa3, serviceAction: 5, name: 'X', clause: '', cdbLength: 2, cdbUsage: [0xa3, 0x05], execute() {} };

test('a table refuses rows that contradict each other or themselves', () => {
  assert.throws(() => new CommandTable([row, row]), 'listed twice');
  assert.throws(() => new CommandTable([{ ...row, cdbUsage: [0xa3, 0x04] }]), 'usage data must hold the service action');
  assert.throws(() => new CommandTable([{ ...row, cdbUsage: [0xa3] }]), 'usage data must cover the CDB');
});

test('the reserved words are the complement of the usage data, but for opcode and service action', () => {
  const table = new CommandTable([{ ...row, cdbLength: 6, cdbUsage: [0xa3, 0x85, 0x00, 0xff, 0x0f, 0x00] }]);
  const words = table.lookUp(Uint8Array.of(0xa3, 0x05))?.reservedWords.map((word) => (word >>> 0).toString(16).padStart(8, '0'));
  assert.equal(words, ['0060ff00', 'f0ff0000']);
});

test.run();
