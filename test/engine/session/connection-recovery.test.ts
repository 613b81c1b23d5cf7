import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogoutReason, LogoutResponse, Opcode, RejectReason, SnackType, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { seededRandom } from '../../support/random.js';
import { acknowledge, finishRecovery, joined, joinedData, keysOf, PORT, patterned, RETAIN_MS, recovering, shortly, statSNOf } from './recovery-scene.js';
import { BLOCK, Lun, Scene } from './scene.js';
import type { TestInitiator } from './test-initiator.js';

const { functionComplete, taskDoesNotExist, taskStillAllegiant, allegianceReassignmentNotSupported, functionRejected } = TaskManagementResponse;

/** Sends TASK REASSIGN; answers the response code and what came after it. */
function reassign(initiator: TestInitiator, referencedTaskTag: number, expDataSN = 0) {
  initiator.taskManagement(TaskManagementFunction.taskReassign, { referencedTaskTag, expDataSN });
  const [response, ...rest] = initiator.take();
  assert.is(response?.header.getUint8(0), Opcode.taskManagementResponse, 'the response comes before the new allegiance takes effect');
  return { code: response?.header.getUint8(2), rest };
}

function logOutForRecovery(initiator: TestInitiator, cid: number): number {
  initiator.logout({ reason: LogoutReason.removeConnectionForRecovery, cid });
  return initiator.takeOne(Opcode.logoutResponse).header.getUint8(2);
}

/** A session of level 2 with two connections; the second is what will be lost. */
function twoConnections(...keys: string[]) {
  const scene = new Scene();
  const one = recovering(scene, 2, {}, ...keys);
  const two = joined(scene, one, 1);
  return { scene, one, two };
}

test('a read that was answered goes out again by another connection: data from ExpDataSN, then the status, RFC 7143 §7.2.2', () => {
  for (const expDataSN of [0, 1, 3, 4, 99]) {
    const { scene, one, two } = twoConnections();
    const data = patterned(scene);
    const tag = two.read(0, 8, { lun: Lun.copy });
    const sent = two.take();
    two.transport.destroy();
    assert.is(reassign(one, tag).code, taskStillAllegiant, 'without a recovery logout');
    assert.is(logOutForRecovery(one, 1), LogoutResponse.closed);
    const { statSN } = one.connection;
    const { code, rest } = reassign(one, tag, expDataSN);
    assert.is(code, functionComplete);
    const from = expDataSN > 4 ? 0 : expDataSN;
    assert.equal(
      shortly(rest).map((text) => text.slice(0, 6)),
      [...Array.from({ length: 4 - from }, (_, at) => `data ${from + at}`), 'status'],
    );
    assert.equal(joinedData(rest), data(from * 2, 8 - from * 2));
    if (from === 0) assert.equal(shortly(rest).slice(0, 4), ['data 0 @0 +1024', 'data 1 @1024 +1024 F', 'data 2 @2048 +1024', 'data 3 @3072 +1024 F']);
    assert.equal(joinedData(sent), data(0, 8));
    assert.is(statSNOf(rest.at(-1) as (typeof rest)[number]), statSN + 1, 'a StatSN of the new connection');
    assert.is(reassign(one, tag).code, taskStillAllegiant, 'now it is this connection’s');
    one.snack(SnackType.status, { begRun: statSN + 1, runLength: 1 });
    assert.equal(shortly(one.take()), ['status 0'], 'and may be lost once more');
    acknowledge(one);
    assert.is(reassign(one, tag).code, taskDoesNotExist);
    finishRecovery(scene, one);
  }
});

test('data is cut as the new connection takes it', () => {
  const { scene, one, two } = twoConnections();
  const data = patterned(scene);
  const tag = two.read(0, 4, { lun: Lun.copy });
  assert.equal(shortly(two.take()), ['data 0 @0 +1024', 'data 1 @1024 +1024 F S']);
  two.transport.destroy();
  const next = joined(scene, one, 1, { keys: ['MaxRecvDataSegmentLength=512'] });
  const { code, rest } = reassign(next, tag);
  assert.equal([code, ...shortly(rest)], [functionComplete, 'data 0 @0 +512', 'data 1 @512 +512', 'data 2 @1024 +512', 'data 3 @1536 +512 F', 'status 0']);
  assert.equal(joinedData(rest), data(0, 4));
  finishRecovery(scene, one, next);
});

