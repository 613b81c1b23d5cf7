import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandRow, legalBitsOf, VARIABLE_LENGTH_OPCODE, VARIABLE_LENGTH_SERVICE_ACTION_AT } from '../../../engine/scsi/command-table.js';
import { type DeviceTypeName, deviceTypes } from '../../../engine/scsi/device-types.js';
import { assertCheck, makeUnit, run } from './scsi-fixture.js';

const ADDITIONAL_CDB_LENGTH_AT = 7;
const VARIABLE_LENGTH_HEADER_LENGTH = 8;

/** The CDB of a row with all its fields zero but those that name it, as digits. */
function barestCdb(row: CommandRow): Buffer {
  const cdb = Buffer.alloc(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.opcode === VARIABLE_LENGTH_OPCODE) {
    cdb[ADDITIONAL_CDB_LENGTH_AT] = row.cdbLength - VARIABLE_LENGTH_HEADER_LENGTH;
    cdb.writeUInt16BE(row.serviceAction as number, VARIABLE_LENGTH_SERVICE_ACTION_AT);
  } else if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
  return cdb;
}

for (const typeName of Object.keys(deviceTypes) as DeviceTypeName[]) {
  const deviceType = deviceTypes[typeName];
  const { rows } = deviceType.commands;
  const makeUnitOfType = () => makeUnit({ deviceType, hasMedium: deviceType.modes !== undefined });

  test(`${typeName}: each bit that a command does not evaluate is refused and pointed at (SPC-4 "Reserved")`, () => {
    for (const row of rows) {
      for (let at = 1; at < row.cdbLength; at++) {
        for (let bit = 0; bit < 8; bit++) {
          if ((legalBitsOf(row, at) & (1 << bit)) !== 0) continue;
          const cdb = barestCdb(row);
          cdb[at] = (cdb[at] as number) | (1 << bit);
          assertCheck(run(makeUnitOfType(), cdb.toString('hex')), '05/24/00', `${at}.${bit}`);
        }
      }
    }
  });

  test(`${typeName}: each command has a name, a clause and usage data of its length`, () => {
    for (const row of rows) {
      assert.match(row.name, /^[A-Z][A-Z0-9 ()-]+$/);
      assert.ok(row.clause.length > 0, row.name);
      assert.is(row.cdbUsage.length, row.cdbLength, row.name);
    }
  });
}

test.run();
