import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeLogoutRequest,
  decodeTaskManagementRequest,
  type LoginRequestPdu,
  LogoutReason,
  Opcode,
  TaskManagementFunction,
} from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import { ConnectionLostError } from '../../initiator/errors.js';
import type { SessionOptions } from '../../initiator/session.js';
import { assertBytes } from '../support/assert-bytes.js';
import { agreeable, dataOutOf, type FakeConnection, type FakeTarget, type TakenPdu } from './fake-target.js';
import { closeAll, errorOf, openPair, pattern, smallKeys } from './session-harness.js';

test.after.each(closeAll);

const ready = { lun: 0, cdb: testUnitReadyCdb() };
const read = { lun: 0, cdb: readCdb(10, 0, 4), dataInLength: 2048 };
const data = pattern(2048);
const atOnce = { DefaultTime2Wait: '0' };
const reconnecting: Partial<SessionOptions> = { offers: atOnce, reconnect: { attemptCountMax: 3, delayMs: 5 } };
const level2: Partial<SessionOptions> = { offers: { ...atOnce, ErrorRecoveryLevel: '2', DefaultTime2Retain: '20', MaxConnections: '4' } };

async function answerLogin(
  target: FakeTarget,
  extra: Record<string, string> = {},
): Promise<{ connection: FakeConnection; request: LoginRequestPdu | undefined }> {
  const connection = await target.accept();
  const [request] = await connection.login(agreeable({ ...smallKeys, ...extra }));
  return { connection, request };
}

// --- Session recovery, RFC 7143 §7.4 -------------------------------------------------------------------------------

test('without reconnect: who is told that the connection is lost is told whether trying again is safe', async () => {
  const { session, connection } = await openPair();
  connection.maxCmdSN = 0;
  const sent = errorOf(session.command(ready));
  const harmless = errorOf(session.command({ ...ready, idempotent: true }));
  await connection.next();
  await connection.next();
  const waiting = Array.from({ length: 32 }, () => errorOf(session.command(ready)));
  connection.destroy();
  const errors = [await sent, await harmless, (await Promise.all(waiting))[31]];
  for (const error of errors) assert.instance(error, ConnectionLostError);
  assert.equal(
    errors.map((error) => (error as ConnectionLostError).isRetrySafe),
    [false, true, true],
  );
  assert.ok(session.isClosed);
});

test('reconnect: the same ISID and no TSIH, numbers from the start; what waited is sent, what was out fails, what may be made again is', async () => {
  const reconnected: number[] = [];
  const lost: number[] = [];
  const events = { onReconnected: ({ tsih }: { tsih: number }) => reconnected.push(tsih), onConnectionLost: (cid: number) => lost.push(cid) };
  const { session, connection, target } = await openPair({ ...reconnecting, events });
  const { isid } = session.login;
  const failing = errorOf(session.command({ lun: 0, cdb: writeCdb(10, 0, 1), dataOut: pattern(512) }));
  const again = session.command({ ...read, retry: true });
  await connection.next();
  await connection.next();
  connection.destroy();
  const error = (await failing) as ConnectionLostError;
  assert.instance(error, ConnectionLostError);
  assert.not.ok(error.isRetrySafe);
  const meanwhile = session.command(ready);
  const { connection: next, request } = await answerLogin(target);
  assert.equal([request?.isid, request?.tsih, request?.cmdSN], [isid, 0, 1]);
  const repeated = await next.next(Opcode.scsiCommand);
  assert.is(repeated.cmdSN, 1);
  next.dataIn(repeated, data.subarray(0, 1024), { dataSN: 0 });
  next.dataIn(repeated, data.subarray(1024), { dataSN: 1, bufferOffset: 1024, final: true, statusPresent: true });
  next.scsiResponse(await next.next(Opcode.scsiCommand));
  assertBytes((await again).dataIn, data);
  assert.is((await meanwhile).status, 0);
  assert.equal([reconnected.length, lost], [1, [0]]);
  assert.not.ok(session.isClosed);
});