test('a write goes on: what its R2Ts did not bring is asked for again by the new connection', () => {
  const { scene, one, two } = twoConnections('MaxOutstandingR2T=2');
  const data = seededRandom(5).bytes(16 * BLOCK);
  const tag = two.write(0, 16, { lun: Lun.copy });
  const [first, second] = two.take().map(({ header }) => header.getUint32(20)) as [number, number];
  two.dataOut(tag, data.subarray(2048, 4096), { targetTransferTag: second, bufferOffset: 2048 });
  two.take();
  two.dataOut(tag, data.subarray(0, 512), { targetTransferTag: first, final: false });
  two.transport.destroy();
  assert.is(logOutForRecovery(one, 1), LogoutResponse.closed);
  let { rest } = reassign(one, tag);
  assert.equal(shortly(rest), ['r2t 3 @512 +1536', 'r2t 4 @4096 +2048']);
  for (let round = 0; round < 4; round++) {
    for (const { header } of rest) {
      const from = header.getUint32(40);
      one.dataOut(tag, data.subarray(from, from + header.getUint32(44)), { targetTransferTag: header.getUint32(20), bufferOffset: from });
    }
    rest = one.take();
    if (shortly(rest)[0] === 'status 0') break;
  }
  assert.equal(shortly(rest), ['status 0']);
  assert.equal(Buffer.from((scene.stores[Lun.copy] as { bytes: Uint8Array }).bytes.subarray(0, 16 * BLOCK)), Buffer.from(data));
  finishRecovery(scene, one);
});

test('unsolicited data that did not come is asked for by the new connection', () => {
  const { scene, one, two } = twoConnections('InitialR2T=No');
  const data = seededRandom(6).bytes(4 * BLOCK);
  const tag = two.write(0, 4, { lun: Lun.copy, data: data.subarray(0, 512), final: false });
  two.dataOut(tag, data.subarray(512, 1024), { bufferOffset: 512, final: false });
  two.transport.destroy();
  const next = joined(scene, one, 1);
  const { rest } = reassign(next, tag);
  assert.equal(shortly(rest), ['r2t 0 @1024 +1024']);
  next.dataOut(tag, data.subarray(1024), { targetTransferTag: rest[0]?.header.getUint32(20) as number, bufferOffset: 1024 });
  assert.is(next.takeResponse().status, 0);
  finishRecovery(scene, one, next);
});

test('a command that a worker has is answered where it belongs when it comes back', () => {
  const { scene, one, two } = twoConnections();
  const data = patterned(scene, Lun.pool);
  const [moved, left] = [two.read(0, 2, { lun: Lun.pool }), two.read(2, 2, { lun: Lun.pool })];
  two.transport.destroy();
  logOutForRecovery(one, 1);
  assert.equal(reassign(one, moved), { code: functionComplete, rest: [] });
  scene.dispatcher.completeAll();
  const answer = one.takeDataIn();
  assert.equal([answer.initiatorTaskTag, answer.status], [moved, 0]);
  assert.equal(answer.data, data(0, 2));
  assert.is(scene.runner.openTaskCount, 1, 'the other one was answered to nobody, and is kept');
  one.transport.output.flush();
  const { code, rest } = reassign(one, left);
  assert.equal([code, ...shortly(rest)], [functionComplete, 'data 0 @0 +1024 F', 'status 0']);
  assert.equal(joinedData(rest), data(2, 2));
  finishRecovery(scene, one);
});

test('what waited for its turn by CmdSN was not acknowledged, and comes again by another connection, RFC 7143 §7.2.1', () => {
  const { scene, one, two } = twoConnections();
  const turn = one.cmdSN;
  const data = new Uint8Array(BLOCK).fill(5);
  const tag = two.write(0, 1, { lun: Lun.copy, cmdSN: turn + 1, data });
  two.nopOut({ cmdSN: turn + 2, initiatorTaskTag: 0xabc });
  two.transport.destroy();
  assert.is(scene.runner.openTaskCount, 0);
  const next = joined(scene, one, 1);
  assert.is(reassign(next, tag).code, taskDoesNotExist);
  next.write(0, 1, { lun: Lun.copy, cmdSN: turn + 1, initiatorTaskTag: tag, data });
  next.nopOut({ cmdSN: turn + 2, initiatorTaskTag: 0xabc });
  one.command('00', { cmdSN: turn });
  assert.is(one.takeResponse().status, 0);
  assert.equal(shortly(next.take()), ['status 0', 'nopIn']);
  one.cmdSN = turn + 3;
  finishRecovery(scene, one, next);
});

