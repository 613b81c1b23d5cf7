import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tape } from '../../../../engine/devices/tape/tape.js';
import { type CommandRow, reservationClassOf } from '../../../../engine/scsi/command-table.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { makeCommand, otherNexus } from '../../scsi/scsi-fixture.js';
import { sense, TapeRig, withTape } from './tape-fixture.js';

/** The CDB of a row with all its fields zero but those that name it. */
function barestCdb(row: CommandRow): Buffer {
  const cdb = Buffer.alloc(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
  return cdb;
}

test('while another nexus has reserved the drive it does what takes nothing from anybody', () =>
  withTape({}, async (rig) => {
    await rig.run('16 00 00 00 00 00', { nexus: otherNexus });
    for (const row of tape.commands.rows) {
      const cdb = barestCdb(row).toString('hex');
      // RELEASE of what another has reserved does nothing, and is no conflict.
      const isAdmitted = reservationClassOf(row, makeCommand(cdb)) === 'always';
      const command = await rig.run(cdb);
      assert.is(command.status === ScsiStatus.reservationConflict, !isAdmitted, row.name);
    }
  }));

test('READ POSITION, LOG SENSE, READ BLOCK LIMITS and REPORT DENSITY SUPPORT are answered to all, WRITE and LOAD UNLOAD to the holder alone', () => {
  const classOf = (opcode: number, serviceAction?: number) => tape.commands.findNamed(opcode, serviceAction)?.reservation;
  for (const opcode of [0x05, 0x44, 0x4d]) assert.is(classOf(opcode), 'always');
  assert.is(classOf(0x34, 0x06), 'always');
  for (const opcode of [0x0a, 0x10, 0x19, 0x1b, 0x04, 0x0b, 0x8d, 0xb5]) assert.is(classOf(opcode), 'write');
});

test('an empty drive says of everything that wants a medium that there is none, and answers the rest', async () => {
  const rig = await TapeRig.make({ isEmpty: true });
  for (const row of tape.commands.rows) {
    const command = await rig.run(barestCdb(row).toString('hex'));
    if (row.passesNotReady !== true) assert.is(sense(command), '02/3a/00', row.name);
    else assert.is.not(sense(command).slice(0, 2), '04', row.name);
  }
  await rig.end();
});

test.run();