test('reconnect with three connections: what is to be made again waits for the new session and is not sent on another of the old', async () => {
  const { session, connection, target } = await openPair({ ...reconnecting, offers: { ...atOnce, MaxConnections: '3' } });
  const others: FakeConnection[] = [];
  for (let i = 0; i < 2; i++) {
    const adding = session.addConnection();
    others.push((await answerLogin(target)).connection);
    await adding;
  }
  const all = Array.from({ length: 3 }, () => session.command({ ...ready, retry: true }));
  for (const old of [connection, ...others]) await old.next(Opcode.scsiCommand);
  connection.destroy();
  const { connection: next } = await answerLogin(target);
  for (let i = 0; i < 3; i++) next.scsiResponse(await next.next(Opcode.scsiCommand));
  for (const { status } of await Promise.all(all)) assert.is(status, 0);
  assert.is(session.connections.length, 1);
});

test('reconnect: attempts are counted, and the session is given up after them', async () => {
  const { session, connection, target } = await openPair(reconnecting);
  const waiting = errorOf(session.command({ ...read, retry: true }));
  await connection.next();
  connection.destroy();
  for (let attempt = 0; attempt < 3; attempt++) (await target.accept()).destroy();
  const error = await waiting;
  assert.instance(error, ConnectionLostError);
  assert.ok(session.isClosed);
  assert.is(session.closeCause?.code, 'RECOVERY_FAILED');
});

test('reconnect: a target that does not want us any more is not asked again', async () => {
  const { session, connection, target } = await openPair(reconnecting);
  const ended = errorOf(session.command({ ...read, retry: true }));
  await connection.next();
  connection.destroy();
  await (await target.accept()).login(() => ({ response: { status: 0x0202, transit: false } }));
  await ended;
  assert.is(session.closeCause?.code, 'RECOVERY_FAILED');
});

test('reconnect: who destroys the session meanwhile stops it', async () => {
  const { session, connection } = await openPair({ offers: atOnce, reconnect: { attemptCountMax: 3, delayMs: 10_000 } });
  connection.destroy();
  await errorOf(session.command({ ...ready, timeoutMs: 20 }));
  const waiting = errorOf(session.command(ready));
  session.destroy();
  assert.is((await waiting).code, 'SESSION_CLOSED');
});

test('a target that breaks the protocol is not come back to', async () => {
  const { session, connection } = await openPair(reconnecting);
  const pending = errorOf(session.command(ready));
  connection.scsiResponse(await connection.next(), { statSN: 5 });
  assert.is((await pending).code, 'TARGET_VIOLATION');
  assert.ok(session.isClosed);
});

test('a wrong digest at ErrorRecoveryLevel 0 costs the connection, and reconnect brings it back', async () => {
  const { session, connection, target } = await openPair({ ...reconnecting, digests: { data: 'CRC32C' } });
  const pending = session.command({ ...read, retry: true });
  const command = await connection.next();
  connection.dataIn(command, data.subarray(0, 512), {}, undefined, true);
  const { connection: next } = await answerLogin(target);
  const again = await next.next(Opcode.scsiCommand);
  next.dataIn(again, data.subarray(0, 1024), { dataSN: 0 });
  next.dataIn(again, data.subarray(1024), { dataSN: 1, bufferOffset: 1024, final: true, statusPresent: true });
  assertBytes((await pending).dataIn, data);
  assert.not.ok(session.isClosed);
});

// --- Connection recovery, RFC 7143 §7.2 ----------------------------------------------------------------------------

/** Takes a TASK REASSIGN of this command and answers it. */
async function takeReassign(connection: FakeConnection, command: TakenPdu, response = 0): Promise<number> {
  const request = await connection.next(Opcode.taskManagementRequest);
  const fields = decodeTaskManagementRequest(request.view, 0);
  assert.equal([fields.function, fields.referencedTaskTag], [TaskManagementFunction.taskReassign, command.initiatorTaskTag]);
  assert.ok(request.immediate);
  connection.taskManagementResponse(request, response);
  return fields.expDataSN;
}

