import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLogoutRequest, decodeTaskManagementRequest, encodeTextData, LogoutReason, Opcode, TaskManagementFunction } from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb } from '../../initiator/cdb.js';
import { assertBytes } from '../support/assert-bytes.js';
import { agreeable, type FakeConnection } from './fake-target.js';
import { closeAll, errorOf, openPair, type Pair, pattern, smallKeys } from './session-harness.js';

test.after.each(closeAll);

const several = { offers: { MaxConnections: '4' } };

interface Two extends Pair {
  readonly second: FakeConnection;
  readonly cid: number;
}

/** A session with two connections. */
async function openTwo(options: Parameters<typeof openPair>[0] = several): Promise<Two> {
  const pair = await openPair(options);
  const pending = pair.session.addConnection();
  const second = await pair.target.accept();
  await second.login(agreeable(smallKeys));
  return { ...pair, second, cid: await pending };
}

// RFC 7143 §6.3.3, §11.12: same ISID and TSIH, another CID, and no keys of the whole session.
test('adding a connection: who we are and which session, the CmdSN of now, the keys of a connection only', async () => {
  const { session, connection, target } = await openPair(several);
  connection.scsiResponse(await nextCommand(session.command({ lun: 0, cdb: testUnitReadyCdb() }), connection));
  const pending = session.addConnection({ digests: { header: 'CRC32C' } });
  const second = await target.accept();
  let offered: ReadonlyMap<string, string> = new Map();
  const [request] = await second.login((offers, pdu) => {
    offered = offers;
    return agreeable({ ...smallKeys, MaxRecvDataSegmentLength: '8192' })(offers, pdu);
  });
  const cid = await pending;
  assert.equal([request?.isid, request?.tsih, request?.cid, request?.cmdSN], [session.login.isid, session.login.tsih, cid, 2]);
  assert.is(cid, 1);
  for (const key of ['MaxConnections', 'InitialR2T', 'MaxBurstLength', 'ErrorRecoveryLevel', 'DefaultTime2Wait']) assert.not.ok(offered.has(key), key);
  const [first, other] = session.connections;
  assert.equal([first?.negotiated.headerDigest, other?.negotiated.headerDigest], [false, true]);
  assert.equal([first?.negotiated.targetMaxRecvDataSegmentLength, other?.negotiated.targetMaxRecvDataSegmentLength], [512, 8192]);
  assert.is(other?.negotiated.maxBurstLength, 2048, 'what the session agreed on');
});

async function nextCommand(pending: Promise<unknown>, connection: FakeConnection): ReturnType<FakeConnection['next']> {
  pending.catch(() => {});
  return connection.next(Opcode.scsiCommand);
}

test('commands are spread over the connections, in one row of CmdSN; each answers where it was asked', async () => {
  const { session, connection, second } = await openTwo();
  const reads = Array.from({ length: 4 }, () => session.command({ lun: 0, cdb: readCdb(10, 0, 1), dataInLength: 512 }));
  const taken = [await second.next(), await connection.next(), await second.next(), await connection.next()];
  assert.equal(
    taken.map(({ cmdSN }) => cmdSN),
    [1, 2, 3, 4],
  );
  for (const [index, command] of taken.entries()) {
    (index % 2 === 0 ? second : connection).dataIn(command, pattern(512, index), { final: true, statusPresent: true });
  }
  for (const [index, { dataIn }] of (await Promise.all(reads)).entries()) assertBytes(dataIn, pattern(512, index));
  assert.equal(
    session.connections.map(({ expStatSN }) => expStatSN),
    [1003, 1003],
    'StatSN is counted apart',
  );
});

test('a request that names its connection goes there', async () => {
  const { session, second, cid } = await openTwo();
  for (let i = 0; i < 3; i++) {
    const pending = session.command({ lun: 0, cdb: testUnitReadyCdb(), cid });
    second.scsiResponse(await second.next(Opcode.scsiCommand));
    await pending;
  }
  const ping = session.ping(Buffer.from('x'), { cid });
  const nop = await second.next(Opcode.nopOut);
  second.nopIn({ initiatorTaskTag: nop.initiatorTaskTag }, Buffer.from('x'));
  await ping;
  assert.is((await errorOf(session.command({ lun: 0, cdb: testUnitReadyCdb(), cid: 9 }))).code, 'ARGUMENT_INVALID');
});

