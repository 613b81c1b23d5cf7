import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeSnack,
  decodeTaskManagementRequest,
  LogoutReason,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  ResidualFlag,
  type SnackPdu,
  SnackType,
} from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import { initiatorLimits } from '../../initiator/limits.js';
import { assertBytes } from '../support/assert-bytes.js';
import { TestClock } from '../support/test-clock.js';
import { dataOutOf, type FakeConnection } from './fake-target.js';
import { closeAll, errorOf, openPair, type Pair, pattern } from './session-harness.js';

test.after.each(closeAll);

const read = { lun: 0, cdb: readCdb(10, 0, 4), dataInLength: 2048 };
const data = pattern(2048);
const recovering = { offers: { ErrorRecoveryLevel: '1' } };
const withDigests = { ...recovering, digests: { header: 'CRC32C', data: 'CRC32C' } } as const;

async function nextSnack(connection: FakeConnection): Promise<SnackPdu> {
  return decodeSnack((await connection.next(Opcode.snackRequest)).view, 0);
}

/** As `nextSnack`; the pings that ask what else may be missing stay unanswered. */
async function nextSnackBehindPings(connection: FakeConnection): Promise<SnackPdu> {
  for (;;) {
    const pdu = await connection.next();
    if (pdu.opcode !== Opcode.nopOut) return decodeSnack(pdu.view, 0);
  }
}

/** The Data-In PDU number `dataSN` of a read of 2048 bytes in four. */
function part(dataSN: number): { bytes: Buffer; fields: { dataSN: number; bufferOffset: number; final: boolean } } {
  return { bytes: data.subarray(dataSN * 512, dataSN * 512 + 512), fields: { dataSN, bufferOffset: dataSN * 512, final: dataSN === 3 } };
}

async function startRead(
  options: Parameters<typeof openPair>[0] = withDigests,
): Promise<Pair & { command: Awaited<ReturnType<FakeConnection['next']>>; pending: ReturnType<Pair['session']['command']> }> {
  const pair = await openPair(options);
  const pending = pair.session.command(read);
  pending.catch(() => {});
  return { ...pair, pending, command: await pair.connection.next(Opcode.scsiCommand) };
}

function send(
  { connection, command }: { connection: FakeConnection; command: Parameters<FakeConnection['dataIn']>[0] },
  dataSN: number,
  corrupt = false,
): void {
  const { bytes, fields } = part(dataSN);
  connection.dataIn(command, bytes, fields, undefined, corrupt);
}

// RFC 7143 §7.8: a Data-In with a wrong data digest is asked for again with a SNACK of type Data/R2T.
test('a wrong data digest of a Data-In: that PDU is asked for, and the data is right in the end', async () => {
  const pair = await startRead();
  const { session, connection, command, pending } = pair;
  send(pair, 0);
  send(pair, 1, true);
  send(pair, 2);
  send(pair, 3);
  connection.scsiResponse(command, { expDataSN: 4 });
  const snack = await nextSnack(connection);
  assert.is(snack.type, SnackType.dataOrR2T);
  assert.is(snack.initiatorTaskTag, command.initiatorTaskTag);
  assert.is(snack.targetTransferTag, RESERVED_TAG);
  assert.equal([snack.begRun, snack.runLength], [1, 1]);
  assert.ok(await connection.isQuiet());
  assert.is(session.window.expStatSN, 1001, 'the status is not acknowledged while data is missing');
  send(pair, 1);
  assertBytes((await pending).dataIn, data);
  assert.is(session.window.expStatSN, 1002);
});

test('the last Data-In with status in it is damaged: it comes again with its status', async () => {
  const pair = await startRead();
  const { connection, command, pending, session } = pair;
  for (const dataSN of [0, 1, 2]) send(pair, dataSN);
  const { bytes, fields } = part(3);
  const statSN = connection.statSN;
  connection.dataIn(command, bytes, { ...fields, statusPresent: true }, undefined, true);
  const snack = await nextSnack(connection);
  assert.equal([snack.begRun, snack.runLength], [3, 1]);
  connection.dataIn(command, bytes, { ...fields, statusPresent: true, statSN });
  assertBytes((await pending).dataIn, data);
  assert.is(session.window.expStatSN, statSN + 1);
});