test('a read goes on where it was: same CID and TSIH, TASK REASSIGN with ExpDataSN, the rest of the data', async () => {
  const recovered: number[][] = [];
  const events = { onConnectionRecovered: (cid: number, heir: number) => recovered.push([cid, heir]) };
  const { session, connection, target } = await openPair({ ...level2, events }, { MaxBurstLength: '1024' });
  const pending = session.command(read);
  const command = await connection.next();
  connection.dataIn(command, data.subarray(0, 512), { dataSN: 0 });
  connection.dataIn(command, data.subarray(512, 1024), { dataSN: 1, bufferOffset: 512 });
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next(Opcode.nopOut)).initiatorTaskTag });
  await ping;
  connection.destroy();
  const next = await target.accept();
  const [request] = await next.login((offers, pdu) => ({ ...agreeable(smallKeys)(offers, pdu), response: { expCmdSN: 3, maxCmdSN: 34 } }));
  next.expCmdSN = 3;
  next.maxCmdSN = 34;
  assert.equal([request?.isid, request?.tsih, request?.cid, request?.cmdSN], [session.login.isid, 7, 0, 3]);
  assert.is(await takeReassign(next, command), 2);
  next.dataIn(command, data.subarray(1024, 1536), { dataSN: 2, bufferOffset: 1024 });
  next.dataIn(command, data.subarray(1536), { dataSN: 3, bufferOffset: 1536, final: true });
  next.scsiResponse(command, { expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
  assert.equal(recovered, [[0, 0]]);
});

test('a write goes on: R2Ts come anew; a command that the target never saw is sent under its old CmdSN', async () => {
  const { session, connection, target } = await openPair(level2, { InitialR2T: 'Yes', ImmediateData: 'No' });
  const writing = session.command({ lun: 0, cdb: writeCdb(10, 0, 2), dataOut: pattern(1024) });
  const command = await connection.next();
  connection.r2t(command, { r2tSN: 0, targetTransferTag: 1, bufferOffset: 0, desiredDataTransferLength: 512 });
  await connection.next(Opcode.dataOut);
  const unseen = session.command(ready);
  const lost = await connection.next(Opcode.scsiCommand);
  connection.destroy();
  const next = await target.accept();
  await next.login((offers, pdu) => ({ ...agreeable(smallKeys)(offers, pdu), response: { expCmdSN: 2 } }));
  next.expCmdSN = 2;
  assert.is(await takeReassign(next, command), 0);
  const resent = await next.next(Opcode.scsiCommand);
  assert.equal([resent.cmdSN, resent.initiatorTaskTag], [lost.cmdSN, lost.initiatorTaskTag]);
  next.scsiResponse(resent);
  assert.is((await unseen).status, 0);
  next.r2t(command, { r2tSN: 1, targetTransferTag: 8, bufferOffset: 0, desiredDataTransferLength: 1024 });
  const out = [await next.next(Opcode.dataOut), await next.next(Opcode.dataOut)];
  assert.equal(
    out.map((pdu) => dataOutOf(pdu).targetTransferTag),
    [8, 8],
  );
  assertBytes(Buffer.concat(out.map((pdu) => pdu.data)), pattern(1024));
  next.scsiResponse(command);
  assert.is((await writing).status, 0);
});

test('by logout: reason 2 over the other connection, which takes the tasks', async () => {
  const { session, connection, target } = await openPair({ ...level2, connectionRecovery: 'logout' });
  const adding = session.addConnection();
  const { connection: second } = await answerLogin(target);
  const cid = await adding;
  const pending = session.command({ ...read, cid });
  const command = await second.next(Opcode.scsiCommand);
  connection.expCmdSN = 2;
  second.destroy();
  const logout = await connection.next(Opcode.logoutRequest);
  const fields = decodeLogoutRequest(logout.view, 0);
  assert.equal([fields.reason, fields.cid], [LogoutReason.removeConnectionForRecovery, cid]);
  connection.logoutResponse(logout);
  assert.is(await takeReassign(connection, command), 0);
  for (const dataSN of [0, 1, 2, 3]) {
    connection.dataIn(command, data.subarray(dataSN * 512, dataSN * 512 + 512), { dataSN, bufferOffset: dataSN * 512, final: dataSN === 3 });
  }
  connection.scsiResponse(command, { expDataSN: 4 });
  assertBytes((await pending).dataIn, data);
  assert.is(session.connections.length, 1);
});

