import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceKinds } from '../../../engine/devices/registry.js';
import { type CommandRow, type DeviceType, legalBitsOf, reservationClassOf } from '../../../engine/scsi/command-table.js';
import type { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { NexusReservation } from '../../../engine/scsi/spc/reservations/reserve-release.js';
import { parseSense } from '../../../initiator/sense-data.js';
import { dataInOf, makeCommand, run } from '../scsi/scsi-fixture.js';
import { admitted, everybody, nexusOfRole, plainCdb, RESERVATION_TYPES } from '../scsi/spc/reservations/admitted-roles.js';
import { Action, a, attentionsOf, b, c, good, isAdmitted, keyA, keyB, out, register, reserve } from '../scsi/spc/reservations/reservation-scene.js';
import { kindUnits, typesWithoutUnits } from './kind-units.js';

const INVALID_FIELD_IN_CDB = 0x2400;
const LISTED_CDB_LENGTH_MAX = 16;
const DESCRIPTOR_LENGTH = 8;
const types = (await Promise.all(deviceKinds.map((kind) => kind.types()))).flat();

test('each kind of device is looked at here, or stands among those that cannot be', () => {
  const known = [...Object.keys(kindUnits), ...typesWithoutUnits].sort();
  assert.equal(types.map(({ name }) => name).sort(), known);
});

/** Takes what is told of the unit itself first. */
function quiet(unit: LogicalUnit): void {
  for (const nexus of [a, b, c]) attentionsOf(unit, nexus);
}

function testType(deviceType: DeviceType, withUnit: (use: (unit: LogicalUnit) => void) => () => Promise<void>): void {
  const { name: type, commands } = deviceType;
  const { rows } = commands;

  for (const row of rows) {
    test(
      `${type}: ${row.name}: each bit that is not evaluated is refused and pointed at (SPC-4 "Reserved")`,
      withUnit((unit) => assertReservedBits(unit, row)),
    );
  }

  test(`${type}: each command has a name, a clause and usage data of its length`, () => {
    for (const { name, clause, cdbUsage, cdbLength } of rows) {
      assert.match(name, /^[A-Z][A-Z0-9]/);
      assert.ok(clause.length > 0, name);
      assert.is(cdbUsage.length, cdbLength, name);
    }
    assert.is(new Set(rows.map(({ name }) => name)).size, rows.length, 'each name stands for one command');
  });

  if (commands.findNamed(0xa3, 0x0c)?.name === 'REPORT SUPPORTED OPERATION CODES') {
    test(`${type}: REPORT SUPPORTED OPERATION CODES lists every command once`, withUnit(assertListed));
    test(`${type}: REPORT SUPPORTED OPERATION CODES of one command tells the bits that it evaluates`, withUnit(assertOneByOne));
  }

  if (!commands.hasServiceActions(0x5f)) return;
  test(
    `${type}: each type of persistent reservation admits to each command whom its class says`,
    withUnit((unit) => assertPersistent(unit, rows)),
  );
  test(
    `${type}: another nexus's RESERVE is a conflict with each command that does not always run`,
    withUnit((unit) => assertReserved(unit, rows)),
  );
}

function assertReservedBits(unit: LogicalUnit, row: CommandRow): void {
  for (let at = 1; at < row.cdbLength; at++) {
    for (let bit = 0; bit < 8; bit++) {
      if ((legalBitsOf(row, at) & (1 << bit)) !== 0) continue;
      const cdb = Buffer.from(plainCdb(row), 'hex');
      cdb[at] = (cdb[at] as number) | (1 << bit);
      const { sense, senseLength } = run(unit, cdb.toString('hex'));
      const parsed = parseSense(Buffer.from(sense.subarray(0, senseLength)));
      assert.equal([parsed?.key, parsed?.ascAscq, parsed?.fieldPointer], [5, INVALID_FIELD_IN_CDB, { byte: at, bit, inCdb: true }], cdb.toString('hex'));
    }
  }
}

function supported(unit: LogicalUnit): CommandRow[] {
  return unit.deviceType.commands.rows.filter((row) => row.isSupported?.(unit) !== false);
}

function assertListed(unit: LogicalUnit): void {
  quiet(unit);
  const command = run(unit, 'a30c00000000ffffffff0000', { nexus: a });
  good(command);
  const data = Buffer.from(dataInOf(command));
  const listed = Array.from({ length: data.readUInt32BE(0) / DESCRIPTOR_LENGTH }, (_, index) => {
    const at = 4 + DESCRIPTOR_LENGTH * index;
    const hasServiceAction = (data.readUInt8(at + 5) & 0x01) !== 0;
    return `${data.readUInt8(at)}/${hasServiceAction ? data.readUInt16BE(at + 2) : '-'}: ${data.readUInt16BE(at + 6)}`;
  });
  const rows = supported(unit).filter(({ cdbLength }) => cdbLength <= LISTED_CDB_LENGTH_MAX);
  assert.equal(
    listed,
    rows.map(({ opcode, serviceAction = '-', cdbLength }) => `${opcode}/${serviceAction}: ${cdbLength}`),
  );
}

function assertOneByOne(unit: LogicalUnit): void {
  quiet(unit);
  for (const row of supported(unit)) {
    const cdb = Buffer.from('a30c03000000ffffffff0000', 'hex');
    cdb[3] = row.opcode;
    cdb.writeUInt16BE(row.serviceAction ?? 0, 4);
    const command = run(unit, cdb.toString('hex'), { nexus: a });
    good(command);
    const data = Buffer.from(dataInOf(command));
    assert.is(data.readUInt8(1) & 0x07, 0b011, `${row.name} is supported as the standard has it`);
    assert.equal([...data.subarray(4, 4 + data.readUInt16BE(2))], [...row.cdbUsage], row.name);
  }
}

function assertPersistent(unit: LogicalUnit, rows: readonly CommandRow[]): void {
  for (const type of RESERVATION_TYPES) {
    quiet(unit);
    register(unit, [a, keyA], [b, keyB]);
    reserve(unit, a, keyA, type);
    for (const row of rows) {
      const cdb = plainCdb(row);
      const found = everybody.filter((role) => isAdmitted(unit, cdb, nexusOfRole[role]));
      assert.equal(found, admitted[reservationClassOf(row, makeCommand(cdb))][type], `${row.name} with type ${type}`);
    }
    good(out(unit, a, Action.clear, keyA));
  }
}

function assertReserved(unit: LogicalUnit, rows: readonly CommandRow[]): void {
  quiet(unit);
  unit.part(NexusReservation).reserve(a);
  for (const row of rows) {
    const cdb = plainCdb(row);
    assert.is(isAdmitted(unit, cdb, b), reservationClassOf(row, makeCommand(cdb)) === 'always', row.name);
  }
}

for (const deviceType of types) {
  const open = kindUnits[deviceType.name];
  if (open === undefined) continue;
  const { unit, close } = await open();
  testType(deviceType, (use) => async () => use(unit));
  test.after(close);
}

test.run();