test('Data-In PDUs that never came: each hole is asked for once', async () => {
  const pair = await startRead(recovering);
  const { connection, command, pending } = pair;
  send(pair, 0);
  send(pair, 3);
  const snack = await nextSnack(connection);
  assert.equal([snack.begRun, snack.runLength], [1, 2]);
  connection.scsiResponse(command, { expDataSN: 4 });
  assert.ok(await connection.isQuiet(), 'the hole is known already');
  send(pair, 2);
  send(pair, 1);
  assertBytes((await pending).dataIn, data);
});

test('the tail is missing: ExpDataSN of the response tells', async () => {
  const pair = await startRead(recovering);
  const { connection, command, pending } = pair;
  send(pair, 0);
  connection.scsiResponse(command, { expDataSN: 4 });
  const snack = await nextSnack(connection);
  assert.equal([snack.begRun, snack.runLength], [1, 3]);
  for (const dataSN of [1, 2, 3]) send(pair, dataSN);
  assertBytes((await pending).dataIn, data);
});

test('a Data-In that comes twice changes nothing', async () => {
  const pair = await startRead(recovering);
  const { connection, command, pending } = pair;
  for (const dataSN of [0, 1, 1, 0, 2, 3]) send(pair, dataSN);
  connection.scsiResponse(command, { expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
});

// RFC 7143 §11.7.2 and §11.16: DataACK, put off while there are holes.
test('the A bit is answered with a DataACK, behind the holes', async () => {
  const pair = await startRead(recovering);
  const { connection, command, pending } = pair;
  const { bytes, fields } = part(0);
  connection.dataIn(command, bytes, { ...fields, acknowledge: true, targetTransferTag: 0x51, lunHigh: 7 });
  const ack = await nextSnack(connection);
  assert.equal([ack.type, ack.initiatorTaskTag, ack.targetTransferTag, ack.lunHigh], [SnackType.dataAck, RESERVED_TAG, 0x51, 7]);
  assert.equal([ack.begRun, ack.runLength], [1, 0]);
  const third = part(2);
  connection.dataIn(command, third.bytes, { ...third.fields, acknowledge: true, targetTransferTag: 0x52 });
  assert.is((await nextSnack(connection)).type, SnackType.dataOrR2T);
  assert.ok(await connection.isQuiet(), 'no DataACK while there is a hole');
  send(pair, 1);
  const late = await nextSnack(connection);
  assert.equal([late.type, late.targetTransferTag, late.begRun], [SnackType.dataAck, 0x52, 3]);
  send(pair, 3);
  connection.scsiResponse(command, { expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
});

// RFC 7143 §11.16: status SNACK.
test('a gap in StatSN: what is missing is asked for; what came is not lost', async () => {
  const { session, connection } = await openPair(recovering);
  const first = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const second = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const [one, two] = [await connection.next(), await connection.next()];
  const lost = connection.statSN++;
  connection.scsiResponse(two);
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.initiatorTaskTag, snack.begRun, snack.runLength], [SnackType.status, RESERVED_TAG, lost, 1]);
  assert.is(snack.expStatSN, lost);
  await second;
  assert.is(session.window.expStatSN, lost);
  connection.scsiResponse(one, { statSN: lost });
  connection.statSN--;
  await first;
  assert.is(session.window.expStatSN, lost + 2);
});

test('a ping of the target tells of a lost response; a response that comes twice is taken once', async () => {
  const { session, connection } = await openPair(recovering);
  const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const command = await connection.next();
  const lost = connection.statSN++;
  connection.nopIn({ targetTransferTag: 5 });
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.begRun, snack.runLength], [SnackType.status, lost, 1]);
  await connection.next(Opcode.nopOut);
  for (let i = 0; i < 2; i++) connection.scsiResponse(command, { statSN: lost });
  connection.statSN = lost + 1;
  assert.is((await pending).status, 0);
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next()).initiatorTaskTag });
  await ping;
});