test('ABORT TASK goes where the task went', async () => {
  const { session, second, cid } = await openTwo();
  const victim = session.submit({ lun: 0, cdb: testUnitReadyCdb(), cid });
  const command = await second.next(Opcode.scsiCommand);
  const aborting = session.abortTask(victim);
  const request = await second.next(Opcode.taskManagementRequest);
  const fields = decodeTaskManagementRequest(request.view, 0);
  assert.equal([fields.function, fields.referencedTaskTag, fields.refCmdSN], [TaskManagementFunction.abortTask, command.initiatorTaskTag, command.cmdSN]);
  second.taskManagementResponse(request, 0);
  assert.is(await aborting, 0);
  assert.is((await errorOf(victim.result)).code, 'COMMAND_ABORTED');
});

test('violation: a response on another connection than its command', async () => {
  const { session, connection, second, cid } = await openTwo();
  const pending = session.command({ lun: 0, cdb: testUnitReadyCdb(), cid });
  const command = await second.next(Opcode.scsiCommand);
  connection.scsiResponse(command);
  assert.is((await errorOf(pending)).code, 'TARGET_VIOLATION');
  assert.ok(session.isClosed);
});

test('ExpCmdSN and MaxCmdSN of one connection that is behind the other are ignored', async () => {
  const { session, connection, second } = await openTwo();
  const pending = [session.command({ lun: 0, cdb: testUnitReadyCdb() }), session.command({ lun: 0, cdb: testUnitReadyCdb() })];
  const [one, two] = [await second.next(), await connection.next()];
  connection.scsiResponse(two, { expCmdSN: 3, maxCmdSN: 40 });
  await pending[1];
  second.scsiResponse(one, { expCmdSN: 1, maxCmdSN: 32 });
  await pending[0];
  assert.equal([session.window.expCmdSN, session.window.maxCmdSN], [3, 40]);
});

test('text in several parts stays on its connection', async () => {
  const { session, second, cid } = await openTwo();
  const pending = session.text([['SendTargets', 'All']], { cid });
  const half = encodeTextData([['TargetName', 'iqn.2025-01.test:a']]);
  second.textResponse(await second.next(Opcode.textRequest), half, { final: false });
  second.textResponse(await second.next(Opcode.textRequest), encodeTextData([['TargetAddress', 'x:1,1']]));
  assert.is((await pending).length, 2);
});

test('logging out one connection: its tasks end, the session and the other go on', async () => {
  const { session, connection, second, cid } = await openTwo();
  const running = errorOf(session.command({ lun: 0, cdb: testUnitReadyCdb(), cid }));
  await second.next(Opcode.scsiCommand);
  const pending = session.logout(LogoutReason.closeConnection, { cid });
  const request = await second.next(Opcode.logoutRequest);
  const fields = decodeLogoutRequest(request.view, 0);
  assert.equal([fields.reason, fields.cid], [LogoutReason.closeConnection, cid]);
  second.logoutResponse(request);
  second.end();
  await pending;
  assert.is((await running).code, 'SESSION_CLOSED');
  assert.equal(
    session.connections.map((one) => one.cid),
    [0],
  );
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next(Opcode.nopOut)).initiatorTaskTag });
  await ping;
});

test('one connection is logged out over the other', async () => {
  const { session, connection, second, cid } = await openTwo();
  const pending = session.logout(LogoutReason.closeConnection, { cid, over: 0 });
  const request = await connection.next(Opcode.logoutRequest);
  assert.is(decodeLogoutRequest(request.view, 0).cid, cid);
  connection.logoutResponse(request);
  second.end();
  await pending;
  assert.is(session.connections.length, 1);
});

test('logging out the session closes all of it', async () => {
  const { session, connection, second } = await openTwo();
  const pending = session.logout();
  const request = await connection.next(Opcode.logoutRequest);
  connection.logoutResponse(request);
  connection.end();
  second.end();
  await pending;
  assert.ok(session.isClosed);
  assert.is(session.closeCause?.code, 'SESSION_CLOSED');
});

test('no more connections than were agreed on', async () => {
  const { session } = await openPair({ offers: { MaxConnections: '1' } });
  assert.is((await errorOf(session.addConnection())).code, 'QUEUE_FULL');
});

test('a connection that the target does not let in leaves the session as it was', async () => {
  const { session, connection, target } = await openPair(several);
  const pending = errorOf(session.addConnection());
  await (await target.accept()).login(() => ({ response: { status: 0x0206, transit: false } }));
  assert.is((await pending).code, 'LOGIN_FAILED');
  const ping = session.ping();
  connection.nopIn({ initiatorTaskTag: (await connection.next(Opcode.nopOut)).initiatorTaskTag });
  await ping;
});

test('at ErrorRecoveryLevel 0 a connection that is lost takes the session with it', async () => {
  const { session, second } = await openTwo();
  const pending = errorOf(session.command({ lun: 0, cdb: testUnitReadyCdb(), cid: 0 }));
  second.destroy();
  assert.is((await pending).code, 'CONNECTION_CLOSED');
  assert.ok(session.isClosed);
});

test.run();
