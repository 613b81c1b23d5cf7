import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, ResidualFlag } from '../../engine/pdu/index.js';
import { LogicalUnitClient, type ScsiCommandError } from '../../initiator/scsi.js';
import { assertBytes, hex } from '../support/assert-bytes.js';
import type { FakeConnection, TakenPdu } from './fake-target.js';
import { closeAll, errorOf, openPair, pattern } from './session-harness.js';

test.after.each(closeAll);

const big = { MaxRecvDataSegmentLength: '65536', MaxBurstLength: '65536', FirstBurstLength: '65536' };

async function openUnit(): Promise<{ unit: LogicalUnitClient; connection: FakeConnection }> {
  const { session, connection } = await openPair({ offers: { MaxRecvDataSegmentLength: '65536' } }, big);
  return { unit: new LogicalUnitClient(session, 0), connection };
}

function cdbOf(command: TakenPdu, lengthBytes: number): string {
  return command.header.toString('hex', 32, 32 + lengthBytes);
}

/** Answers one command with this Data-In, the rest of what was expected as underflow. */
async function answer(connection: FakeConnection, data: Uint8Array = Buffer.alloc(0)): Promise<TakenPdu> {
  const command = await connection.next(Opcode.scsiCommand);
  const missing = command.view.getUint32(20) - data.length;
  if (data.length === 0) connection.scsiResponse(command);
  else {
    const residual = missing > 0 ? { residualFlags: ResidualFlag.underflow, residualCount: missing } : {};
    connection.dataIn(command, data, { final: true, statusPresent: true, ...residual });
  }
  return command;
}

const unitAttention = hex('70 00 06 00 00 00 00 0a 00 00 00 00 29 00 00 00 00 00');

test('unit attentions are taken until there are none', async () => {
  const { unit, connection } = await openUnit();
  const pending = unit.clearUnitAttentions();
  for (const asc of [0x29, 0x28]) {
    const sense = Buffer.from(unitAttention);
    sense[12] = asc;
    connection.scsiResponse(await connection.next(), { status: 2 }, sense);
  }
  await answer(connection);
  assert.equal(await pending, [0x2900, 0x2800]);
});

test('any other error ends that, and a unit that never runs out is left', async () => {
  const { unit, connection } = await openUnit();
  const notReady = errorOf(unit.clearUnitAttentions());
  connection.scsiResponse(await connection.next(), { status: 2 }, hex('70 00 02 00 00 00 00 0a 00 00 00 00 3a 00 00 00 00 00'));
  assert.is(((await notReady) as ScsiCommandError).sense?.ascAscq, 0x3a00);
  connection.maxCmdSN = 40;
  const endless = errorOf(unit.clearUnitAttentions());
  for (let i = 0; i < 32; i++) connection.scsiResponse(await connection.next(), { status: 2 }, unitAttention);
  assert.is((await endless).code, 'TARGET_FAILURE');
});

test('a status without sense data is an error too', async () => {
  const { unit, connection } = await openUnit();
  const pending = errorOf(unit.testUnitReady());
  connection.scsiResponse(await connection.next(), { status: 0x18 });
  const error = (await pending) as ScsiCommandError;
  assert.is(error.code, 'SCSI_STATUS');
  assert.is(error.status, 0x18);
  assert.is(error.sense, null);
});

test('INQUIRY: standard data and a VPD page', async () => {
  const { unit, connection } = await openUnit();
  const standard = unit.inquiry();
  const data = Buffer.alloc(36);
  data.set([0x00, 0x80, 0x05, 0x02, 31]);
  data.write('LUNLOOM Fast disk       0001', 8, 'latin1');
  assert.is(cdbOf(await answer(connection, data), 6), '12000000ff00');
  const { vendor, product, revision, removable, version } = await standard;
  assert.equal({ vendor, product, revision, removable, version }, { vendor: 'LUNLOOM', product: 'Fast disk', revision: '0001', removable: true, version: 5 });
  const page = unit.vitalProductData(0xb0);
  assert.is(cdbOf(await answer(connection, hex('00 b0 0002 aabb ff')), 6), '1201b0100000');
  assertBytes((await page).body, hex('aabb'));
});

