import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { BLOCK, Lun, Scene } from '../session/scene.js';
import { loggedIn, type TestInitiator } from '../session/test-initiator.js';
import type { SentPdu } from './recording-output.js';

const KIB = 1024;
const PIECE = 64 * KIB;
const PIECE_BLOCKS = PIECE / BLOCK;
/** Sixteen of the largest pieces: one connection may hold four. */
const ARENA_BYTES = 16 * PIECE;
const KEYS = ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=4096', 'MaxBurstLength=65536', 'MaxRecvDataSegmentLength=65536'];
const BUSY = 0x08;

function makeScene(): Scene {
  return new Scene({ arenaBytes: ARENA_BYTES, limits: { transferLengthBytesMax: PIECE } });
}

interface OpenWrite {
  readonly tag: number;
  readonly r2t: SentPdu;
}

/** A write of the largest length that has its memory and its R2T, and owes its data. */
function openWrite(initiator: TestInitiator, lba: number, lbaCount = PIECE_BLOCKS, lun: number = Lun.copy): OpenWrite {
  const tag = initiator.write(lba, lbaCount, { lun });
  return { tag, r2t: initiator.takeOne(Opcode.readyToTransfer) };
}

function send(initiator: TestInitiator, write: OpenWrite): void {
  const length = write.r2t.header.getUint32(44);
  initiator.dataOut(write.tag, new Uint8Array(length), { targetTransferTag: write.r2t.header.getUint32(20) });
}

function statuses(initiator: TestInitiator): number[] {
  return initiator
    .take()
    .filter((pdu) => readOpcode(pdu.header, 0) !== Opcode.readyToTransfer)
    .map((pdu) => pdu.header.getUint8(3));
}

test('a read that waits for memory does not hold off the writes that have it', () => {
  const scene = makeScene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const writes = Array.from({ length: 4 }, () => openWrite(initiator, 0));
  initiator.read(0, 8, { lun: Lun.copy });
  initiator.assertSilent();
  for (const write of writes) send(initiator, write);
  assert.equal(statuses(initiator).sort(), [0, 0, 0, 0, 0], 'four writes and the read have ended');
  initiator.transport.output.flush();
  scene.assertIdle();
});

/** Takes all of the share but `leftBytes` with writes that owe their data. */
function takeShare(scene: Scene, initiator: TestInitiator, leftBytes: number): OpenWrite[] {
  const writes: OpenWrite[] = [];
  for (;;) {
    const roomBytes = ARENA_BYTES / 4 - leftBytes - initiator.connection.arenaBytesHeld;
    assert.ok(roomBytes >= 0);
    if (roomBytes === 0) return writes;
    writes.push(openWrite(initiator, 0, Math.min(PIECE, roomBytes) / BLOCK));
    assert.is(scene.runner.share.waitingCount, 0);
  }
}

test('writes that brought a part of their data do not hold it while they wait for the rest', () => {
  const scene = new Scene({ arenaBytes: ARENA_BYTES, limits: { transferLengthBytesMax: PIECE, slotCount: 256 } });
  // Its window would close before its share is used up.
  scene.admission.countFor = () => 256;
  const initiator = loggedIn(scene, { keys: KEYS });
  const parts: number[] = [];
  for (let count = 0; count < 64; count++) {
    // Room for the unsolicited part only.
    const writes = takeShare(scene, initiator, 4096);
    parts.push(initiator.write(0, PIECE_BLOCKS, { lun: Lun.copy, data: new Uint8Array(2048), final: false }));
    for (const write of writes) send(initiator, write);
    initiator.take();
    initiator.transport.output.flush();
    if (initiator.connection.arenaBytesHeld === ARENA_BYTES / 4) break;
  }
  for (const tag of parts) initiator.dataOut(tag, new Uint8Array(2048), { bufferOffset: 2048 });
  for (let r2ts = initiator.take(); r2ts.length > 0; r2ts = initiator.take()) {
    for (const { header } of r2ts.filter((pdu) => readOpcode(pdu.header, 0) === Opcode.readyToTransfer)) {
      const choices = { targetTransferTag: header.getUint32(20), bufferOffset: header.getUint32(40) };
      initiator.dataOut(header.getUint32(16), new Uint8Array(header.getUint32(44)), choices);
    }
    initiator.transport.output.flush();
  }
  assert.equal(
    parts.filter((tag) => initiator.connection.tasks.has(tag)),
    [],
    'every one was answered',
  );
  scene.assertIdle();
});

