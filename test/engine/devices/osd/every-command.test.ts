import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { osd } from '../../../../engine/devices/osd/osd.js';
import { legalBitsOf } from '../../../../engine/scsi/command-table.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { assertGood, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { type OsdBed, openBed } from './osd-fixture.js';

const rows = osd.commands.rows.filter(({ opcode }) => opcode !== 0x7f);
const KEY = '0000000000000001';
const NONE = '0000000000000000';
const keys = (key: string, serviceActionKey: string) => Buffer.from(`${key}${serviceActionKey}0000000000000000`, 'hex');

/** Commands of all device types as they succeed here, by their names. */
const common: Readonly<Record<string, { readonly cdb: string; readonly dataOut?: Uint8Array }>> = {
  'TEST UNIT READY': { cdb: '000000000000' },
  'REQUEST SENSE': { cdb: '030000001200' },
  INQUIRY: { cdb: '120000006000' },
  'PERSISTENT RESERVE IN (READ KEYS)': { cdb: '5e000000000000010000' },
  'PERSISTENT RESERVE IN (READ RESERVATION)': { cdb: '5e010000000000010000' },
  'PERSISTENT RESERVE IN (REPORT CAPABILITIES)': { cdb: '5e020000000000010000' },
  'PERSISTENT RESERVE IN (READ FULL STATUS)': { cdb: '5e030000000000010000' },
  'RESERVE (6)': { cdb: '160000000000' },
  'RELEASE (6)': { cdb: '170000000000' },
  'RESERVE (10)': { cdb: '56000000000000000000' },
  'RELEASE (10)': { cdb: '57000000000000000000' },
  'MODE SENSE (6)': { cdb: '1a003f00ff00' },
  'MODE SENSE (10)': { cdb: '5a003f00000000ffff00' },
  'MODE SELECT (6)': { cdb: '151000001000', dataOut: Buffer.from('000000000a0a061000400000ffff0000', 'hex') },
  'MODE SELECT (10)': { cdb: '55100000000000001400', dataOut: Buffer.from('00000000000000000a0a061000400000ffff0000', 'hex') },
  'LOG SELECT': { cdb: '4c024000000000000000' },
  'LOG SENSE': { cdb: '4d007000000000ffff00' },
  'REPORT LUNS': { cdb: 'a00000000000000001000000' },
  'REPORT SUPPORTED OPERATION CODES': { cdb: 'a30c000000000000ffff0000' },
  'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS': { cdb: 'a30d00000000000000100000' },
};

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
});
test.after.each(() => bed.close());

for (const [name, { cdb, dataOut }] of Object.entries(common)) {
  test(`${name}: succeeds on an object storage device`, async () => {
    assertGood(await runDeferred(bed.unit, cdb, dataOut === undefined ? {} : { dataOut }));
  });
}

/** Nothing but opcode and service action. */
function barestCdb(row: (typeof rows)[number]): Buffer {
  const cdb = Buffer.alloc(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
  return cdb;
}

test('an object storage device: every command refuses a reserved bit, in sense data of the descriptor format', () => {
  for (const row of rows) {
    const bits = Array.from({ length: row.cdbLength }, (_, at) => (at === 0 ? 0xff : legalBitsOf(row, at)));
    const at = bits.findLastIndex((legal) => legal !== 0xff);
    const cdb = barestCdb(row);
    cdb[at] = (cdb[at] as number) | (~(bits[at] as number) & 0xff);
    const command = run(bed.unit, cdb.toString('hex'));
    assert.is(command.status, ScsiStatus.checkCondition, row.name);
    assert.is(Buffer.from(command.sense.subarray(0, 4)).toString('hex'), '72052400', row.name);
  }
});

test('an object storage device: a reservation of another nexus keeps out what is not always allowed', () => {
  assertGood(run(bed.unit, '160000000000'));
  for (const row of rows) {
    if (row.reservation === 'always' || typeof row.reservation === 'function') continue;
    assert.is(run(bed.unit, barestCdb(row).toString('hex'), { nexus: otherNexus }).status, ScsiStatus.reservationConflict, row.name);
  }
});

test('PERSISTENT RESERVE OUT: all of its service actions on an object storage device', async () => {
  const out = async (serviceAction: string, type: string, key: string, serviceActionKey: string) => {
    assertGood(await runDeferred(bed.unit, `5f${serviceAction}${type}00000000001800`, { dataOut: keys(key, serviceActionKey) }));
  };
  await out('00', '00', NONE, KEY);
  await out('01', '03', KEY, NONE);
  await out('02', '03', KEY, NONE);
  await out('01', '03', KEY, NONE);
  await out('04', '03', KEY, KEY);
  await out('06', '00', NONE, KEY);
  await out('01', '03', KEY, NONE);
  await out('05', '03', KEY, KEY);
  await out('06', '00', NONE, KEY);
  await out('03', '00', KEY, NONE);
});

test('MODE SELECT (10): D_SENSE cannot be turned off', async () => {
  const dataOut = Buffer.from('00000000000000000a0a021000400000ffff0000', 'hex');
  const command = await runDeferred(bed.unit, '55100000000000001400', { dataOut });
  assert.is(command.status, ScsiStatus.checkCondition);
  assert.is(Buffer.from(command.sense.subarray(0, 4)).toString('hex'), '72052600');
});

test.run();