test('a response whose sense data is damaged is asked for again', async () => {
  const { session, connection } = await openPair(withDigests);
  const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const command = await connection.next();
  const sense = Buffer.from('70000600000000', 'hex');
  connection.hold();
  connection.scsiResponse(command, { status: 2 }, sense);
  const bytes = connection.held();
  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
  connection.sendRaw(damaged);
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.begRun, snack.runLength], [SnackType.status, 1001, 1]);
  connection.sendRaw(bytes);
  assertBytes((await pending).sense, sense);
});

test('R2Ts: a lost one is asked for, a recovery R2T asks for what was sent already, one that comes twice is answered once', async () => {
  const offers = { ErrorRecoveryLevel: '1', MaxOutstandingR2T: '4' };
  const { session, connection } = await openPair({ offers }, { InitialR2T: 'Yes', ImmediateData: 'No', MaxOutstandingR2T: '4' });
  const out = pattern(2048);
  const pending = session.command({ lun: 0, cdb: writeCdb(10, 0, 4), dataOut: out });
  const command = await connection.next(Opcode.scsiCommand);
  connection.r2t(command, { r2tSN: 1, targetTransferTag: 2, bufferOffset: 512, desiredDataTransferLength: 512 });
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.begRun, snack.runLength], [SnackType.dataOrR2T, 0, 1]);
  assert.is(dataOutOf(await connection.next(Opcode.dataOut)).bufferOffset, 512);
  connection.r2t(command, { r2tSN: 0, targetTransferTag: 1, bufferOffset: 0, desiredDataTransferLength: 512 });
  assert.is(dataOutOf(await connection.next(Opcode.dataOut)).bufferOffset, 0);
  connection.r2t(command, { r2tSN: 0, targetTransferTag: 1, bufferOffset: 0, desiredDataTransferLength: 512 });
  // Its Data-Out was damaged on the way: the target asks anew, under a new R2TSN (§7.8).
  connection.r2t(command, { r2tSN: 2, targetTransferTag: 3, bufferOffset: 512, desiredDataTransferLength: 512 });
  const again = await connection.next(Opcode.dataOut);
  assert.equal([dataOutOf(again).bufferOffset, dataOutOf(again).targetTransferTag], [512, 3]);
  connection.r2t(command, { r2tSN: 3, targetTransferTag: 4, bufferOffset: 1024, desiredDataTransferLength: 1024 });
  await connection.next(Opcode.dataOut);
  await connection.next(Opcode.dataOut);
  connection.scsiResponse(command);
  assert.is((await pending).status, 0);
});

test('what is asked for and does not come is asked for again, and the connection is given up in the end', async () => {
  const clock = new TestClock();
  const pair = await startRead({ ...recovering, clock });
  const { connection, pending, session } = pair;
  send(pair, 1);
  for (let attempt = 0; attempt < initiatorLimits.snackAttemptCountMax; attempt++) {
    assert.is((await nextSnackBehindPings(connection)).begRun, 0);
    clock.advance(initiatorLimits.snackMsMax);
  }
  assert.is((await errorOf(pending)).code, 'CONNECTION_CLOSED');
  assert.is(session.closeCause?.code, 'RECOVERY_FAILED');
});

for (const [status, code] of [
  [2, null],
  [0, 'DATA_LOST'],
] as const) {
  test(`a target that cannot send data again: status ${status} ${code === null ? 'is the result' : 'is not believed'}`, async () => {
    const pair = await startRead(recovering);
    const { connection, command, pending } = pair;
    send(pair, 1);
    connection.reject(await connection.next(Opcode.snackRequest), RejectReason.snackReject);
    const residual = status === 0 ? {} : { residualFlags: ResidualFlag.underflow, residualCount: 1536 };
    connection.scsiResponse(command, { status, expDataSN: 2, ...residual });
    if (code === null) assert.is((await pending).status, status);
    else assert.is((await errorOf(pending)).code, code);
  });
}

