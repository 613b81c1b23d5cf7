import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, RejectReason, readOpcode } from '../../../engine/pdu/index.js';
import { serialDifference } from '../../../engine/session/command-window.js';
import { seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const TASK_SET_FULL = 0x28;

/** Opcode and tag of everything sent since the last call. */
function answers(initiator: TestInitiator): string[] {
  return initiator.take().map(({ header }) => `${readOpcode(header, 0).toString(16)}:${header.getUint32(16).toString(16)}`);
}

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

test('what comes early waits for its turn, commands and control PDUs alike', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.command('00', { cmdSN: turn + 3, initiatorTaskTag: 0xd });
  initiator.nopOut({ cmdSN: turn + 2, initiatorTaskTag: 0xc, data: Buffer.from('ping') });
  initiator.command('00', { cmdSN: turn + 1, initiatorTaskTag: 0xb });
  initiator.assertSilent();
  initiator.nopOut({ cmdSN: turn, initiatorTaskTag: 0xa });
  assert.equal(answers(initiator), ['20:a', '21:b', '20:c', '21:d']);
  assert.is(initiator.connection.expCmdSN, turn + 4);
  finish(scene, initiator);
});

test('duplicates and what lies beyond MaxCmdSN are ignored without a word, data and all', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  const before = Buffer.from((scene.stores[0] as { bytes: Uint8Array }).bytes);
  initiator.command('00', { cmdSN: turn });
  initiator.takeResponse();
  const data = new Uint8Array(BLOCK).fill(0x55);
  for (const cmdSN of [turn, turn - 5, initiator.connection.maxCmdSN + 1]) initiator.write(0, 1, { cmdSN: cmdSN >>> 0, data });
  initiator.nopOut({ cmdSN: turn });
  initiator.assertSilent();
  assert.ok(before.equals((scene.stores[0] as { bytes: Uint8Array }).bytes));
  initiator.nopOut({ cmdSN: turn + 1 });
  initiator.takeOne(Opcode.nopIn);
  finish(scene, initiator);
});

test('immediate commands stand outside the order', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.command('00', { cmdSN: turn + 1, initiatorTaskTag: 0xb });
  initiator.command('00', { immediate: true, initiatorTaskTag: 0x1 });
  assert.equal(answers(initiator), ['21:1']);
  assert.is(initiator.connection.expCmdSN, turn);
  initiator.command('00', { cmdSN: turn, initiatorTaskTag: 0xa });
  assert.equal(answers(initiator), ['21:a', '21:b']);
  finish(scene, initiator);
});

test('CmdSN and StatSN go round', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { cmdSN: 0xfffffffa, expStatSN: 0xfffffffa });
  assert.is(initiator.cmdSN, 0xfffffffe);
  const statSNs: number[] = [];
  for (let count = 0; count < 6; count++) {
    const expected = initiator.cmdSN;
    initiator.command('00');
    const response = initiator.takeResponse();
    statSNs.push(response.statSN);
    assert.is(response.expCmdSN, (expected + 1) >>> 0);
    assert.ok(serialDifference(response.maxCmdSN, response.expCmdSN) > 0);
  }
  assert.equal(statSNs, [0xffffffff, 0, 1, 2, 3, 4]);
  finish(scene, initiator);
});

test('MaxCmdSN never falls, and leaves room for one command at least once nothing is outstanding', () => {
  for (let seed = 1; seed <= 15; seed++) {
    const random = seededRandom(seed);
    const scene = new Scene({ limits: { slotCount: 16, commandWindowCountMax: 8 } });
    const initiator = loggedIn(scene, { cmdSN: 0xfffffff0 });
    let { maxCmdSN } = initiator.connection;
    const look = () => {
      for (const { header } of initiator.take()) {
        const [expCmdSN, told] = [header.getUint32(28), header.getUint32(32)];
        assert.ok(serialDifference(told, maxCmdSN) >= 0, 'MaxCmdSN never falls');
        assert.ok(serialDifference(told, expCmdSN) >= -1);
        assert.ok(serialDifference(told, expCmdSN) < 8, 'no more than the limit');
        maxCmdSN = told;
      }
    };
    for (let step = 0; step < 200; step++) {
      const action = random.below(6);
      const isRoom = serialDifference(initiator.cmdSN, maxCmdSN) <= 0;
      if (action < 3 && isRoom) initiator.read(random.below(64), 1, { lun: random.boolean() ? Lun.pool : Lun.view });
      else if (action === 3 && scene.dispatcher.held.length > 0) scene.dispatcher.completeHeld(random.below(scene.dispatcher.held.length));
      else if (action === 4) initiator.transport.output.flush();
      look();
    }
    scene.dispatcher.completeAll();
    look();
    assert.ok(serialDifference(maxCmdSN, initiator.cmdSN) >= 0, `seed ${seed}: room for the next command`);
    finish(scene, initiator);
  }
});

test('a rejected command uses up its CmdSN, in its turn and before it', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  const data = new Uint8Array(BLOCK);
  initiator.command('00', { cmdSN: turn, data });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  initiator.command('00', { cmdSN: turn + 2, data });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  initiator.command('00', { cmdSN: turn + 3, initiatorTaskTag: 0xd });
  initiator.command('00', { cmdSN: turn + 1, initiatorTaskTag: 0xb });
  assert.equal(answers(initiator), ['21:b', '21:d']);
  finish(scene, initiator);
});