test('READ CAPACITY: (10), and (16) when (10) is full', async () => {
  const { unit, connection } = await openUnit();
  const small = unit.readCapacity();
  assert.is(cdbOf(await answer(connection, hex('000007ff 00000200')), 10), '25000000000000000000');
  assert.is((await small).lbaCount, 2048n);
  assert.is((await small).blockLengthBytes, 512);
  const large = unit.readCapacity();
  await answer(connection, hex('ffffffff 00000200'));
  const data = Buffer.alloc(32);
  data.set(hex('00000001 00000000 00001000 00 03 80'));
  assert.is(cdbOf(await answer(connection, data), 16), '9e100000000000000000000000200000');
  const capacity = await large;
  assert.is(capacity.lbaCount, 0x1_0000_0001n);
  assert.is(capacity.blockLengthBytes, 4096);
  assert.is(capacity.thinProvisioned, true);
  assert.is(capacity.physicalBlockExponent, 3);
});

test('READ and WRITE: 10 where it will do, 16 beyond or when told, FUA', async () => {
  const { unit, connection } = await openUnit();
  const data = pattern(1024);
  const read = unit.read(0x12345678, 2, 512);
  assert.is(cdbOf(await answer(connection, data), 10), '28001234567800000200');
  assertBytes(await read, data);
  const far = unit.read(0x1_0000_0000n, 2, 512, { fua: true });
  assert.is(cdbOf(await answer(connection, data), 16), '88080000000100000000000000020000');
  await far;
  const write = unit.write(1, data, 512, { fua: true });
  const command = await answer(connection);
  assert.is(cdbOf(command, 10), '2a080000000100000200');
  assertBytes(command.data, data);
  await write;
  const wide = unit.write(1, data, 512, { cdbLength: 16 });
  assert.is(cdbOf(await answer(connection), 16), '8a000000000000000001000000020000');
  await wide;
  assert.is((await errorOf(unit.write(0, data.subarray(1), 512))).code, 'ARGUMENT_INVALID');
});

test('VERIFY and SYNCHRONIZE CACHE', async () => {
  const { unit, connection } = await openUnit();
  const medium = unit.verify(5, 6);
  assert.is(cdbOf(await answer(connection), 10), '2f000000000500000600');
  await medium;
  const compare = unit.verify(5, 1, pattern(512));
  const command = await answer(connection);
  assert.is(cdbOf(command, 10), '2f020000000500000100');
  assert.is(command.data.length, 512);
  await compare;
  const flush = unit.synchronizeCache();
  assert.is(cdbOf(await answer(connection), 10), '35000000000000000000');
  await flush;
});

test('MODE SENSE: header, descriptors and pages apart', async () => {
  const { unit, connection } = await openUnit();
  const ten = unit.modeSense({ pageCode: 8, pageControl: 1, subpageCode: 2 });
  assert.is(cdbOf(await answer(connection, hex('0012 00 90 00 00 0008  0000000000000200  8802 ff00 ffff')), 10), '5a004802000000100000');
  const result = await ten;
  assert.is(result.deviceSpecificParameter, 0x90);
  assertBytes(result.blockDescriptors, hex('0000000000000200'));
  assertBytes(result.pages, hex('8802ff00'));
  const six = unit.modeSense({ pageCode: 0x3f, disableBlockDescriptors: true }, 6);
  assert.is(cdbOf(await answer(connection, hex('05 00 80 00 0a00')), 6), '1a083f00ff00');
  assertBytes((await six).pages, hex('0a00'));
});

test('REPORT LUNS: numbers, whatever the addressing', async () => {
  const { unit, connection } = await openUnit();
  const pending = unit.reportLuns(2);
  const list = hex('00000018 00000000  0000000000000000 0005000000000000 4100000000000000');
  assert.is(cdbOf(await answer(connection, list), 12), 'a00002000000000200080000');
  assert.equal(await pending, [0, 5, 256]);
});

test('less data than a command must return is no result', async () => {
  const { unit, connection } = await openUnit();
  const pending = errorOf(unit.readCapacity10());
  await answer(connection, hex('0000'));
  assert.is((await pending).code, 'TARGET_FAILURE');
});

test.run();
