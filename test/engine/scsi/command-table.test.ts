import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandRow, CommandTable, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';

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

/** What a disk for clusters, hypervisors and multipathing has; by opcode, with the service actions behind it. */
const DISK_OPCODES: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    '00 03 04 08 0a 12 15 16 17 1a 1b 1c 1d 1e 25 28 2a 2e 2f 34 35 37 3b 3c 41 42 4c 4d 53 55 56 57 5a'.split(' ').map((code) => [code, []]),
  ),
  ...Object.fromEntries('88 89 8a 8b 8e 8f 90 91 93 9c a0 a8 aa ae af b7'.split(' ').map((code) => [code, []])),
  '48': [0x01, 0x02, 0x03, 0x1f],
  '5e': [0, 1, 2, 3],
  '5f': [0, 1, 2, 3, 4, 5, 6, 7],
  '7f': [0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d],
  '83': [0x00, 0x01, 0x10, 0x11, 0x1c],
  '84': [0x00, 0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08],
  '9e': [0x10, 0x12],
  a3: [0x0a, 0x0c, 0x0d, 0x0f],
  a4: [0x0a, 0x0f],
};

test('a disk has the opcodes that its INQUIRY data promises', () => {
  const wanted = Object.entries(DISK_OPCODES).flatMap(([code, actions]) => (actions.length === 0 ? [code] : actions.map((action) => `${code}/${action}`)));
  const present = deviceTypes.disk.commands.rows.map(({ opcode, serviceAction }) => {
    const code = opcode.toString(16).padStart(2, '0');
    return serviceAction === undefined ? code : `${code}/${serviceAction}`;
  });
  assert.equal(present.sort(), wanted.sort());
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
