import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AhsType,
  type AsyncMessagePdu,
  decodeLogoutRequest,
  decodeScsiCommand,
  decodeTaskManagementRequest,
  decodeTextRequest,
  emptyAhs,
  encodeTextData,
  Opcode,
  parseAhs,
  parseTextData,
  RESERVED_TAG,
  ResidualFlag,
  TaskAttribute,
  TaskManagementResponse,
} from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import type { InitiatorError, PduRejected } from '../../initiator/errors.js';
import { assertBytes } from '../support/assert-bytes.js';
import { dataOutOf, type FakeConnection, type TakenPdu } from './fake-target.js';
import { closeAll, errorOf, openPair, pattern } from './session-harness.js';

test.after.each(closeAll);

const read = { lun: 0, cdb: readCdb(10, 0, 4), dataInLength: 2048 };

/** Serves a read of 2048 bytes as two Data-In PDUs, with status in the second or apart. */
function serveRead(connection: FakeConnection, command: TakenPdu, data: Buffer, collapsed: boolean): void {
  connection.dataIn(command, data.subarray(0, 1024), { dataSN: 0 });
  connection.dataIn(command, data.subarray(1024), { dataSN: 1, bufferOffset: 1024, final: true, statusPresent: collapsed });
  if (!collapsed) connection.scsiResponse(command, { expDataSN: 2 });
}

for (const digest of ['None', 'CRC32C'] as const) {
  for (const collapsed of [true, false]) {
    test(`a read in two Data-In PDUs (digests ${digest}, status ${collapsed ? 'in the last' : 'apart'})`, async () => {
      const { session, connection } = await openPair({ digests: { header: digest, data: digest } });
      const pending = session.command(read);
      const command = await connection.next(Opcode.scsiCommand);
      const fields = decodeScsiCommand(command.view, 0);
      assert.ok(fields.read && !fields.write && fields.final);
      assert.is(fields.expectedDataTransferLength, 2048);
      assert.is(fields.attribute, TaskAttribute.simple);
      const data = pattern(2048);
      serveRead(connection, command, data, collapsed);
      const result = await pending;
      assert.is(result.status, 0);
      assertBytes(result.dataIn, data);
      assert.is(session.window.expStatSN, 1002);
    });
  }
}

test('a short read: underflow cuts the Data-In, sense data comes with it', async () => {
  const { session, connection } = await openPair();
  const pending = session.command(read);
  const command = await connection.next(Opcode.scsiCommand);
  connection.dataIn(command, pattern(100), { final: true });
  const sense = Buffer.from('70000300000000', 'hex');
  connection.scsiResponse(command, { status: 2, expDataSN: 1, residualFlags: ResidualFlag.underflow, residualCount: 1948 }, sense);
  const result = await pending;
  assert.is(result.status, 2);
  assert.is(result.dataIn.length, 100);
  assertBytes(result.sense, sense);
  assert.is(result.residualCount, 1948);
});

