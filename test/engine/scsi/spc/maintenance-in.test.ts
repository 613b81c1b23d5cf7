import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceTypes } from '../../../../engine/scsi/device-types.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, run } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const supportedCodes = (options: number, opcode = 0, serviceAction = 0) =>
  run(makeUnit(), `a3 0c ${hexOf(options, 2)} ${hexOf(opcode, 2)} ${hexOf(serviceAction, 4)} 0000ffff 00 00`);

test('all commands: one descriptor a row, but for CDBs of more than 16 bytes, which libiscsi cannot read (SPC-4 §6.35.2)', () => {
  const data = Buffer.from(dataInOf(supportedCodes(0x00)));
  const rows = deviceTypes.disk.commands.rows.filter((row) => row.cdbLength <= 16 && row.isSupported?.(makeUnit()) !== false);
  assert.is(data.readUInt32BE(0), rows.length * 8);
  for (const [index, row] of rows.entries()) {
    const descriptor = data.subarray(4 + index * 8, 12 + index * 8).toString('hex');
    const flags = row.serviceAction === undefined ? '00' : '01';
    assert.is(descriptor, `${hexOf(row.opcode, 2)}00${hexOf(row.serviceAction ?? 0, 4)}00${flags}${hexOf(row.cdbLength, 4)}`, row.name);
  }
});

test('all commands with RCTD: CTDP is set and each descriptor has its time-outs (SPC-4 §6.35.4)', () => {
  const data = Buffer.from(dataInOf(supportedCodes(0x80)));
  const rows = deviceTypes.disk.commands.rows.filter((row) => row.cdbLength <= 16 && row.isSupported?.(makeUnit()) !== false);
  assert.is(data.readUInt32BE(0), rows.length * 20);
  for (let at = 4; at < data.length; at += 20) {
    assert.is((data[at + 5] as number) & 0x02, 0x02);
    assert.is(data.readUInt16BE(at + 8), 0x000a);
    const [nominal, recommended] = [data.readUInt32BE(at + 12), data.readUInt32BE(at + 16)];
    assert.ok(nominal > 0 && recommended >= nominal, `seconds of ${hexOf(data[at] as number, 2)}`);
  }
});

test('one command without service actions (SPC-4 §6.35.3)', () => {
  assertData(supportedCodes(0x01, 0x28), '00 03 000a 28 1e ffffffff 1f ffff 04');
  assertData(supportedCodes(0x81, 0x00), '00 83 0006 00 00 00 00 00 04 000a 0000 00000001 0000000a');
});

test('one command with a service action, which stands in its usage data', () => {
  assertData(supportedCodes(0x02, 0x9e, 0x10), '00 03 0010 9e 10 ffffffffffffffff ffffffff 01 04');
});

test('a command of 32 bytes, whose service action stands in bytes 8 and 9; what it ignores is not evaluated', () => {
  assertData(supportedCodes(0x02, 0x7f, 0x0009), '00 03 0020 7f 04 00000000 1f ff 0009 1e 00 ffffffffffffffff 0000000000000000 ffffffff');
  assertData(supportedCodes(0x03, 0x7f, 0x0007), '00 03 0020 7f 04 00000000 1f ff 0007 1e 00 ffffffffffffffff 0000000000000000 ffffffff');
  assertData(supportedCodes(0x02, 0x7f, 0x0008), '00 01 0000');
  assertCheck(supportedCodes(0x01, 0x7f), '05/24/00', '2.2');
});

test('a command that is not supported is reported as that', () => {
  assertData(supportedCodes(0x01, 0xff), '00 01 0000');
  assertData(supportedCodes(0x02, 0xff, 0x01), '00 01 0000');
  assertData(supportedCodes(0x82, 0x9e, 0x11), '00 01 0000');
  assertData(supportedCodes(0x02, 0x9e, 0x110), '00 01 0000');
});

test('the reporting option must suit the opcode', () => {
  assertCheck(supportedCodes(0x01, 0x9e), '05/24/00', '2.2');
  assertCheck(supportedCodes(0x02, 0x28), '05/24/00', '2.2');
});

test('option 011b takes both kinds and is never wrong', () => {
  assertData(supportedCodes(0x03, 0x00), '00 03 0006 00 00 00 00 00 04');
  assertData(supportedCodes(0x03, 0x00, 0x01), '00 01 0000');
  assertData(supportedCodes(0x03, 0xa3, 0x0d), '00 03 000c a3 0d 80 00 00 00 ffffffff 00 04');
  assertData(supportedCodes(0x03, 0xa3, 0x00), '00 01 0000');
});

test('reserved reporting options are INVALID FIELD IN CDB', () => {
  for (const options of [4, 5, 6, 7]) assertCheck(supportedCodes(options, 0x00), '05/24/00', '2.2');
});

test('every row can be asked for in its own form', () => {
  for (const row of deviceTypes.disk.commands.rows) assertGood(supportedCodes(row.serviceAction === undefined ? 1 : 2, row.opcode, row.serviceAction ?? 0));
});

test('the allocation length cuts the report', () => {
  assertData(run(makeUnit(), 'a3 0c 01 28 0000 00000005 00 00'), '00 03 000a 28');
});

test('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: all but what is obsolete', () => {
  assertData(run(makeUnit(), 'a3 0d 00 000000 00000010 00 00'), 'fc 07 00 00');
  assertData(run(makeUnit(), 'a3 0d 80 000000 00000010 00 00'), `fc 07 00 0c ${'00'.repeat(12)}`);
  assertCheck(run(makeUnit(), 'a3 0d 00 000000 00000003 00 00'), '05/24/00', '6');
});

test('a command that only other units of the type have is not reported', () => {
  const thin = makeUnit({ store: new ThinMemoryStore(512 * 64), thin: true });
  const one = 'a3 0c 01 42 0000 000000ff 00 00';
  assert.is(dataInOf(run(thin, one))[1], 0x03);
  assert.is(dataInOf(run(makeUnit(), one))[1], 0x01);
  const countOf = (unit: typeof thin) => dataInOf(run(unit, 'a3 0c 00 00 0000 0000ffff 00 00')).length;
  assert.is(countOf(thin) - countOf(makeUnit()), 8);
});

test.run();