test('reads with unwanted Data-Out give it back before they wait for memory', () => {
  const scene = makeScene();
  const initiator = loggedIn(scene, { keys: KEYS });
  // Bidirectional Read Expected Data Transfer Length AHS.
  const ahs = Buffer.alloc(8);
  ahs.writeUInt16BE(5, 0);
  ahs[2] = 2;
  ahs.writeUInt32BE(PIECE, 4);
  const count = 60;
  const tags = Array.from({ length: count }, (_, lba) =>
    initiator.read(lba, PIECE_BLOCKS, { lun: Lun.copy, read: 4096, write: 4096, data: new Uint8Array(2048), final: false, ahs }),
  );
  assert.is(initiator.connection.arenaBytesHeld, count * 4096);
  for (const tag of tags) initiator.dataOut(tag, new Uint8Array(2048), { bufferOffset: 2048 });
  while (scene.runner.openTaskCount > 0) {
    const before = scene.runner.openTaskCount;
    initiator.transport.output.flush();
    assert.ok(scene.runner.openTaskCount < before, 'the rest gets the memory of those that have left');
  }
  assert.is(initiator.take().filter((pdu) => readOpcode(pdu.header, 0) === Opcode.scsiResponse && pdu.header.getUint8(3) === 0).length, count);
  scene.assertIdle();
});

test('a write without memory for its immediate data ends with BUSY when its nexus has no other, and nothing is written', () => {
  const scene = makeScene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const other = loggedIn(scene, { keys: KEYS });
  const stored = (scene.stores[Lun.pool] as { bytes: Uint8Array }).bytes;
  const before = Buffer.from(stored);
  for (const early of [false, true]) {
    takeShare(scene, initiator, 0);
    const turn = initiator.cmdSN;
    // Memory comes free after the header was judged: it does not hold the data that was dropped.
    initiator.betweenChunks = () => other.taskManagement(TaskManagementFunction.logicalUnitReset, { lun: Lun.copy });
    const tag = initiator.write(0, 8, { lun: Lun.pool, data: new Uint8Array(4096), ...(early ? { cmdSN: turn + 1 } : {}) });
    initiator.betweenChunks = null;
    if (early) {
      initiator.assertSilent();
      initiator.nopOut({ cmdSN: turn });
      initiator.cmdSN = turn + 2;
    }
    const answer = initiator.take().at(-1) as SentPdu;
    assert.equal([answer.header.getUint32(16), answer.header.getUint8(3)], [tag, BUSY], early ? 'before its turn' : 'in its turn');
    assert.ok(before.equals(stored));
    initiator.transport.output.flush();
    initiator.command('00', { lun: Lun.copy });
    assert.is(initiator.takeResponse().sense, '06/29/03');
    initiator.transport.output.flush();
    other.transport.output.flush();
  }
  scene.assertIdle();
});

test('a connection that has used up its share does not stop the others', () => {
  const scene = makeScene();
  const greedy = loggedIn(scene, { keys: KEYS });
  const other = loggedIn(scene, { keys: KEYS });
  const writes = Array.from({ length: 4 }, () => openWrite(greedy, 0));
  greedy.write(0, PIECE_BLOCKS, { lun: Lun.copy });
  greedy.assertSilent();
  assert.is(scene.runner.share.waitingCount, 1);
  assert.not.ok(scene.admission.isLow, 'three quarters of the arena are free');
  other.read(500, 64, { lun: Lun.copy });
  assert.is(other.takeDataIn().data.length, 64 * BLOCK);
  other.transport.output.flush();
  const last = openWrite(other, 1000);
  send(other, last);
  assert.is(other.takeResponse().status, 0);
  assert.is(other.transport.pauseCount, 0);
  for (const write of writes) send(greedy, write);
  const r2t = greedy.take().find((pdu) => readOpcode(pdu.header, 0) === Opcode.readyToTransfer) as SentPdu;
  send(greedy, { tag: r2t.header.getUint32(16), r2t });
  for (const initiator of [greedy, other]) {
    initiator.take();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
});

test('a connection is not read while memory is short, and goes on when it is back', () => {
  const scene = makeScene();
  const late = loggedIn(scene, { keys: KEYS });
  const synchronizeCache = '35 00 00 00 00 00 00 00 00 00';
  late.command(synchronizeCache, { lun: Lun.pool });
  const hosts = Array.from({ length: 4 }, () => loggedIn(scene, { keys: KEYS }));
  const writes = hosts.map((host) => Array.from({ length: 4 }, (_, at) => openWrite(host, at * PIECE_BLOCKS)));
  late.nopOut();
  late.takeOne(Opcode.nopIn);
  assert.ok(late.transport.isReceivePaused, 'it holds a command and owes nothing, so that it is not read');
  late.read(0, 8, { lun: Lun.copy });
  late.assertSilent();
  for (const [at, host] of hosts.entries()) {
    assert.not.ok(host.transport.isReceivePaused, 'who owes Data-Out is read on, or nothing would ever come free');
    for (const write of writes[at] as OpenWrite[]) send(host, write);
    host.take();
    host.transport.output.flush();
  }
  assert.not.ok(late.transport.isReceivePaused);
  assert.is(late.takeDataIn().status, 0);
  scene.dispatcher.completeAll();
  assert.is(late.takeResponse().status, 0);
  late.transport.output.flush();
  scene.assertIdle();
});

test.run();