test('a CID that is used again and lost again: the tasks of both wait', () => {
  const { scene, one, two } = twoConnections();
  const first = two.write(0, 4, { lun: Lun.copy });
  two.transport.destroy();
  const again = joined(scene, one, 1);
  const second = again.write(8, 4, { lun: Lun.copy });
  again.transport.destroy();
  assert.is(reassign(one, first).code, functionComplete, 'the login with its CID was its recovery logout');
  assert.is(reassign(one, second).code, taskStillAllegiant);
  logOutForRecovery(one, 1);
  assert.is(reassign(one, second).code, functionComplete);
  for (const referencedTaskTag of [first, second]) one.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag, lun: Lun.copy });
  one.take();
  finishRecovery(scene, one);
});

test('the command whose PDU was cut off by the loss has not been received', () => {
  const { scene, one, two } = twoConnections();
  const turn = one.cmdSN;
  two.betweenChunks = () => two.transport.destroy();
  const tag = two.write(0, 1, { lun: Lun.copy, data: new Uint8Array(BLOCK) });
  assert.equal([scene.runner.openTaskCount, one.connection.expCmdSN], [0, turn]);
  one.cmdSN = turn;
  logOutForRecovery(one, 1);
  assert.is(reassign(one, tag).code, taskDoesNotExist);
  finishRecovery(scene, one);
});

test('what is not there, is still allegiant, or is asked for at a lower level', () => {
  const { scene, one, two } = twoConnections();
  const own = one.read(0, 1, { lun: Lun.pool });
  const others = two.read(1, 1, { lun: Lun.pool });
  assert.is(reassign(one, own).code, taskStillAllegiant, 'to itself');
  assert.is(reassign(one, others).code, taskStillAllegiant);
  assert.is(reassign(one, 0x4711).code, taskDoesNotExist);
  assert.is(logOutForRecovery(one, 9), LogoutResponse.cidNotFound);
  scene.dispatcher.completeAll();
  one.takeDataIn();
  two.takeDataIn();
  assert.is(reassign(one, others).code, taskStillAllegiant, 'while the answer is not acknowledged');
  finishRecovery(scene, one, two);
  for (const level of [0, 1]) {
    const lower = recovering(new Scene(), level);
    assert.is(reassign(lower, 1).code, allegianceReassignmentNotSupported);
    assert.is(logOutForRecovery(lower, 0), LogoutResponse.recoveryNotSupported);
    assert.ok(lower.connection.isOpen);
  }
});

test('a logout for recovery of a connection that is there: its tasks wait; the response says how long', () => {
  const { scene, one, two } = twoConnections();
  const tag = two.write(0, 4, { lun: Lun.copy });
  two.take();
  two.logout({ reason: LogoutReason.removeConnectionForRecovery, cid: 1 });
  const { header } = two.takeOne(Opcode.logoutResponse);
  assert.equal([header.getUint8(2), header.getUint16(40), header.getUint16(42)], [LogoutResponse.closed, 2, 20]);
  assert.ok(two.transport.isClosed);
  assert.equal(shortly(reassign(one, tag).rest), ['r2t 1 @0 +2048']);
  const three = joined(scene, one, 1);
  assert.is(logOutForRecovery(three, 0), LogoutResponse.closed);
  assert.not.ok(one.connection.isOpen);
  assert.equal(shortly(reassign(three, tag).rest), ['r2t 2 @0 +2048']);
  three.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag: tag, lun: Lun.copy });
  assert.is(three.takeTaskManagementResponse().response, functionComplete);
  finishRecovery(scene, three);
});

test('nobody takes the tasks over: they end after DefaultTime2Wait + DefaultTime2Retain', () => {
  const { scene, one, two } = twoConnections();
  const [held, answered] = [two.write(0, 4, { lun: Lun.copy }), two.read(8, 1, { lun: Lun.copy })];
  two.transport.destroy();
  assert.is(scene.runner.openTaskCount, 1);
  scene.clock.advance(RETAIN_MS - 1);
  assert.is(logOutForRecovery(one, 1), LogoutResponse.closed, 'from here on the time counts anew');
  scene.clock.advance(RETAIN_MS - 1);
  assert.is(scene.runner.openTaskCount, 1);
  scene.clock.advance(1);
  for (const tag of [held, answered]) assert.is(reassign(one, tag).code, taskDoesNotExist);
  assert.is(logOutForRecovery(one, 1), LogoutResponse.cidNotFound);
  finishRecovery(scene, one);
});

