import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as cdb from '../../../initiator/cdb.js';
import { InitiatorError } from '../../../initiator/errors.js';

/** Golden bytes of every CDB, as SPC-4 and SBC-3 lay them out. */

const golden: readonly (readonly [name: string, built: () => Buffer, hex: string])[] = [
  ['TEST UNIT READY', () => cdb.testUnitReadyCdb(), '000000000000'],
  ['REQUEST SENSE', () => cdb.requestSenseCdb(252, true), '03010000fc00'],
  ['READ (6)', () => cdb.readCdb(6, 0x1f_fffe, 2), '081ffffe0200'],
  ['READ (6) of 256 blocks', () => cdb.readCdb(6, 1, 256), '080000010000'],
  ['WRITE (6)', () => cdb.writeCdb(6, 0x01_0203, 255), '0a010203ff00'],
  ['READ (10) with FUA and DPO', () => cdb.readCdb(10, 0x01020304, 0x0506, { fua: true, dpo: true }), '28180102030400050600'],
  ['READ (12)', () => cdb.readCdb(12, 0x01020304, 0x05060708), 'a80001020304050607080000'],
  ['WRITE (12)', () => cdb.writeCdb(12, 1, 2, true), 'aa0800000001000000020000'],
  ['READ (16)', () => cdb.readCdb(16, 0x0102030405060708n, 0x090a0b0c), '88000102030405060708090a0b0c0000'],
  ['READ (32)', () => cdb.readCdb(32, 0x0102030405060708n, 9, true), '7f00000000000018000908000102030405060708000000000000000000000009'],
  ['WRITE (32)', () => cdb.writeCdb(32, 1, 2), '7f00000000000018000b00000000000000000001000000000000000000000002'],
  ['VERIFY (32)', () => cdb.verifyCdb(32, 1, 2, 1), '7f00000000000018000a02000000000000000001000000000000000000000002'],
  ['VERIFY (12)', () => cdb.verifyCdb(12, 1, 2, 3), 'af0600000001000000020000'],
  ['WRITE AND VERIFY (10)', () => cdb.writeAndVerifyCdb(10, 1, 2, 1), '2e020000000100000200'],
  ['WRITE AND VERIFY (16)', () => cdb.writeAndVerifyCdb(16, 1, 2), '8e000000000000000001000000020000'],
  ['SYNCHRONIZE CACHE (16)', () => cdb.synchronizeCacheCdb(16, 1, 2, true), '91020000000000000001000000020000'],
  ['PRE-FETCH (10)', () => cdb.prefetchCdb(10, 1, 2), '34000000000100000200'],
  ['PRE-FETCH (16)', () => cdb.prefetchCdb(16, 1, 2, true), '90020000000000000001000000020000'],
  ['WRITE SAME (10)', () => cdb.writeSameCdb(10, 1, 2), '41000000000100000200'],
  ['WRITE SAME (16) with all flags', () => cdb.writeSameCdb(16, 1, 2, { unmap: true, anchor: true, noDataOut: true }), '93190000000000000001000000020000'],
  ['WRITE SAME (32)', () => cdb.writeSameCdb(32, 1, 2), '7f00000000000018000d00000000000000000001000000000000000000000002'],
  ['COMPARE AND WRITE', () => cdb.compareAndWriteCdb(0x0102, 3, { fua: true }), '89080000000000000102000000030000'],
  ['ORWRITE', () => cdb.orWriteCdb(1, 2), '8b000000000000000001000000020000'],
  ['XDWRITEREAD (10)', () => cdb.xdWriteReadCdb(10, 1, 2, true), '53040000000100000200'],
  ['XDWRITEREAD (32)', () => cdb.xdWriteReadCdb(32, 1, 2), '7f00000000000018000700000000000000000001000000000000000000000002'],
  ['UNMAP', () => cdb.unmapCdb(24, true), '42010000000000001800'],
  ['GET LBA STATUS', () => cdb.getLbaStatusCdb(0x10, 0x1008), '9e120000000000000010000010080000'],
  ['MODE SELECT (6)', () => cdb.modeSelectCdb(6, 0x18, true), '151100001800'],
  ['MODE SELECT (10)', () => cdb.modeSelectCdb(10, 0x118, false), '55100000000000011800'],
  ['LOG SENSE', () => cdb.logSenseCdb({ pageCode: 0x0d, parameterPointer: 1 }, 0xffff), '4d004d00000001ffff00'],
  ['RESERVE (6)', () => cdb.reserveCdb(6), '160000000000'],
  ['RELEASE (10)', () => cdb.releaseCdb(10), '57000000000000000000'],
  ['START STOP UNIT', () => cdb.startStopUnitCdb({ start: true, loadEject: true, immediate: true, powerCondition: 3 }), '1b0100003300'],
  ['SEND DIAGNOSTIC', () => cdb.sendDiagnosticCdb({ selfTest: true }, 0), '1d0400000000'],
  ['RECEIVE DIAGNOSTIC RESULTS', () => cdb.receiveDiagnosticResultsCdb(1, 256), '1c0101010000'],
  ['READ BUFFER', () => cdb.readBufferCdb({ mode: cdb.BufferMode.data, bufferId: 1, offset: 0x020304 }, 0x050607), '3c020102030405060700'],
  ['WRITE BUFFER', () => cdb.writeBufferCdb({ mode: cdb.BufferMode.echo }, 16), '3b0a0000000000001000'],
  ['REPORT SUPPORTED OPERATION CODES', () => cdb.reportSupportedOperationCodesCdb(null, true, 64), 'a30c80000000000000400000'],
  ['… of one service action', () => cdb.reportSupportedOperationCodesCdb({ operationCode: 0x9e, serviceAction: 0x10 }, false, 64), 'a30c029e0010000000400000'],
  ['REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', () => cdb.reportSupportedTaskManagementFunctionsCdb(16), 'a30d80000000000000100000'],
  ['REPORT TARGET PORT GROUPS', () => cdb.reportTargetPortGroupsCdb(0x1000), 'a30a00000000000010000000'],
  ['PERSISTENT RESERVE IN', () => cdb.persistentReserveInCdb(3, 0x1000), '5e030000000000100000'],
  ['PERSISTENT RESERVE OUT', () => cdb.persistentReserveOutCdb(4, cdb.ReservationType.writeExclusiveAllRegistrants, 24), '5f040700000000001800'],
];

