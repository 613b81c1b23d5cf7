import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DataInPdu, decodeScsiCommand, Opcode, ResidualFlag } from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import type { InitiatorError, TargetViolation } from '../../initiator/errors.js';
import { PipelinedCore, type PipelinedCoreOptions } from '../../initiator/pipelined-core.js';
import { assertBytes } from '../support/assert-bytes.js';
import { agreeable, dataOutOf, type FakeConnection, FakeTarget } from './fake-target.js';
import { errorOf, pattern, smallKeys } from './session-harness.js';

interface Completion {
  readonly task: number;
  readonly status: number;
  readonly bytes: number;
}

interface CorePair {
  readonly core: PipelinedCore;
  readonly connection: FakeConnection;
  readonly completions: Completion[];
  readonly failures: InitiatorError[];
}

const targets: FakeTarget[] = [];
const cores: PipelinedCore[] = [];
test.after.each(() => {
  for (const core of cores.splice(0)) core.destroy();
  for (const target of targets.splice(0)) target.close();
});

async function openCore(options: Partial<PipelinedCoreOptions> = {}, keys: Record<string, string> = {}, maxCmdSN = 32): Promise<CorePair> {
  const target = await FakeTarget.start();
  targets.push(target);
  const completions: Completion[] = [];
  const failures: InitiatorError[] = [];
  const pending = PipelinedCore.connect({
    host: '127.0.0.1',
    port: target.port,
    targetName: 'iqn.2025-01.test:fake',
    taskCount: 8,
    onComplete: (task, status, bytes) => completions.push({ task, status, bytes }),
    onFailure: (cause) => failures.push(cause),
    ...options,
  });
  const connection = await target.accept();
  connection.maxCmdSN = maxCmdSN;
  await connection.login(agreeable({ ...smallKeys, ...keys }));
  const core = await pending;
  cores.push(core);
  return { core, connection, completions, failures };
}

const readCommand = { lun: 2, cdb: readCdb(16, 0, 2), lba: { at: 2, widthBytes: 8 }, direction: 'in', lengthBytes: 1024 } as const;
const writeCommand = { lun: 2, cdb: writeCdb(10, 0, 2), lba: { at: 2, widthBytes: 4 }, direction: 'out', lengthBytes: 1024 } as const;
const testCommand = { lun: 0, cdb: testUnitReadyCdb(), direction: 'none', lengthBytes: 0 } as const;

test('reads land in the caller’s buffer at their own offset, the LBA is patched into the CDB', async () => {
  for (const digest of ['None', 'CRC32C'] as const) {
    const { core, connection, completions } = await openCore({ digests: { header: digest, data: digest } });
    const command = core.defineCommand(readCommand);
    const buffer = Buffer.alloc(4096, 0xee);
    assert.is(core.submit(command, 0x1_2345_6789, buffer, 512), 0);
    assert.is(core.submit(command, 7, buffer, 2048), 1);
    assert.is(core.inFlightCount, 2);
    const first = await connection.next(Opcode.scsiCommand);
    const second = await connection.next(Opcode.scsiCommand);
    assert.is(first.view.getBigUint64(32 + 2), 0x1_2345_6789n);
    assert.is(second.view.getBigUint64(32 + 2), 7n);
    assert.is(second.initiatorTaskTag, 1);
    assert.is(second.cmdSN, first.cmdSN + 1);
    assert.is(decodeScsiCommand(first.view, 0).lunHigh, 0x00020000);
    const data = pattern(1024);
    connection.dataIn(second, data.subarray(0, 1000));
    connection.dataIn(first, data, { final: true });
    connection.dataIn(second, data.subarray(1000), { dataSN: 1, bufferOffset: 1000, final: true, statusPresent: true });
    connection.scsiResponse(first, { expDataSN: 1 });
    await core.drain();
    assert.equal(completions, [
      { task: 1, status: 0, bytes: 1024 },
      { task: 0, status: 0, bytes: 1024 },
    ]);
    assertBytes(buffer, Buffer.concat([Buffer.alloc(512, 0xee), data, Buffer.alloc(512, 0xee), data, Buffer.alloc(1024, 0xee)]));
  }
});

test('reads without a buffer are dropped and counted', async () => {
  const { core, connection, completions } = await openCore();
  core.submit(core.defineCommand(readCommand), 0);
  connection.dataIn(await connection.next(), pattern(1024), { final: true, statusPresent: true });
  await core.drain();
  assert.equal(completions, [{ task: 0, status: 0, bytes: 1024 }]);
});

