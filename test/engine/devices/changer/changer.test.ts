import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { changer } from '../../../../engine/devices/changer/changer.js';
import { legalBitsOf } from '../../../../engine/scsi/command-table.js';
import { assertCheck, assertData, assertGood, dataInOf, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { hexOf, makeScene, type Scene } from './changer-fixture.js';

const KEY = '0000000000000001';
const keys = (key: string, serviceActionKey: string) => Buffer.from(`${key}${serviceActionKey}0000000000000000`, 'hex');

/** Commands of all device types as they succeed here, by their names; `before` prepares them. */
const common: Readonly<Record<string, { cdb: string; dataOut?: Uint8Array; before?: (scene: Scene) => Promise<unknown> }>> = {
  'TEST UNIT READY': { cdb: '000000000000' },
  'REQUEST SENSE': { cdb: '030000001200' },
  INQUIRY: { cdb: '120000006000' },
  'PREVENT ALLOW MEDIUM REMOVAL': { cdb: '1e0000000100' },
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
  'MODE SELECT (6)': { cdb: '151000001000', dataOut: Buffer.from('00000000 0a0a 0210 0040 0000 ffff 0000'.replaceAll(' ', ''), 'hex') },
  'MODE SELECT (10)': { cdb: '55100000000000001400', dataOut: Buffer.from('0000000000000000 0a0a 0210 0040 0000 ffff 0000'.replaceAll(' ', ''), 'hex') },
  'LOG SELECT': { cdb: '4c024000000000000000' },
  'LOG SENSE': { cdb: '4d006e00000000ffff00' },
  'READ BUFFER (10)': { cdb: '3c0300000000000004 00' },
  'WRITE BUFFER (10)': { cdb: '3b0200000000000004 00', dataOut: new Uint8Array(4) },
  'REPORT TIMESTAMP': { cdb: 'a30f 00000000 0000000c 0000' },
  'SET TIMESTAMP': { cdb: 'a40f 00000000 0000000c 0000', dataOut: new Uint8Array(12) },
  'REPORT LUNS': { cdb: 'a000 00000000 00000100 0000' },
  'REPORT SUPPORTED OPERATION CODES': { cdb: 'a30c 00000000 0000ffff 0000' },
  'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS': { cdb: 'a30d 00000000 00000010 0000' },
  'REPORT TARGET PORT GROUPS': { cdb: 'a30a 00000000 00000100 0000' },
  'SET TARGET PORT GROUPS': { cdb: 'a40a 00000000 00000000 0000' },
};

for (const [name, { cdb, dataOut }] of Object.entries(common)) {
  test(`${name}: succeeds on a media changer`, async () => {
    const { unit, close } = await makeScene();
    assertGood(await runDeferred(unit, cdb.replaceAll(' ', ''), dataOut === undefined ? {} : { dataOut }));
    await close();
  });
}

test('a media changer: every command refuses a reserved bit, and those that conflict with a reservation do', async () => {
  const { unit, close } = await makeScene();
  for (const row of changer.commands.rows) {
    const bits = Array.from({ length: row.cdbLength }, (_, at) => (at === 0 ? 0xff : legalBitsOf(row, at)));
    const at = bits.findLastIndex((legal) => legal !== 0xff);
    const cdb = Buffer.alloc(row.cdbLength);
    cdb[0] = row.opcode;
    if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
    cdb[at] = (cdb[at] as number) | (~(bits[at] as number) & 0xff);
    assertCheck(run(unit, cdb.toString('hex')), '05/24/00');
  }
  assertGood(run(unit, '160000000000'));
  for (const row of changer.commands.rows) {
    if (row.reservation === 'always' || typeof row.reservation === 'function') continue;
    const cdb = Buffer.alloc(row.cdbLength);
    cdb[0] = row.opcode;
    if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
    assert.is(run(unit, cdb.toString('hex'), { nexus: otherNexus }).status, 0x18, row.name);
  }
  await close();
});

test('PERSISTENT RESERVE OUT: all of its service actions on a media changer', async () => {
  const { unit, close } = await makeScene();
  const out = async (serviceAction: string, type: string, key: string, serviceActionKey: string) => {
    assertGood(await runDeferred(unit, `5f ${serviceAction} ${type} 000000 0000 18 00`.replaceAll(' ', ''), { dataOut: keys(key, serviceActionKey) }));
  };
  const none = '0000000000000000';
  await out('00', '00', none, KEY);
  await out('01', '03', KEY, none);
  await out('02', '03', KEY, none);
  await out('01', '03', KEY, none);
  await out('04', '03', KEY, KEY);
  await out('06', '00', none, KEY);
  await out('01', '03', KEY, none);
  await out('05', '03', KEY, KEY);
  await out('06', '00', none, KEY);
  await out('03', '00', KEY, none);
  await close();
});

test('INQUIRY: a removable medium changer device, SMC-3', async () => {
  const { unit, close } = await makeScene();
  const data = Buffer.from(dataInOf(run(unit, '120000006000')));
  assert.is(data.subarray(0, 3).toString('hex'), '088005');
  assert.is(data.toString('latin1', 8, 32), 'LUNLOOM MEDIA-CHANGER   ');
  assert.is(data.subarray(58, 66).toString('hex'), '00a0046004800960');
  assertData(run(unit, '12010000ff00'), '08000007 00808385868788');
  assertCheck(run(unit, '1201b000ff00'), '05/24/00', '2');
  await close();
});

test('MODE SENSE: Element Address Assignment, Transport Geometry Parameters and Device Capabilities', async () => {
  const { unit, close } = await makeScene({ text: 'drives: [1, 2]\nslots: 20\nimport-export: 4\npickers: 2\n' });
  assertData(run(unit, '1a001d00ff00'), '17000000 1d12 0000 0002 0400 0014 0300 0004 0100 0002 0000');
  assertData(run(unit, '1a001e00ff00'), '09000000 1e04 0000 0001');
  assertData(run(unit, '1a001f00ff00'), '17000000 1f12 0e 00 00 0e 0e 0e 00000000 00 0e 0e 0e 00000000');
  assertData(run(unit, '1a005d00ff00'), '17000000 1d12 0000 0000 0000 0000 0000 0000 0000 0000 0000');
  assertCheck(run(unit, '1a001b00ff00'), '05/24/00', '2.5');
  await close();
  const small = await makeScene({ text: 'drives: [1]\nslots: 1\n' });
  assertData(run(small.unit, '1a001f00ff00'), '17000000 1f12 0a 00 00 0a 00 0a 00000000 00 0a 00 0a 00000000');
  await small.close();
});

test('MODE SELECT: element addresses cannot be changed, and a block descriptor is none of a media changer', async () => {
  const { unit, close } = await makeScene();
  const page = '1d12 0000 0001 0400 0004 0300 0002 0100 0002 0000';
  const select = (list: string) => {
    const dataOut = Buffer.from(list.replaceAll(' ', ''), 'hex');
    return runDeferred(unit, `15100000${dataOut.length.toString(16).padStart(2, '0')}00`, { dataOut });
  };
  assertGood(await select(`00000000 ${page}`));
  assertCheck(await select(`00000000 ${page.replace('0400', '0500')}`), '05/26/00');
  assertCheck(await select('00000008 0000000000000200'), '05/26/00');
  await close();
});

test('LOG SENSE: TapeAlert says that the inventory is wrong while an image is missing', async () => {
  const good = await makeScene();
  const flagOf = (scene: Scene) => hexOf(run(scene.unit, '4d006e00000000ffff00')).slice(8 + 23 * 10, 8 + 24 * 10);
  assert.is(flagOf(good), '0018030100');
  await good.close();
  const bad = await makeScene({ images: [] });
  assert.is(flagOf(bad), '0018030101');
  await bad.close();
});

test.run();
