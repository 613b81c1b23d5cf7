import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AsyncEvent, type AsyncMessagePdu, decodeLogoutRequest, encodeAsyncMessage, LogoutReason, Opcode, RESERVED_TAG } from '../../engine/pdu/index.js';
import { testUnitReadyCdb } from '../../initiator/cdb.js';
import type { SessionOptions } from '../../initiator/session.js';
import { agreeable, type FakeConnection } from './fake-target.js';
import { closeAll, errorOf, openPair, smallKeys } from './session-harness.js';

test.after.each(closeAll);

const ready = { lun: 0, cdb: testUnitReadyCdb() };

function tell(connection: FakeConnection, fields: Partial<AsyncMessagePdu>): void {
  const pdu = { lunHigh: 0, lunLow: 0, ...connection.status(), asyncEvent: 0, asyncVCode: 0, parameter1: 0, parameter2: 0, parameter3: 0, ...fields };
  connection.pdu((view) => encodeAsyncMessage(pdu, 0, view, 0));
}

// RFC 7143 §11.9.1, event 1.
test('asked to log out, a session lets its commands end and logs out', async () => {
  const { session, connection } = await openPair();
  const running = session.command(ready);
  const command = await connection.next();
  tell(connection, { asyncEvent: AsyncEvent.logoutRequest, parameter3: 10 });
  assert.ok(await connection.isQuiet(), 'no logout while a command runs');
  const late = errorOf(session.command(ready));
  assert.ok(await connection.isQuiet(), 'nothing new');
  connection.scsiResponse(command);
  await running;
  const request = await connection.next(Opcode.logoutRequest);
  assert.is(decodeLogoutRequest(request.view, 0).reason, LogoutReason.closeSession);
  connection.logoutResponse(request);
  connection.end();
  assert.is((await late).code, 'SESSION_CLOSED');
  assert.ok(session.isClosed);
});

test('asked to log out, a command that does not end is not waited for beyond half of the time', async () => {
  const { session, connection } = await openPair();
  const running = errorOf(session.command(ready));
  await connection.next();
  tell(connection, { asyncEvent: AsyncEvent.logoutRequest, parameter3: 0 });
  const request = await connection.next(Opcode.logoutRequest);
  connection.logoutResponse(request);
  connection.end();
  assert.is((await running).code, 'SESSION_CLOSED');
});

test('asked to log out with reconnect: the session comes back, and what waited is sent there', async () => {
  const { session, connection, target } = await openPair({ offers: { DefaultTime2Wait: '0' }, reconnect: { attemptCountMax: 2, delayMs: 5 } });
  tell(connection, { asyncEvent: AsyncEvent.logoutRequest, parameter3: 10 });
  const request = await connection.next(Opcode.logoutRequest);
  const waiting = session.command(ready);
  connection.logoutResponse(request);
  connection.end();
  const next = await target.accept();
  await next.login(agreeable(smallKeys));
  next.scsiResponse(await next.next(Opcode.scsiCommand));
  assert.is((await waiting).status, 0);
  assert.not.ok(session.isClosed);
});

test('of two connections only the one that was asked leaves', async () => {
  const { session, connection, target } = await openPair({ offers: { MaxConnections: '2' } });
  const adding = session.addConnection();
  const second = await target.accept();
  await second.login(agreeable(smallKeys));
  await adding;
  tell(second, { asyncEvent: AsyncEvent.logoutRequest, parameter3: 10 });
  const request = await second.next(Opcode.logoutRequest);
  const fields = decodeLogoutRequest(request.view, 0);
  assert.equal([fields.reason, fields.cid], [LogoutReason.closeConnection, 1]);
  second.logoutResponse(request);
  second.end();
  const pending = session.command(ready);
  connection.scsiResponse(await connection.next(Opcode.scsiCommand));
  assert.is((await pending).status, 0);
});

test('who listens decides: nothing is done by itself', async () => {
  const messages: number[] = [];
  const options: Partial<SessionOptions> = { events: { onAsyncMessage: ({ asyncEvent }) => messages.push(asyncEvent) } };
  const { session, connection } = await openPair(options);
  tell(connection, { asyncEvent: AsyncEvent.logoutRequest, parameter3: 10 });
  tell(connection, { asyncEvent: AsyncEvent.renegotiationRequest, parameter3: 10 });
  assert.ok(await connection.isQuiet());
  assert.equal(messages, [1, 4]);
  assert.not.ok(session.isClosed);
});

// Event 4.
test('asked to negotiate anew, a session declares its MaxRecvDataSegmentLength and takes the target’s', async () => {
  const { session, connection } = await openPair();
  tell(connection, { asyncEvent: AsyncEvent.renegotiationRequest, parameter3: 3 });
  const request = await connection.next(Opcode.textRequest);
  assert.is(request.data.toString(), 'MaxRecvDataSegmentLength=1024\0');
  connection.textResponse(request, Buffer.from('MaxRecvDataSegmentLength=2048\0'));
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next()).initiatorTaskTag });
  await ping;
  assert.is(session.negotiated.targetMaxRecvDataSegmentLength, 2048);
});

// Event 5.
for (const level of ['0', '1']) {
  test(`FastAbort at ErrorRecoveryLevel ${level}: the unit’s tasks end, and a NOP-Out that wants no answer acknowledges it`, async () => {
    const { session, connection } = await openPair({ offers: { ErrorRecoveryLevel: level } });
    const ended = errorOf(session.command({ ...ready, lun: 1 }));
    const other = session.command(ready);
    const [first, second] = [await connection.next(), await connection.next()];
    const { statSN } = connection;
    tell(connection, { asyncEvent: AsyncEvent.fastAbort, lunHigh: first.view.getUint32(8) });
    const nop = await connection.next(Opcode.nopOut);
    assert.equal([nop.initiatorTaskTag, nop.view.getUint32(20), nop.immediate], [RESERVED_TAG, RESERVED_TAG, true]);
    assert.is(nop.view.getUint32(8), first.view.getUint32(8), 'the LUN of the message');
    assert.is(nop.expStatSN, statSN + 1);
    assert.is((await ended).code, 'COMMAND_ABORTED');
    connection.scsiResponse(second);
    assert.is((await other).status, 0);
  });
}

// Event 2: Parameter2 is the time to wait before coming back.
test('a drop that was announced: the time to wait is the one of the message', async () => {
  const { connection, session, target } = await openPair({ offers: { DefaultTime2Wait: '60' }, reconnect: { attemptCountMax: 1, delayMs: 1 } });
  tell(connection, { asyncEvent: AsyncEvent.connectionDrop, parameter1: 0, parameter2: 0, parameter3: 20 });
  connection.end();
  const next = await target.accept();
  await next.login(agreeable(smallKeys));
  const ping = session.ping();
  next.nopIn({ initiatorTaskTag: (await next.next()).initiatorTaskTag });
  await ping;
});

test.run();