test('a target that cannot send a response again: the connection is of no use', async () => {
  const { session, connection } = await openPair(recovering);
  connection.statSN += 2;
  connection.nopIn({ targetTransferTag: 1 });
  connection.reject(await connection.next(Opcode.snackRequest), RejectReason.snackReject);
  await connection.next();
  assert.ok(await connection.isQuiet());
  assert.is(session.closeCause?.code, 'RECOVERY_FAILED');
});

// RFC 7143 §11.16.3: after segments changed their length, all that was not acknowledged comes anew, in R-Data.
test('R-Data: after MaxRecvDataSegmentLength changed the data is cut anew, and only the response with our SNACK Tag counts', async () => {
  const pair = await startRead(recovering);
  const { session, connection, command, pending } = pair;
  const renegotiation = session.renegotiate({ maxRecvDataSegmentLength: 1536 });
  connection.textResponse(await connection.next(Opcode.textRequest), Buffer.from('MaxRecvDataSegmentLength=4096\0'));
  assert.is((await renegotiation).targetMaxRecvDataSegmentLength, 4096);
  send(pair, 1);
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.begRun, snack.runLength], [SnackType.rData, 0, 0]);
  assert.is.not(snack.targetTransferTag, RESERVED_TAG);
  connection.dataIn(command, data.subarray(0, 1536), { dataSN: 0 });
  connection.dataIn(command, data.subarray(1536), { dataSN: 1, bufferOffset: 1536, final: true });
  connection.scsiResponse(command, { expDataSN: 2, status: 8 });
  connection.scsiResponse(command, { expDataSN: 2, snackTag: snack.targetTransferTag });
  const { status, dataIn } = await pending;
  assert.is(status, 0);
  assertBytes(dataIn, data);
});

test('R-Data: the status alone shows that all data is lost; the response that counts may have the same StatSN or another', async () => {
  for (const isSameStatSN of [true, false]) {
    const pair = await startRead(recovering);
    const { session, connection, command, pending } = pair;
    const renegotiation = session.renegotiate({ maxRecvDataSegmentLength: 1536 });
    connection.textResponse(await connection.next(Opcode.textRequest), Buffer.from('MaxRecvDataSegmentLength=4096\0'));
    await renegotiation;
    const { statSN } = connection;
    connection.scsiResponse(command, { expDataSN: 4 });
    const snack = await nextSnack(connection);
    assert.equal([snack.type, snack.expStatSN], [SnackType.rData, statSN], 'the status is not acknowledged: it does not count');
    connection.dataIn(command, data.subarray(0, 1536), { dataSN: 0 });
    connection.dataIn(command, data.subarray(1536), { dataSN: 1, bufferOffset: 1536, final: true });
    if (isSameStatSN) connection.statSN = statSN;
    connection.scsiResponse(command, { expDataSN: 2, snackTag: snack.targetTransferTag });
    assertBytes((await pending).dataIn, data);
    assert.is(session.window.expStatSN, connection.statSN, 'all is acknowledged in the end');
  }
});

test('a command that arrived damaged and was not taken is sent again under its CmdSN', async () => {
  const { session, connection } = await openPair(recovering);
  const pending = session.command({ lun: 0, cdb: writeCdb(10, 0, 1), dataOut: pattern(512) });
  const command = await connection.next(Opcode.scsiCommand);
  connection.expCmdSN = command.cmdSN;
  connection.reject(command, RejectReason.dataDigestError);
  const again = await connection.next(Opcode.scsiCommand);
  assert.is(again.cmdSN, command.cmdSN);
  assert.is(again.initiatorTaskTag, command.initiatorTaskTag);
  assertBytes(again.data, command.data);
  connection.scsiResponse(again);
  assert.is((await pending).status, 0);
});