for (const [name, built, hex] of golden) test(name, () => assert.is(built().toString('hex'), hex));

test('an UNMAP parameter list names each range', () => {
  const list = cdb.unmapParameterList([
    { lba: 0x10n, lbaCount: 0x20 },
    { lba: 1, lbaCount: 2 },
  ]);
  assert.equal(list, Buffer.from(['0026002000000000', '00000000000000100000002000000000', '00000000000000010000000200000000'].join(''), 'hex'));
});

test('what a form cannot say is refused, not cut', () => {
  const refused: readonly (() => Buffer)[] = [
    () => cdb.readCdb(6, 0x20_0000, 1),
    () => cdb.readCdb(6, 0, 257),
    () => cdb.readCdb(6, 0, 0),
    () => cdb.readCdb(6, 0, 1, true),
    () => cdb.readCdb(10, 0x1_0000_0000, 1),
    () => cdb.readCdb(10, 0, 0x1_0000),
    () => cdb.readCdb(12, 0x1_0000_0000n, 1),
    () => cdb.readCdb(16, -1, 1),
    () => cdb.readCdb(16, 0.5, 1),
    () => cdb.readCdb(16, 0, 0x1_0000_0000),
    () => cdb.verifyCdb(6, 0, 1, 0),
    () => cdb.compareAndWriteCdb(0, 256),
    () => cdb.writeSameCdb(10, 0, 1, { noDataOut: true }),
  ];
  for (const build of refused) {
    assert.throws(build, (error: unknown) => error instanceof InitiatorError && error.code === 'ARGUMENT_INVALID', String(build));
  }
});

test.run();