test('writes take immediate, unsolicited and solicited data from the caller’s buffer', async () => {
  for (const digest of ['None', 'CRC32C'] as const) {
    const { core, connection, completions } = await openCore({ digests: { header: digest, data: digest } });
    const data = pattern(3000);
    core.submit(core.defineCommand({ ...writeCommand, lengthBytes: 2000 }), 5, data, 700);
    const command = await connection.next(Opcode.scsiCommand);
    assert.is(command.view.getUint32(32 + 2), 5);
    assertBytes(command.data, data.subarray(700, 1212));
    const unsolicited = await connection.next(Opcode.dataOut);
    assert.is(unsolicited.view.getUint32(8), 0, 'no LUN without a Target Transfer Tag');
    assertBytes(unsolicited.data, data.subarray(1212, 1724));
    assert.equal(dataOutOf(unsolicited), { dataSN: 0, bufferOffset: 512, final: true, targetTransferTag: 0xffffffff, lengthBytes: 512 });
    connection.r2t(command, { r2tSN: 0, bufferOffset: 1024, desiredDataTransferLength: 976 });
    const solicited = [await connection.next(Opcode.dataOut), await connection.next(Opcode.dataOut)];
    assert.is(solicited[0]?.view.getUint32(8), 0x00020000);
    assertBytes(Buffer.concat(solicited.map((pdu) => pdu.data)), data.subarray(1724, 2700));
    connection.scsiResponse(command);
    await core.drain();
    assert.equal(completions, [{ task: 0, status: 0, bytes: 2000 }]);
  }
});

test('data above the copy threshold leaves from the caller’s memory, padded and digested', async () => {
  const big = { MaxRecvDataSegmentLength: '65536', MaxBurstLength: '65536', FirstBurstLength: '65536' };
  const { core, connection } = await openCore({ digests: { header: 'CRC32C', data: 'CRC32C' } }, big);
  const data = pattern(61_001);
  const command = core.defineCommand({ ...writeCommand, lengthBytes: 60_001 });
  for (let i = 0; i < 3; i++) core.submit(command, i, data, i * 500);
  for (let i = 0; i < 3; i++) assertBytes((await connection.next(Opcode.scsiCommand)).data, data.subarray(i * 500, i * 500 + 60_001));
});

test('more headers in one turn than a block holds', async () => {
  const { core, connection } = await openCore({ taskCount: 3000 }, {}, 3000);
  const command = core.defineCommand(testCommand);
  for (let i = 0; i < 3000; i++) assert.is(core.submit(command, 0), i);
  for (let i = 0; i < 3000; i++) assert.is((await connection.next(Opcode.scsiCommand)).cmdSN, i + 1);
});

test('a closed window refuses, and tells when it opens', async () => {
  let tellOpened = (): void => {};
  const opened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });
  const { core, connection } = await openCore({ taskCount: 64, onWindowOpen: () => tellOpened() });
  const command = core.defineCommand(testCommand);
  for (let i = 0; i < 32; i++) assert.ok(core.submit(command, 0) >= 0);
  assert.not.ok(core.canSubmit);
  assert.is(core.submit(command, 0), -1);
  const taken = [];
  for (let i = 0; i < 32; i++) taken.push(await connection.next());
  connection.maxCmdSN += 1;
  connection.nopIn();
  await opened;
  assert.ok(core.submit(command, 0) >= 0);
  assert.not.ok(core.canSubmit);
});

test('tasks run out before the window: the index comes back with the completion, from within which the next is submitted', async () => {
  let core: PipelinedCore | null = null;
  let command = 0;
  let rest = 5;
  const tasks: number[] = [];
  const pair = await openCore({
    taskCount: 2,
    onComplete: (task) => {
      tasks.push(task);
      if (rest-- > 0) assert.is(core?.submit(command, 0), task);
    },
  });
  core = pair.core;
  command = core.defineCommand(testCommand);
  core.submit(command, 0);
  core.submit(command, 0);
  assert.is(core.submit(command, 0), -1);
  for (let i = 0; i < 7; i++) pair.connection.scsiResponse(await pair.connection.next());
  await core.drain();
  assert.is(tasks.length, 7);
  assert.is(core.completedCount, 7);
});

test('a status other than GOOD completes with its sense data', async () => {
  let sense = '';
  let core: PipelinedCore | null = null;
  const pair = await openCore({ onComplete: (_, status) => (sense = `${status} ${core?.senseData.toString('hex')}`) });
  core = pair.core;
  core.submit(core.defineCommand(readCommand), 0);
  const command = await pair.connection.next();
  pair.connection.scsiResponse(command, { status: 2, residualFlags: ResidualFlag.underflow, residualCount: 1024 }, Buffer.from('7000', 'hex'));
  await core.drain();
  assert.is(sense, '2 7000');
  assert.is(core.senseData.length, 0);
});

test('a ping of the target is answered', async () => {
  const { connection } = await openCore();
  connection.nopIn({ targetTransferTag: 3 });
  assert.is((await connection.next(Opcode.nopOut)).view.getUint32(20), 3);
});