test('sequences out of order, where that was negotiated', async () => {
  const { session, connection } = await openPair({ offers: { DataSequenceInOrder: 'No', DataPDUInOrder: 'No' } });
  const pending = session.command(read);
  const command = await connection.next(Opcode.scsiCommand);
  const data = pattern(2048);
  for (const [dataSN, offset] of [1536, 0, 512, 1024].entries()) {
    connection.dataIn(command, data.subarray(offset, offset + 512), { dataSN, bufferOffset: offset, final: dataSN === 3 });
  }
  connection.scsiResponse(command, { expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
});

/** Takes every byte of a write as a target would and answers what came how. */
async function takeWrite(connection: FakeConnection, length: number, burst: number): Promise<{ data: Buffer; shape: string }> {
  const command = await connection.next(Opcode.scsiCommand);
  const data = Buffer.alloc(length);
  data.set(command.data);
  let received = command.data.length;
  let shape = `i${received}`;
  let final = decodeScsiCommand(command.view, 0).final;
  while (!final) {
    const pdu = await connection.next(Opcode.dataOut);
    const out = dataOutOf(pdu);
    assert.is(out.targetTransferTag, RESERVED_TAG);
    assert.is(pdu.view.getUint32(8), 0, 'LUN is reserved without a Target Transfer Tag');
    assert.is(out.bufferOffset, received);
    data.set(pdu.data, received);
    received += pdu.data.length;
    shape += ` u${pdu.data.length}`;
    final = out.final;
  }
  let r2tSN = 0;
  while (received < length) {
    const desired = Math.min(burst, length - received);
    const targetTransferTag = 100 + r2tSN;
    connection.r2t(command, { r2tSN: r2tSN++, targetTransferTag, bufferOffset: received, desiredDataTransferLength: desired });
    const end = received + desired;
    for (let dataSN = 0; received < end; dataSN++) {
      const pdu = await connection.next(Opcode.dataOut);
      const out = dataOutOf(pdu);
      assert.is(pdu.view.getUint32(8), command.view.getUint32(8), 'the LUN of the command');
      assert.equal(out, { dataSN, bufferOffset: received, final: received + pdu.data.length === end, targetTransferTag, lengthBytes: pdu.data.length });
      data.set(pdu.data, received);
      received += pdu.data.length;
      shape += ` s${pdu.data.length}`;
    }
  }
  connection.scsiResponse(command);
  return { data, shape };
}

for (const [keys, length, expected] of [
  [{}, 400, 'i400'],
  [{}, 1000, 'i512 u488'],
  [{}, 3000, 'i512 u512 s512 s512 s512 s440'],
  [{ InitialR2T: 'Yes' }, 3000, 'i512 s512 s512 s512 s512 s440'],
  [{ ImmediateData: 'No' }, 3000, 'i0 u512 u512 s512 s512 s512 s440'],
  [{ ImmediateData: 'No', InitialR2T: 'Yes' }, 1500, 'i0 s512 s512 s476'],
  [{ MaxRecvDataSegmentLength: '4096', FirstBurstLength: '2048' }, 2048, 'i2048'],
  [{ MaxRecvDataSegmentLength: '8192', MaxBurstLength: '8192', FirstBurstLength: '512' }, 9000, 'i512 s8192 s296'],
] as [Record<string, string>, number, string][]) {
  for (const digest of ['None', 'CRC32C'] as const) {
    test(`a write of ${length} bytes with ${JSON.stringify(keys)} goes as ${expected} (digests ${digest})`, async () => {
      const { session, connection } = await openPair({ digests: { header: digest, data: digest } }, keys);
      const data = pattern(length);
      const pending = session.command({ lun: 3, cdb: writeCdb(10, 0, 6), dataOut: data });
      const taken = await takeWrite(connection, length, Number(keys['MaxBurstLength'] ?? 2048));
      assert.is((await pending).status, 0);
      assertBytes(taken.data, data);
      assert.is(taken.shape, expected);
    });
  }
}

test('less immediate data and no unsolicited data, where the caller wants so', async () => {
  const { session, connection } = await openPair();
  const dataOut = pattern(1500);
  const pending = session.command({ lun: 0, cdb: writeCdb(10, 0, 3), dataOut, immediateDataLength: 100, unsolicitedDataOut: false });
  const taken = await takeWrite(connection, 1500, 2048);
  await pending;
  assert.is(taken.shape, 'i100 s512 s512 s376');
  assertBytes(taken.data, dataOut);
});

test('several R2Ts at once, up to MaxOutstandingR2T, are answered in order', async () => {
  const { session, connection } = await openPair({ offers: { MaxOutstandingR2T: '2' } }, { MaxOutstandingR2T: '2', InitialR2T: 'Yes', ImmediateData: 'No' });
  const pending = session.command({ lun: 0, cdb: writeCdb(10, 0, 2), dataOut: pattern(1024) });
  const command = await connection.next(Opcode.scsiCommand);
  connection.hold();
  connection.r2t(command, { r2tSN: 0, targetTransferTag: 1, bufferOffset: 0, desiredDataTransferLength: 512 });
  connection.r2t(command, { r2tSN: 1, targetTransferTag: 2, bufferOffset: 512, desiredDataTransferLength: 512 });
  connection.release();
  assert.equal([dataOutOf(await connection.next()).targetTransferTag, dataOutOf(await connection.next()).targetTransferTag], [1, 2]);
  connection.scsiResponse(command);
  await pending;
});

test('a bidirectional command: lengths apart, DataSN and R2TSN counted together', async () => {
  const { session, connection } = await openPair({}, { InitialR2T: 'Yes', ImmediateData: 'No' });
  const pending = session.command({ lun: 0, cdb: Buffer.alloc(32, 0x7f), dataOut: pattern(512), dataInLength: 1024 });
  const command = await connection.next(Opcode.scsiCommand);
  const fields = decodeScsiCommand(command.view, 0);
  assert.ok(fields.read && fields.write);
  assert.is(fields.expectedDataTransferLength, 512);
  const ahs = emptyAhs();
  const view = new DataView(command.ahs.buffer, command.ahs.byteOffset, command.ahs.byteLength);
  assert.ok(parseAhs(view, 0, command.ahs.length, ahs));
  assert.is(command.ahs[2], AhsType.extendedCdb);
  assert.is(ahs.extendedCdbLength, 16);
  assert.is(ahs.bidirectionalReadLength, 1024);
  connection.dataIn(command, pattern(512), { dataSN: 0 });
  connection.r2t(command, { r2tSN: 1, bufferOffset: 0, desiredDataTransferLength: 512 });
  await connection.next(Opcode.dataOut);
  connection.dataIn(command, pattern(100, 1), { dataSN: 2, bufferOffset: 512, final: true });
  connection.scsiResponse(command, { expDataSN: 3, residualFlags: ResidualFlag.bidirectionalReadUnderflow, bidirectionalReadResidualCount: 412 });
  const result = await pending;
  assert.is(result.dataIn.length, 612);
  assert.is(result.bidirectionalReadResidualCount, 412);
});

test('the window: what exceeds MaxCmdSN waits, immediate requests do not, order stays', async () => {
  const { session, connection } = await openPair();
  connection.maxCmdSN = 32;
  const all = Array.from({ length: 40 }, () => session.command({ lun: 0, cdb: testUnitReadyCdb() }));
  const taken: TakenPdu[] = [];
  for (let i = 0; i < 32; i++) taken.push(await connection.next(Opcode.scsiCommand));
  assert.is(session.waitingCount, 8);
  const ping = session.ping(Buffer.from('now'), { immediate: true });
  const nop = await connection.next(Opcode.nopOut);
  assert.is(nop.cmdSN, 33, 'an immediate request carries the next CmdSN');
  connection.nopIn({ initiatorTaskTag: nop.initiatorTaskTag }, Buffer.from('now'));
  await ping;
  assert.ok(await connection.isQuiet());
  connection.maxCmdSN = 35;
  connection.scsiResponse(taken[0] as TakenPdu);
  for (let i = 0; i < 3; i++) taken.push(await connection.next(Opcode.scsiCommand));
  assert.ok(await connection.isQuiet());
  connection.maxCmdSN = 80;
  for (const command of taken.slice(1)) connection.scsiResponse(command);
  for (let i = 35; i < 40; i++) {
    taken.push(await connection.next(Opcode.scsiCommand));
    connection.scsiResponse(taken[i] as TakenPdu);
  }
  await Promise.all(all);
  assert.equal(
    taken.map(({ cmdSN }) => cmdSN),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
});

test('CmdSN and StatSN go over the wrap', async () => {
  const { session, connection } = await openPair({ cmdSN: 0xfffffffe });
  for (const cmdSN of [0xfffffffe, 0xffffffff, 0, 1]) {
    const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
    const command = await connection.next(Opcode.scsiCommand);
    assert.is(command.cmdSN, cmdSN);
    connection.maxCmdSN = (cmdSN + 31) >>> 0;
    connection.scsiResponse(command);
    await pending;
  }
});

test('a ping of the target is answered with its tag and LUN, an unasked NOP-In without one is not', async () => {
  let pinged = 0;
  const { session, connection } = await openPair({ events: { onPing: () => pinged++ } });
  connection.nopIn();
  connection.nopIn({ targetTransferTag: 0x1234, lunHigh: 0x00050000 });
  const answer = await connection.next(Opcode.nopOut);
  assert.ok(answer.immediate);
  assert.is(answer.initiatorTaskTag, RESERVED_TAG);
  assert.is(answer.view.getUint32(20), 0x1234);
  assert.is(answer.view.getUint32(8), 0x00050000);
  assert.is(answer.data.length, 0);
  assert.is(pinged, 1);
  assert.ok(await connection.isQuiet());
  assert.is(session.window.expStatSN, 1001, 'a ping has no StatSN of its own');
});

test('a ping longer than our MaxRecvDataSegmentLength comes back cut', async () => {
  const { session, connection } = await openPair({}, { MaxRecvDataSegmentLength: '4096' });
  const data = pattern(2000);
  const pending = session.ping(data);
  const nop = await connection.next(Opcode.nopOut);
  assertBytes(nop.data, data);
  connection.nopIn({ initiatorTaskTag: nop.initiatorTaskTag }, data.subarray(0, 1024));
  assert.is((await pending).length, 1024);
});

test('padding is zero, whatever the memory held before', async () => {
  const { session, connection } = await openPair();
  for (const length of [400, 397, 398, 399]) {
    const data = Buffer.alloc(length, 0xff);
    const pending = session.ping(data);
    const nop = await connection.next(Opcode.nopOut);
    connection.nopIn({ initiatorTaskTag: nop.initiatorTaskTag }, data);
    await pending;
  }
});

test('ABORT TASK names the task, which then ends without a response of its own', async () => {
  const { session, connection } = await openPair();
  const victim = session.submit({ ...read, lun: 4 });
  const command = await connection.next(Opcode.scsiCommand);
  const aborting = session.abortTask(victim);
  const request = await connection.next(Opcode.taskManagementRequest);
  const fields = decodeTaskManagementRequest(request.view, 0);
  assert.ok(fields.immediate);
  assert.is(fields.function, 1);
  assert.is(fields.referencedTaskTag, command.initiatorTaskTag);
  assert.is(fields.refCmdSN, command.cmdSN);
  assert.is(fields.lunHigh, 0x00040000);
  connection.taskManagementResponse(request, TaskManagementResponse.functionComplete);
  assert.is(await aborting, TaskManagementResponse.functionComplete);
  assert.is((await errorOf(victim.result)).code, 'COMMAND_ABORTED');
});

test('a command that was not sent yet is aborted without a word', async () => {
  const { session, connection } = await openPair();
  connection.maxCmdSN = 32;
  const all = Array.from({ length: 33 }, () => session.submit({ lun: 0, cdb: testUnitReadyCdb() }));
  const last = all[32];
  if (last === undefined) return assert.unreachable();
  assert.not.ok(last.isSent);
  assert.is(await session.abortTask(last), TaskManagementResponse.functionComplete);
  assert.is((await errorOf(last.result)).code, 'COMMAND_ABORTED');
  assert.is(session.waitingCount, 0);
});

test('LOGICAL UNIT RESET ends the commands of that unit that came before it, and no others', async () => {
  const { session, connection } = await openPair();
  const before = session.submit({ lun: 1, cdb: testUnitReadyCdb() });
  const elsewhere = session.submit({ lun: 2, cdb: testUnitReadyCdb() });
  const resetting = session.logicalUnitReset(1);
  const after = session.submit({ lun: 1, cdb: testUnitReadyCdb() });
  await connection.next(Opcode.scsiCommand);
  const second = await connection.next(Opcode.scsiCommand);
  const request = await connection.next(Opcode.taskManagementRequest);
  const third = await connection.next(Opcode.scsiCommand);
  connection.taskManagementResponse(request, TaskManagementResponse.functionComplete);
  connection.scsiResponse(second);
  connection.scsiResponse(third);
  assert.is(await resetting, 0);
  assert.is((await errorOf(before.result)).code, 'COMMAND_ABORTED');
  assert.is((await elsewhere.result).status, 0);
  assert.is((await after.result).status, 0);
});

test('a task management function that fails ends nothing', async () => {
  const { session, connection } = await openPair();
  const command = session.submit({ lun: 1, cdb: testUnitReadyCdb() });
  const taken = await connection.next(Opcode.scsiCommand);
  const resetting = session.logicalUnitReset(1);
  connection.taskManagementResponse(await connection.next(), TaskManagementResponse.functionNotSupported);
  assert.is(await resetting, TaskManagementResponse.functionNotSupported);
  connection.scsiResponse(taken);
  assert.is((await command.result).status, 0);
});

test('SendTargets: answers in pieces are put together', async () => {
  const { session, connection } = await openPair({ targetName: undefined as never, sessionType: 'Discovery' });
  const pending = session.sendTargets();
  const first = await connection.next(Opcode.textRequest);
  assert.equal(parseTextData(first.data), [['SendTargets', 'All']]);
  const text = encodeTextData([
    ['TargetName', 'iqn.a'],
    ['TargetAddress', '10.0.0.1:3260,1'],
    ['TargetAddress', '10.0.0.2:3260,2'],
    ['TargetName', 'iqn.b'],
  ]);
  connection.textResponse(first, text.subarray(0, 33), { final: false, continue: true, targetTransferTag: 42 });
  const second = await connection.next(Opcode.textRequest);
  const fields = decodeTextRequest(second.view, 0);
  assert.is(fields.initiatorTaskTag, first.initiatorTaskTag);
  assert.is(fields.targetTransferTag, 42);
  assert.is(second.data.length, 0);
  assert.is(second.cmdSN, first.cmdSN + 1);
  connection.textResponse(second, text.subarray(33));
  assert.equal(await pending, [
    { targetName: 'iqn.a', targetAddresses: ['10.0.0.1:3260,1', '10.0.0.2:3260,2'] },
    { targetName: 'iqn.b', targetAddresses: [] },
  ]);
});

test('text of ours longer than the target takes is sent in pieces', async () => {
  const { session, connection } = await openPair();
  const pairs: [string, string][] = [['X-com.example.long', 'y'.repeat(700)]];
  const pending = session.text(pairs);
  const first = await connection.next(Opcode.textRequest);
  assert.is(first.data.length, 512);
  const fields = decodeTextRequest(first.view, 0);
  assert.ok(fields.continue && !fields.final);
  connection.textResponse(first, Buffer.alloc(0), { final: false });
  const second = await connection.next(Opcode.textRequest);
  assert.ok(decodeTextRequest(second.view, 0).final);
  assert.equal(parseTextData(Buffer.concat([first.data, second.data])), pairs);
  connection.textResponse(second, encodeTextData([['X-com.example.long', 'NotUnderstood']]));
  assert.equal(await pending, [['X-com.example.long', 'NotUnderstood']]);
});

test('logout: answered, closed, and nothing goes any more', async () => {
  let closed: InitiatorError | null = null;
  const { session, connection } = await openPair({ events: { onClosed: (cause) => (closed = cause) } });
  const lost = session.submit(read);
  await connection.next(Opcode.scsiCommand);
  const pending = session.logout();
  const request = await connection.next(Opcode.logoutRequest);
  assert.is(decodeLogoutRequest(request.view, 0).reason, 0);
  connection.logoutResponse(request);
  connection.end();
  await pending;
  assert.ok(session.isClosed);
  assert.is((closed as InitiatorError | null)?.code, 'SESSION_CLOSED');
  assert.is((await errorOf(lost.result)).code, 'SESSION_CLOSED');
  assert.is((await errorOf(session.ping())).code, 'SESSION_CLOSED');
});

test('a logout that is refused leaves the session', async () => {
  const { session, connection } = await openPair();
  const pending = errorOf(session.logout());
  connection.logoutResponse(await connection.next(), 3);
  assert.is((await pending).code, 'LOGOUT_REFUSED');
  assert.not.ok(session.isClosed);
});

test('an Asynchronous Message is told and numbered', async () => {
  const messages: [AsyncMessagePdu, Buffer][] = [];
  const { session, connection } = await openPair({ events: { onAsyncMessage: (message, data) => messages.push([message, data]) } });
  connection.asyncMessage(1, Buffer.from('abc'));
  const ping = session.ping();
  const nop = await connection.next();
  assert.is(nop.opcode, Opcode.nopOut);
  connection.nopIn({ initiatorTaskTag: nop.initiatorTaskTag });
  await ping;
  assert.is(messages.length, 1);
  assert.is(messages[0]?.[0].asyncEvent, 1);
  assert.is(messages[0]?.[0].parameter3, 5);
  assert.is(messages[0]?.[1].toString(), 'abc');
});

test('a Reject of a command ends it; a Reject of its Data-Out does not', async () => {
  const rejects: PduRejected[] = [];
  const { session, connection } = await openPair({ events: { onReject: (rejected) => rejects.push(rejected) } });
  const refused = session.submit({ lun: 0, cdb: testUnitReadyCdb() });
  connection.reject(await connection.next(), 0x04);
  const error = (await errorOf(refused.result)) as PduRejected;
  assert.is(error.code, 'PDU_REJECTED');
  assert.is(error.reason, 4);
  const writing = session.submit({ lun: 0, cdb: writeCdb(10, 0, 2), dataOut: pattern(1024) });
  const command = await connection.next(Opcode.scsiCommand);
  connection.reject(await connection.next(Opcode.dataOut), 0x02);
  connection.scsiResponse(command, { status: 2 });
  assert.is((await writing.result).status, 2);
  assert.equal(
    rejects.map(({ reason }) => reason),
    [4, 2],
  );
});

test('a command that is not answered times out; its answer may still come', async () => {
  const { session, connection } = await openPair();
  const late = session.command({ lun: 0, cdb: testUnitReadyCdb(), timeoutMs: 30 });
  const command = await connection.next(Opcode.scsiCommand);
  assert.is((await errorOf(late)).code, 'COMMAND_TIMEOUT');
  connection.scsiResponse(command);
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next()).initiatorTaskTag });
  await ping;
});