for (const [name, retry, outcome] of [
  ['fails, and says that it may have been executed', false, 'CONNECTION_CLOSED'],
  ['is made again when its owner allowed it', true, null],
] as const) {
  test(`a task that the target does not know any more ${name}`, async () => {
    const { session, connection, target } = await openPair(level2);
    const pending = session.command({ ...ready, retry });
    pending.catch(() => {});
    const command = await connection.next();
    connection.destroy();
    const next = await target.accept();
    await next.login((offers, pdu) => ({ ...agreeable(smallKeys)(offers, pdu), response: { expCmdSN: 2 } }));
    next.expCmdSN = 2;
    await takeReassign(next, command, 1);
    if (outcome === null) {
      const again = await next.next(Opcode.scsiCommand);
      assert.is(again.cmdSN, 2);
      next.scsiResponse(again);
      assert.is((await pending).status, 0);
    } else {
      const error = (await errorOf(pending)) as ConnectionLostError;
      assert.equal([error.code, error.isRetrySafe], [outcome, false]);
    }
    assert.not.ok(session.isClosed);
  });
}

test('a new connection that is lost as well: its tasks move on once more', async () => {
  const { session, connection, target } = await openPair(level2);
  const pending = session.command(ready);
  const command = await connection.next();
  connection.destroy();
  for (let i = 0; i < 3; i++) {
    const next = await target.accept();
    await next.login((offers, pdu) => ({ ...agreeable(smallKeys)(offers, pdu), response: { expCmdSN: 2 } }));
    next.expCmdSN = 2;
    const request = await next.next(Opcode.taskManagementRequest);
    if (i < 2) {
      next.destroy();
      continue;
    }
    next.taskManagementResponse(request, 0);
    next.scsiResponse(command);
  }
  assert.is((await pending).status, 0);
  assert.not.ok(session.isClosed);
});

test('a target that forgot the session: the session is made anew where that is wanted, over otherwise', async () => {
  const { session, connection, target } = await openPair(level2);
  const pending = errorOf(session.command(ready));
  await connection.next();
  connection.destroy();
  await (await target.accept()).login(() => ({ response: { status: 0x020a, transit: false } }));
  assert.instance(await pending, ConnectionLostError);
  assert.ok(session.isClosed);

  const second = await openPair({ ...level2, reconnect: { attemptCountMax: 2, delayMs: 5 } });
  const again = second.session.command({ ...ready, retry: true });
  await second.connection.next();
  second.connection.destroy();
  await (await second.target.accept()).login(() => ({ response: { status: 0x020a, transit: false } }));
  const { connection: next, request } = await answerLogin(second.target);
  assert.is(request?.tsih, 0);
  next.scsiResponse(await next.next(Opcode.scsiCommand));
  assert.is((await again).status, 0);
});

test('pings that were out: sent again where the target lacks them, lost where it had them', async () => {
  const { session, connection, target } = await openPair(level2);
  const had = errorOf(session.ping());
  const lacking = session.ping(Buffer.from('x'));
  await connection.next();
  await connection.next();
  connection.destroy();
  const next = await target.accept();
  await next.login((offers, pdu) => ({ ...agreeable(smallKeys)(offers, pdu), response: { expCmdSN: 2 } }));
  next.expCmdSN = 2;
  assert.instance(await had, ConnectionLostError);
  const nop = await next.next(Opcode.nopOut);
  assert.is(nop.cmdSN, 2);
  next.nopIn({ initiatorTaskTag: nop.initiatorTaskTag }, Buffer.from('x'));
  await lacking;
});

test.run();