test('a task tag in use, and the reserved one, are rejected', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const tag = initiator.read(0, 1, { lun: Lun.pool });
  initiator.command('00', { initiatorTaskTag: tag });
  assert.is(initiator.takeReject().reason, RejectReason.taskInProgress);
  initiator.command('00', { initiatorTaskTag: 0xffffffff });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  scene.dispatcher.completeAll();
  assert.is(initiator.takeDataIn().initiatorTaskTag, tag);
  initiator.command('00', { initiatorTaskTag: tag });
  assert.is(initiator.takeResponse().status, 0, 'once it was answered, a tag may be used again');
  finish(scene, initiator);
});

test('more immediate commands than the bound are rejected; the bound frees itself', () => {
  const scene = new Scene({ limits: { immediateCommandCountMax: 2 } });
  const initiator = loggedIn(scene);
  for (let count = 0; count < 3; count++) initiator.read(count, 1, { lun: Lun.pool, immediate: true });
  assert.is(initiator.takeReject().reason, RejectReason.immediateCommandReject);
  scene.dispatcher.completeAll();
  assert.is(initiator.take().length, 2);
  initiator.read(0, 1, { immediate: true });
  initiator.takeDataIn();
  finish(scene, initiator);
});

test('a command that finds no slot ends with TASK SET FULL, and the order goes on', () => {
  const scene = new Scene({ limits: { slotCount: 16, commandWindowCountMax: 16, immediateCommandCountMax: 16 } });
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No'] });
  // Who owes data is read on even when slots are low.
  const owing = initiator.write(0, 1);
  const { targetTransferTag } = initiator.takeR2T();
  const turn = initiator.cmdSN;
  for (let count = 0; count < 15; count++) initiator.read(count + 8, 1, { lun: Lun.pool, immediate: count >= 7 });
  assert.is(scene.slots.freeCount, 0);
  initiator.command('00', { cmdSN: turn + 8, initiatorTaskTag: 0xf1 });
  assert.equal([initiator.takeResponse().status, initiator.connection.expCmdSN], [TASK_SET_FULL, turn + 7], 'before its turn');
  initiator.command('00', { cmdSN: turn + 7, initiatorTaskTag: 0xf0 });
  assert.equal([initiator.takeResponse().status, initiator.connection.expCmdSN], [TASK_SET_FULL, turn + 9], 'and in its turn');
  const refused = initiator.write(0, 2, { cmdSN: turn + 9, data: new Uint8Array(BLOCK), final: false });
  assert.is(initiator.takeResponse().status, TASK_SET_FULL);
  initiator.dataOut(refused, new Uint8Array(BLOCK), { bufferOffset: BLOCK });
  initiator.assertSilent();
  initiator.dataOut(owing, new Uint8Array(BLOCK), { targetTransferTag });
  scene.dispatcher.completeAll();
  assert.is(initiator.take().length, 16);
  initiator.transport.output.flush();
  initiator.command('00', { cmdSN: turn + 10 });
  assert.is(initiator.takeResponse().status, 0);
  finish(scene, initiator);
});

test('a logout that came early ends the connection in its turn, and nothing behind it runs', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const turn = initiator.cmdSN;
  initiator.logout({ cmdSN: turn + 1 });
  initiator.logout({ cmdSN: turn + 2 });
  initiator.nopOut({ cmdSN: turn + 3 });
  initiator.write(0, 1, { cmdSN: turn + 4, data: new Uint8Array(BLOCK) });
  initiator.nopOut({ cmdSN: turn, initiatorTaskTag: 0xa });
  assert.equal(
    answers(initiator).map((answer) => answer.slice(0, 2)),
    ['20', '26'],
  );
  assert.ok(initiator.transport.isClosed);
  assert.is(scene.directory.sessions.length, 0);
  finish(scene, initiator);
});

test('a slot and a task used again carry nothing over', () => {
  const scene = new Scene({ limits: { slotCount: 16 } });
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No'] });
  const random = seededRandom(9);
  for (let count = 0; count < 200; count++) {
    const kind = random.below(4);
    if (kind === 0) {
      initiator.read(0xfffff, 1);
      assert.equal(initiator.takeResponse().sense, '05/21/00');
    } else if (kind === 1) {
      initiator.write(3, 1, { data: new Uint8Array(BLOCK).fill(count) });
      assert.equal(initiator.takeResponse(), { ...emptyResponse, ...numbersOf(initiator) });
    } else if (kind === 2) {
      initiator.read(4, 1);
      const answer = initiator.takeDataIn();
      assert.equal([answer.status, answer.residualCount, answer.data.length], [0, 0, BLOCK]);
    } else {
      initiator.command('00');
      assert.equal(initiator.takeResponse(), { ...emptyResponse, ...numbersOf(initiator) });
    }
    if (random.boolean()) initiator.transport.output.flush();
  }
  finish(scene, initiator);
});

const emptyResponse = { residualFlags: 0, response: 0, status: 0, snackTag: 0, expDataSN: 0, bidirectionalReadResidualCount: 0, residualCount: 0, sense: '' };

/** What a response sent just now carries of the connection's numbers. */
function numbersOf(initiator: TestInitiator) {
  const { statSN, expCmdSN, maxCmdSN } = initiator.connection;
  return { initiatorTaskTag: initiator.lastTag, statSN: (statSN - 1) >>> 0, expCmdSN, maxCmdSN };
}

test.run();