test('close logs out', async () => {
  const { core, connection, failures } = await openCore();
  const closing = core.close();
  connection.logoutResponse(await connection.next(Opcode.logoutRequest));
  connection.end();
  await closing;
  assert.ok(core.isClosed);
  assert.equal(failures, []);
});

async function failureOf(pair: CorePair): Promise<InitiatorError> {
  while (pair.failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(pair.core.isClosed);
  assert.is(pair.core.submit(0, 0), -1);
  return pair.failures[0] as InitiatorError;
}

for (const [name, check, fields, length] of [
  ['a wrong DataSN', 'dataSN', { dataSN: 1 }, 4],
  ['a wrong Buffer Offset', 'dataInOffset', { bufferOffset: 4 }, 4],
  ['too much Data-In', 'dataInLength', {}, 1028],
  ['a tag not in use', 'unknownTaskTag', { initiatorTaskTag: 3 }, 4],
  ['a tag out of the table', 'unknownTaskTag', { initiatorTaskTag: 0xfffffff0 }, 4],
  ['a residual that does not fit', 'residual', { final: true, statusPresent: true }, 4],
  ['a wrong StatSN', 'statSN', { final: true, statusPresent: true, statSN: 3 }, 1024],
  ['a window that shrinks', 'maxCmdSNRegressed', { maxCmdSN: 3 }, 4],
] as [string, string, Partial<DataInPdu>, number][]) {
  test(`a violation ends the core: ${name}`, async () => {
    const pair = await openCore();
    pair.core.submit(pair.core.defineCommand(readCommand), 0, Buffer.alloc(1024));
    const command = await pair.connection.next();
    pair.connection.dataIn(command, pattern(length), fields);
    const error = (await failureOf(pair)) as TargetViolation;
    assert.is(error.check, check, error.message);
  });
}

test('Data-In for a write, an R2T for a read and one beyond the data end the core', async () => {
  for (const [kind, check] of [
    ['dataIn', 'dataInUnexpected'],
    ['r2t', 'r2tUnexpected'],
    ['r2tBeyond', 'r2tOffset'],
  ] as const) {
    const pair = await openCore();
    const definition = kind === 'r2t' ? readCommand : { ...writeCommand, lengthBytes: 2048 };
    pair.core.submit(pair.core.defineCommand(definition), 0, Buffer.alloc(2048));
    const command = await pair.connection.next();
    if (kind === 'dataIn') pair.connection.dataIn(command, pattern(4));
    else pair.connection.r2t(command, { r2tSN: 0, bufferOffset: 1024, desiredDataTransferLength: 1025 });
    assert.is(((await failureOf(pair)) as TargetViolation).check, check);
  }
});

test('a Reject, a failed target, a break and a stall end the core', async () => {
  const rejected = await openCore();
  rejected.core.submit(rejected.core.defineCommand(testCommand), 0);
  rejected.connection.reject(await rejected.connection.next(), 4);
  assert.is((await failureOf(rejected)).code, 'PDU_REJECTED');

  const failed = await openCore();
  failed.core.submit(failed.core.defineCommand(testCommand), 0);
  failed.connection.scsiResponse(await failed.connection.next(), { response: 1 });
  assert.is((await failureOf(failed)).code, 'TARGET_FAILURE');

  const broken = await openCore();
  broken.core.submit(broken.core.defineCommand(testCommand), 0);
  const draining = errorOf(broken.core.drain());
  broken.connection.destroy();
  assert.is((await failureOf(broken)).code, 'CONNECTION_CLOSED');
  assert.is((await draining).code, 'CONNECTION_CLOSED');

  const stalled = await openCore({ stallMsMax: 20 });
  stalled.core.submit(stalled.core.defineCommand(testCommand), 0);
  assert.is((await failureOf(stalled)).code, 'STALLED');
});

test('drain gives up in time', async () => {
  const { core } = await openCore();
  core.submit(core.defineCommand(testCommand), 0);
  assert.is((await errorOf(core.drain(20))).code, 'COMMAND_TIMEOUT');
});

test('arguments are checked', async () => {
  assert.is((await errorOf(PipelinedCore.connect({ host: '127.0.0.1', taskCount: 0, onComplete: () => {} }))).code, 'ARGUMENT_INVALID');
  const { core } = await openCore();
  assert.throws(() => core.defineCommand({ ...testCommand, cdb: Buffer.alloc(17) }), /16 bytes/);
  assert.throws(() => core.defineCommand({ ...testCommand, lba: { at: 4, widthBytes: 4 } }), /outside/);
  assert.throws(() => core.submit(core.defineCommand(readCommand), 0, Buffer.alloc(1023)), /buffer/);
  assert.throws(() => core.submit(core.defineCommand(writeCommand), 0), /buffer/);
});

test.run();
