import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { opticalType } from '../../../../engine/devices/cdrom/optical-type.js';
import type { CommandRow } from '../../../../engine/scsi/command-table.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { assertCheck, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { good, imageFolder, opticalScene, pressedScene, senseOf } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);
const { rows } = opticalType.commands;

function barestCdb(row: CommandRow): Buffer {
  const cdb = Buffer.alloc(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
  return cdb;
}

test('a reservation of another nexus keeps out every command that is not always allowed', async () => {
  const { unit } = await pressedScene(images.path('reserved.iso'));
  await good(unit, '16 00000000 00');
  for (const row of rows) {
    if (row.reservation === 'always') continue;
    const cdb = barestCdb(row);
    // Of these the CDB decides: to prevent, and to eject.
    if (row.opcode === 0x1e) cdb[4] = 0x01;
    if (row.opcode === 0x1b) cdb[4] = 0x02;
    const command = await runDeferred(unit, cdb.toString('hex'), { nexus: otherNexus });
    assert.is(command.status, ScsiStatus.reservationConflict, row.name);
  }
});

test('without a disc what needs one is NOT READY, tray closed, and the rest is answered', async () => {
  const { unit } = await opticalScene(null);
  for (const row of rows) {
    const command = await runDeferred(unit, barestCdb(row).toString('hex'));
    if (row.passesNotReady === true) assert.is.not(senseOf(command), '02/3a/01', row.name);
    else assert.is(senseOf(command), '02/3a/01', row.name);
  }
});

test('SEND KEY keeps its opcode: REPORT SUPPORTED OPERATION CODES is no command of MMC', async () => {
  const { unit } = await pressedScene(images.path('key.iso'));
  assertCheck(run(unit, 'a30c 0000 0000 0000 0100 00 00'), '05/24/00', '1.3');
});

test('all names and clauses are there, and no CDB of any bytes throws', async () => {
  for (const { name, clause } of rows) assert.ok(name !== '' && clause !== '');
  const { unit } = await pressedScene(images.path('random.iso'));
  for (const row of rows) {
    for (const fill of [0x00, 0x01, 0x7f, 0xff]) {
      const cdb = Buffer.alloc(row.cdbLength, fill);
      for (let at = 1; at < row.cdbLength; at++) cdb[at] = fill & (row.cdbUsage[at] as number);
      cdb[0] = row.opcode;
      if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
      await runDeferred(unit, cdb.toString('hex'), { dataOut: new Uint8Array(64).fill(fill) });
    }
  }
});

test.run();