test('the last connection is lost: the session is continued, and its tasks with it', () => {
  const scene = new Scene();
  const data = patterned(scene, Lun.pool);
  const one = recovering(scene, 2);
  const tag = one.read(0, 2, { lun: Lun.pool });
  one.transport.destroy();
  scene.dispatcher.completeAll();
  scene.clock.advance(RETAIN_MS - 1);
  const next = joined(scene, one, 0);
  scene.clock.advance(RETAIN_MS - 1);
  const { code, rest } = reassign(next, tag);
  assert.is(code, functionComplete);
  assert.equal(joinedData(rest), data(0, 2));
  finishRecovery(scene, next);
});

test('the last connection is lost and nobody comes: session and tasks end', () => {
  const scene = new Scene();
  const one = recovering(scene, 2);
  one.write(0, 4);
  one.read(8, 1);
  one.read(8, 1, { lun: Lun.pool });
  one.transport.destroy();
  scene.clock.advance(RETAIN_MS);
  scene.dispatcher.completeAll();
  assert.equal([scene.directory.failedSessionCount, scene.directory.sessions.length], [0, 0]);
  finishRecovery(scene);
});

test('a logout that closes a lost connection ends its tasks', () => {
  const { scene, one, two } = twoConnections();
  const tag = two.write(0, 4);
  two.transport.destroy();
  one.logout({ reason: LogoutReason.closeConnection, cid: 1 });
  assert.is(one.takeOne(Opcode.logoutResponse).header.getUint8(2), LogoutResponse.closed);
  assert.is(reassign(one, tag).code, taskDoesNotExist);
  finishRecovery(scene, one);
});

test('a tag that is used again is not that of the answer which was never acknowledged', () => {
  const { scene, one, two } = twoConnections();
  const data = patterned(scene);
  const tag = two.read(0, 1, { lun: Lun.copy });
  two.takeDataIn();
  two.transport.destroy();
  const next = joined(scene, one, 2);
  next.read(8, 1, { lun: Lun.copy, initiatorTaskTag: tag });
  next.takeDataIn();
  one.read(16, 1, { lun: Lun.copy, initiatorTaskTag: tag });
  assert.equal(one.takeDataIn().data, data(16, 1));
  one.read(24, 1, { lun: Lun.pool, initiatorTaskTag: tag });
  logOutForRecovery(next, 1);
  one.transport.destroy();
  logOutForRecovery(next, 0);
  assert.equal(reassign(next, tag), { code: functionComplete, rest: [] });
  scene.dispatcher.completeAll();
  assert.is(next.takeDataIn().data.length, BLOCK);
  finishRecovery(scene, next);
});

test('a tag that waits for its reassignment is in use', () => {
  const { scene, one, two } = twoConnections();
  const tag = two.write(0, 4);
  two.transport.destroy();
  one.command('00', { initiatorTaskTag: tag });
  assert.is(one.takeReject().reason, RejectReason.taskInProgress);
  one.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.is(one.takeTaskManagementResponse().response, functionComplete, 'and may be aborted by another connection, RFC 7143 §11.5.1');
  one.command('00', { initiatorTaskTag: tag });
  assert.is(one.takeResponse().status, 0);
  finishRecovery(scene, one);
});

test('an answer whose data could not be kept is not reassigned', () => {
  const scene = new Scene({ limits: { retainedBytesMax: 65_536 } });
  const one = recovering(scene, 2);
  const two = joined(scene, one, 1);
  const tag = two.read(0, 256, { lun: Lun.copy });
  two.transport.destroy();
  logOutForRecovery(one, 1);
  assert.is(reassign(one, tag).code, functionRejected);
  scene.clock.advance(RETAIN_MS);
  finishRecovery(scene, one);
});