// RFC 7143 §7.2.1: a target may drop what has a wrong header digest without a word.
test('a command that never arrived: ExpCmdSN stands still, a ping tells so, and it is sent again under its CmdSN', async () => {
  const clock = new TestClock();
  const { session, connection } = await openPair({ ...recovering, clock });
  const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const lost = await connection.next(Opcode.scsiCommand);
  connection.expCmdSN = lost.cmdSN;
  clock.advance(initiatorLimits.snackMsMax);
  const ping = await connection.next(Opcode.nopOut);
  assert.ok(ping.immediate);
  connection.nopIn({ initiatorTaskTag: ping.initiatorTaskTag });
  const again = await connection.next(Opcode.scsiCommand);
  assert.equal([again.cmdSN, again.initiatorTaskTag], [lost.cmdSN, lost.initiatorTaskTag]);
  connection.scsiResponse(again);
  assert.is((await pending).status, 0);
});

test('a command that takes its time is asked after, but not sent again', async () => {
  const clock = new TestClock();
  const { session, connection } = await openPair({ ...recovering, clock });
  const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const command = await connection.next(Opcode.scsiCommand);
  for (let i = 0; i < 3; i++) {
    clock.advance(initiatorLimits.snackMsMax);
    connection.nopIn({ initiatorTaskTag: (await connection.next(Opcode.nopOut)).initiatorTaskTag });
    assert.ok(await connection.isQuiet());
  }
  connection.scsiResponse(command);
  assert.is((await pending).status, 0);
  for (let i = 0; i < 2; i++) clock.advance(initiatorLimits.snackMsMax);
  assert.ok(await connection.isQuiet(), 'nothing is out, so nothing is asked');
});

test('the response to the only command is lost: a ping brings it to light', async () => {
  const clock = new TestClock();
  const pair = await startRead({ ...recovering, clock });
  const { connection, command, pending } = pair;
  for (const dataSN of [0, 1, 2, 3]) send(pair, dataSN);
  const lost = connection.statSN++;
  assert.ok(await connection.isQuiet());
  clock.advance(initiatorLimits.snackMsMax);
  connection.nopIn({ initiatorTaskTag: (await connection.next(Opcode.nopOut)).initiatorTaskTag });
  const snack = await nextSnack(connection);
  assert.equal([snack.type, snack.begRun, snack.runLength], [SnackType.status, lost, 1]);
  connection.scsiResponse(command, { statSN: lost, expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
});

test('a command that waits for its data and is aborted does not hold StatSN back for ever', async () => {
  const pair = await startRead(recovering);
  const { session, connection, command } = pair;
  connection.scsiResponse(command, { expDataSN: 4 });
  await nextSnack(connection);
  const reset = session.logicalUnitReset(0);
  const request = await connection.next(Opcode.taskManagementRequest);
  assert.is(decodeTaskManagementRequest(request.view, 0).function, 5);
  connection.taskManagementResponse(request, 0);
  await reset;
  assert.is(session.window.expStatSN, 1003);
  assert.is((await errorOf(pair.pending)).code, 'COMMAND_ABORTED');
});

for (const [name, hostile] of [
  ['StatSN far ahead', ({ connection, command }) => connection.scsiResponse(command, { statSN: connection.statSN + 1_000_000 })],
  ['DataSN far ahead', ({ connection, command }) => connection.dataIn(command, Buffer.alloc(4), { dataSN: 0xfffffff0 })],
  ['ExpDataSN far ahead', ({ connection, command }) => connection.scsiResponse(command, { expDataSN: 0xfffffff0 })],
  ['Data-In beyond the buffer', ({ connection, command }) => connection.dataIn(command, Buffer.alloc(4), { bufferOffset: 2048 })],
] as [string, (pair: Awaited<ReturnType<typeof startRead>>) => void][]) {
  test(`a hostile target gains no memory: ${name}`, async () => {
    const pair = await startRead(recovering);
    hostile(pair);
    assert.is((await errorOf(pair.pending)).code, 'TARGET_VIOLATION');
  });
}

test('at ErrorRecoveryLevel 1 a session logs out as any other', async () => {
  const { session, connection } = await openPair(recovering);
  const pending = session.logout();
  const request = await connection.next(Opcode.logoutRequest);
  assert.is((request.header[1] ?? 0) & 0x7f, LogoutReason.closeSession);
  connection.logoutResponse(request);
  connection.end();
  await pending;
});

test.run();
