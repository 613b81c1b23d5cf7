import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandRow, ReservationClass } from '../../../../../engine/scsi/command-table.js';
import { disk } from '../../../../../engine/scsi/sbc/disk.js';
import { NexusReservation } from '../../../../../engine/scsi/spc/reservations/reserve-release.js';
import { makeUnit } from '../../scsi-fixture.js';
import { admitted, everybody, nexusOfRole, plainCdb, RESERVATION_TYPES } from './admitted-roles.js';
import { a, b, isAdmitted, keyA, keyB, makeScene, register, reserve } from './reservation-scene.js';

/**
 * SPC-4 "SPC-4 commands that are allowed in the presence of various reservations", SBC-3 "SBC-3 commands that are allowed in the presence of various
 * reservations", and for RESERVE the table of SPC-2: by name without the length of the CDB. Written down here once more, for the rows are what is tested.
 */
const classes: Readonly<Record<string, ReservationClass>> = {
  // Whatever is reserved.
  INQUIRY: 'always',
  'REPORT LUNS': 'always',
  'REQUEST SENSE': 'always',
  'LOG SENSE': 'always',
  'READ CAPACITY': 'always',
  RELEASE: 'always',
  // Whatever is reserved persistently.
  'TEST UNIT READY': 'persistent',
  RESERVE: 'persistent',
  'PERSISTENT RESERVE IN': 'persistent',
  'PERSISTENT RESERVE OUT': 'persistent',
  'REPORT TARGET PORT GROUPS': 'persistent',
  'REPORT TIMESTAMP': 'persistent',
  // What others may read.
  READ: 'read',
  VERIFY: 'read',
  'PRE-FETCH': 'read',
  'GET LBA STATUS': 'read',
  'READ DEFECT DATA': 'read',
  'MODE SENSE': 'read',
  'READ BUFFER': 'read',
  'POPULATE TOKEN': 'read',
  'RECEIVE DIAGNOSTIC RESULTS': 'read',
  'REPORT SUPPORTED OPERATION CODES': 'read',
  'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS': 'read',
  // What changes the logical unit, and copies.
  'COMPARE AND WRITE': 'write',
  'COPY OPERATION ABORT': 'write',
  'EXTENDED COPY': 'write',
  'FORMAT UNIT': 'write',
  'LOG SELECT': 'write',
  'MODE SELECT': 'write',
  ORWRITE: 'write',
  'RECEIVE COPY DATA': 'write',
  'RECEIVE COPY FAILURE DETAILS': 'write',
  'RECEIVE COPY OPERATING PARAMETERS': 'write',
  'RECEIVE COPY STATUS': 'write',
  'RECEIVE COPY RESULTS': 'write',
  'RECEIVE ROD TOKEN INFORMATION': 'write',
  'REPORT ALL ROD TOKENS': 'write',
  SANITIZE: 'write',
  'SEND DIAGNOSTIC': 'write',
  'SET TARGET PORT GROUPS': 'write',
  'SET TIMESTAMP': 'write',
  'SYNCHRONIZE CACHE': 'write',
  UNMAP: 'write',
  WRITE: 'write',
  'WRITE AND VERIFY': 'write',
  'WRITE ATOMIC': 'write',
  'WRITE BUFFER': 'write',
  'WRITE SAME': 'write',
  'WRITE USING TOKEN': 'write',
  XDWRITEREAD: 'write',
};

/** Rows whose CDB decides, with the CDBs that stand for each case. */
const byCdb: Readonly<Record<string, readonly (readonly [cdb: string, ReservationClass])[]>> = {
  'START STOP UNIT': [
    ['1b0000000100', 'always'],
    ['1b0000000000', 'write'],
    ['1b0000000300', 'always'],
    ['1b0000000200', 'write'],
    ['1b0000001000', 'write'],
    ['1b0000001100', 'write'],
  ],
  'PREVENT ALLOW MEDIUM REMOVAL': [
    ['1e0000000000', 'always'],
    ['1e0000000100', 'write'],
  ],
};

function baseName({ name }: CommandRow): string {
  return name.replace(/ ?\(.*$/, '').replace(/^(SANITIZE) .*$/, '$1');
}

function casesOf(row: CommandRow): readonly (readonly [cdb: string, ReservationClass])[] {
  const cases = byCdb[baseName(row)];
  if (cases !== undefined) return cases;
  const expected = classes[baseName(row)] ?? classes[row.name];
  assert.ok(expected !== undefined, `the class of ${row.name} stands in no table here: look it up in the standard`);
  return [[plainCdb(row), expected as ReservationClass]];
}

for (const row of disk.commands.rows) {
  test(`${row.name}: runs for whom each type of persistent reservation admits, and for nobody else`, () => {
    for (const type of RESERVATION_TYPES) {
      const unit = makeScene();
      register(unit, [a, keyA], [b, keyB]);
      reserve(unit, a, keyA, type);
      for (const [cdb, expected] of casesOf(row)) {
        const found = everybody.filter((role) => isAdmitted(unit, cdb, nexusOfRole[role]));
        assert.equal(found, admitted[expected][type], `${cdb} with type ${type}`);
      }
    }
  });

  test(`${row.name}: another nexus's RESERVE is a conflict unless the command always runs`, () => {
    for (const [cdb, expected] of casesOf(row)) {
      const unit = makeUnit();
      unit.part(NexusReservation).reserve(a);
      assert.is(isAdmitted(unit, cdb, b), expected === 'always', cdb);
      // RESERVE and persistent reservations exclude each other, even for one that has the former.
      assert.is(isAdmitted(unit, cdb, a), row.opcode !== 0x5e && row.opcode !== 0x5f, cdb);
    }
  });
}

test('no unit without a reservation is asked about one', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  assert.is(unit.gates.length, makeUnit().gates.length);
});

test.run();