test('tasks that wait for memory are moved once, and get it', () => {
  const scene = new Scene({ arenaBytes: 128 * 1024, limits: { transferLengthBytesMax: 64 * 1024 } });
  const one = recovering(scene, 2);
  const two = joined(scene, one, 1);
  const tags = Array.from({ length: 4 }, (_, at) => two.write(at * 128, 128, { lun: Lun.copy }));
  assert.equal(shortly(two.take()), ['r2t 0 @0 +2048']);
  assert.is(scene.runner.share.waitingCount, 3);
  two.transport.destroy();
  const next = joined(scene, one, 1);
  let done = 0;
  for (const tag of tags) next.taskManagement(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
  for (let round = 0; round < 1000 && done < tags.length; round++) {
    for (const { header } of next.take()) {
      if (header.getUint8(0) === Opcode.scsiResponse) {
        assert.is(header.getUint8(3), 0);
        done++;
      }
      if (header.getUint8(0) !== Opcode.readyToTransfer) continue;
      const bufferOffset = header.getUint32(40);
      next.dataOut(header.getUint32(16), new Uint8Array(header.getUint32(44)), { targetTransferTag: header.getUint32(20), bufferOffset });
    }
    next.transport.output.flush();
  }
  assert.is(done, 4);
  finishRecovery(scene, one, next);
});

test('connections that come and go with commands out: nothing is left', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const scene = new Scene();
    const data = patterned(scene, Lun.pool);
    const keeper = recovering(scene, 2);
    let worker = joined(scene, keeper, 1);
    const open = new Map<number, number>();
    const take = (initiator: TestInitiator) => {
      const sent = initiator.take();
      for (const { header, data: bytes } of sent) {
        const tag = header.getUint32(16);
        const lba = open.get(tag);
        if (header.getUint8(0) === Opcode.dataIn) assert.equal(Buffer.from(bytes), data(lba ?? -1, 1), `seed ${seed}`);
        const hasStatus = header.getUint8(0) === Opcode.scsiResponse || (header.getUint8(0) === Opcode.dataIn && (header.getUint8(1) & 1) === 1);
        if (hasStatus) assert.ok(open.delete(tag), `seed ${seed}: one answer for each`);
      }
    };
    for (let step = 0; step < 200; step++) {
      const action = random.below(10);
      if (action < 5 && open.size < 20) {
        const lba = random.below(100);
        open.set(worker.read(lba, 1, { lun: Lun.pool }), lba);
      } else if (action < 8 && scene.dispatcher.held.length > 0) scene.dispatcher.completeHeld(random.below(scene.dispatcher.held.length));
      else if (action === 8) {
        // What was sent and not taken is lost with the connection.
        if (random.boolean()) take(worker);
        acknowledgeTaken(worker, open);
        worker.transport.destroy();
        worker = joined(scene, keeper, 1);
        for (const tag of open.keys()) worker.taskManagement(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
      } else {
        take(worker);
        acknowledge(worker);
        worker.transport.output.flush();
      }
    }
    scene.dispatcher.completeAll();
    take(worker);
    assert.is(open.size, 0, `seed ${seed}: all was answered`);
    scene.clock.advance(RETAIN_MS);
    finishRecovery(scene, keeper, worker);
  }
});

/** What was taken, and nothing else, is acknowledged: the answers to commands that are still open are not. */
function acknowledgeTaken(initiator: TestInitiator, open: ReadonlyMap<number, number>): void {
  const { retransmission, statSN } = initiator.connection;
  let expStatSN = statSN;
  for (const tag of open.keys()) {
    const response = retransmission?.findCommand(tag);
    if (response !== undefined && response.statSN < expStatSN) expStatSN = response.statSN;
  }
  initiator.expStatSN = expStatSN;
  initiator.nopOut({ immediate: true, initiatorTaskTag: 0xffffffff });
}

test('a login for the wrong session does not disturb what waits', () => {
  const { scene, one, two } = twoConnections();
  const tag = two.write(0, 4, { lun: Lun.copy });
  two.transport.destroy();
  const stranger = recovering(scene, 2, { ...PORT, isid: '8000000000ff', keys: keysOf(2) });
  assert.is(reassign(stranger, tag).code, taskDoesNotExist);
  acknowledge(stranger);
  logOutForRecovery(one, 1);
  assert.is(reassign(one, tag).code, functionComplete);
  one.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag: tag, lun: Lun.copy });
  one.take();
  finishRecovery(scene, one, stranger);
});

test.run();
