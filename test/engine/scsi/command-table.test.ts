import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../engine/errors.js';
import { type CommandRow, CommandTable, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { deviceTypeNamed, deviceTypes } from '../../../engine/scsi/device-types.js';

/** CDB length by the group code in the opcode's upper three bits, SPC-4 "OPERATION CODE field". */
const LENGTH_OF_GROUP = [6, 10, 10, 32, 16, 12, undefined, undefined];
const SERVICE_ACTION_MASK = 0x1f;
const NACA_BIT = 0x04;
const VARIABLE_LENGTH = 0x7f;

/** As far as a table looks: opcode and service action. */
function cdbOf({ opcode, serviceAction = 0 }: CommandRow): Uint8Array {
  const cdb = new Uint8Array(16);
  cdb[0] = opcode;
  if (opcode === VARIABLE_LENGTH) new DataView(cdb.buffer).setUint16(8, serviceAction);
  else cdb[1] = serviceAction;
  return cdb;
}

for (const type of Object.values(deviceTypes)) {
  test(`usage data of ${type.name}: starts with the opcode, spans the CDB, names the service action, has NACA (SPC-4 §6.35.3)`, () => {
    for (const row of type.commands.rows) {
      assert.is(row.cdbUsage[0], row.opcode, row.name);
      assert.is(row.cdbUsage.length, row.cdbLength, row.name);
      assert.is(row.cdbLength, LENGTH_OF_GROUP[row.opcode >> 5], row.name);
      const isVariable = row.opcode === VARIABLE_LENGTH;
      const [byte1, byte8, byte9] = [row.cdbUsage[1] as number, row.cdbUsage[8] as number, row.cdbUsage[9] as number];
      if (row.serviceAction !== undefined) assert.is(isVariable ? (byte8 << 8) | byte9 : byte1 & SERVICE_ACTION_MASK, row.serviceAction, row.name);
      assert.is(row.cdbUsage[isVariable ? 1 : row.cdbLength - 1], NACA_BIT, `${row.name}: CONTROL`);
      assert.ok(row.cdbIgnored === undefined || row.cdbIgnored.length === row.cdbLength, row.name);
      for (const mask of row.cdbUsage) assert.ok(Number.isInteger(mask) && mask >= 0 && mask <= 0xff, row.name);
    }
  });

  test(`every row of ${type.name} is found by its CDB and by its name`, () => {
    for (const row of type.commands.rows) {
      assert.is(type.commands.find(cdbOf(row)), row);
      assert.is(type.commands.findNamed(row.opcode, row.serviceAction), row);
    }
  });
}

test('a disk has the opcodes that its INQUIRY data promises', () => {
  const names = deviceTypes.disk.commands.rows.map((row) =>
    Buffer.from(cdbOf(row)).toString('hex', 0, row.opcode === VARIABLE_LENGTH ? 10 : row.serviceAction ? 2 : 1),
  );
  const variable = ['7f000000000000000007', '7f000000000000000009', '7f00000000000000000a', '7f00000000000000000b', '7f00000000000000000c'];
  const six = ['00', '03', '08', '0a', '12', '1a', '1b'];
  const ten = ['25', '28', '2a', '2e', '2f', '35', '53', '5a'];
  assert.equal(names.sort(), [...six, ...ten, ...variable, '88', '8a', '8e', '8f', '91', '9e10', 'a0', 'a30c', 'a30d', 'a8', 'aa', 'ae', 'af']);
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

const row: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0xa3,
  serviceAction: 5,
  name: 'X',
  clause: '',
  cdbLength: 2,
  cdbUsage: [0xa3, 0x05],
  execute() {},
};

test('a table refuses rows that contradict each other or themselves', () => {
  assert.throws(() => new CommandTable([row, row]), 'listed twice');
  assert.throws(() => new CommandTable([{ ...row, cdbUsage: [0xa3, 0x04] }]), 'usage data must hold the service action');
  assert.throws(() => new CommandTable([{ ...row, cdbUsage: [0xa3] }]), 'usage data must cover the CDB');
});

test('a variable-length row has its service action in bytes 8 and 9', () => {
  const usage = [0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0x12, 0x34, 0x0f, 0];
  const table = new CommandTable([
    { ...row, opcode: 0x7f, serviceAction: 0x1234, cdbLength: 12, cdbUsage: usage, cdbIgnored: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10] },
  ]);
  const entry = table.lookUp(Uint8Array.of(0x7f, 0x05, 0, 0, 0, 0, 0, 0x18, 0x12, 0x34));
  assert.is(entry?.row.serviceAction, 0x1234);
  assert.equal(
    entry?.reservedWords.map((word) => (word >>> 0).toString(16).padStart(8, '0')),
    ['00ffffff', 'ffffff00', '0000e0ff'],
  );
  for (const bytes of [
    [0x12, 0x35],
    [0x34, 0x12],
    [0, 0x34],
  ])
    assert.is(table.lookUp(Uint8Array.of(0x7f, 0x05, 0, 0, 0, 0, 0, 0x18, ...bytes)), undefined);
});

test('the reserved words are the complement of the usage data, but for opcode and service action', () => {
  const table = new CommandTable([{ ...row, cdbLength: 6, cdbUsage: [0xa3, 0x85, 0x00, 0xff, 0x0f, 0x00] }]);
  const words = table.lookUp(Uint8Array.of(0xa3, 0x05))?.reservedWords.map((word) => (word >>> 0).toString(16).padStart(8, '0'));
  assert.equal(words, ['0060ff00', 'f0ff0000']);
});

test.run();