test('an iSCSI response other than completed is no status', async () => {
  const { session, connection } = await openPair();
  const pending = errorOf(session.command({ lun: 0, cdb: testUnitReadyCdb() }));
  connection.scsiResponse(await connection.next(), { response: 1 });
  assert.is((await pending).code, 'TARGET_FAILURE');
});

test('a connection that breaks rejects all that waits', async () => {
  const { session, connection } = await openPair();
  const pending = [session.command(read), session.ping(), session.logicalUnitReset(0)].map(errorOf);
  await connection.next();
  connection.destroy();
  for (const error of await Promise.all(pending)) assert.is(error.code, 'CONNECTION_CLOSED');
  assert.ok(session.isClosed);
});

for (const [name, options] of [
  ['a LUN out of range', { lun: 16384, cdb: testUnitReadyCdb() }],
  ['an empty CDB', { lun: 0, cdb: Buffer.alloc(0) }],
  ['a CDB of 261 bytes', { lun: 0, cdb: Buffer.alloc(261) }],
  ['a negative length', { lun: 0, cdb: testUnitReadyCdb(), dataInLength: -1 }],
] as const) {
  test(`refused before it is sent: ${name}`, async () => {
    const { session } = await openPair();
    assert.is((await errorOf(session.command(options))).code, 'ARGUMENT_INVALID');
  });
}

test.run();
