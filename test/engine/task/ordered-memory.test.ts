import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode } from '../../../engine/pdu/index.js';
import { BLOCK, Lun, Scene } from '../session/scene.js';
import { loggedIn, type TestInitiator } from '../session/test-initiator.js';

const KIB = 1024;
const PIECE = 64 * KIB;
const PIECE_BLOCKS = PIECE / BLOCK;
/** Sixteen of the largest pieces: one connection may hold four. */
const ARENA_BYTES = 16 * PIECE;
const KEYS = ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=65536', 'MaxBurstLength=65536', 'MaxRecvDataSegmentLength=65536'];
const ORDERED = 2;
const TASK_SET_FULL = 0x28;

function makeScene(): Scene {
  return new Scene({ arenaBytes: ARENA_BYTES, limits: { transferLengthBytesMax: PIECE } });
}

/** Answers R2Ts and completes what is out until nothing moves any more; the statuses of what was answered, by tag. */
function settle(scene: Scene, initiators: readonly TestInitiator[]): Map<number, number>[] {
  const statuses = initiators.map(() => new Map<number, number>());
  for (let moved = true; moved; ) {
    moved = scene.dispatcher.held.length > 0;
    scene.dispatcher.completeAll();
    for (const [index, initiator] of initiators.entries()) {
      for (const { header } of initiator.take()) {
        moved = true;
        if (readOpcode(header, 0) === Opcode.readyToTransfer) {
          const choices = { targetTransferTag: header.getUint32(20), bufferOffset: header.getUint32(40) };
          initiator.dataOut(header.getUint32(16), new Uint8Array(header.getUint32(44)), choices);
        } else statuses[index]?.set(header.getUint32(16), header.getUint8(3));
      }
      initiator.transport.output.flush();
    }
  }
  return statuses;
}

test('writes behind an ORDERED one do not hold the memory that it needs', () => {
  const scene = makeScene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const tags = [initiator.read(0, 1, { lun: Lun.pool })];
  tags.push(initiator.write(0, PIECE_BLOCKS, { lun: Lun.pool, attribute: ORDERED }));
  for (const lbaCount of [PIECE_BLOCKS - 1, PIECE_BLOCKS, PIECE_BLOCKS, PIECE_BLOCKS]) {
    tags.push(initiator.write(0, lbaCount, { lun: Lun.pool, data: new Uint8Array(lbaCount * BLOCK) }));
  }
  assert.is(initiator.connection.arenaBytesHeld, ARENA_BYTES / 4, 'its share is used up');
  const [statuses] = settle(scene, [initiator]);
  assert.equal([...(statuses?.keys() ?? [])].sort(), tags, 'every one is answered');
  assert.is(statuses?.get(tags[1] as number), 0, 'the ORDERED one succeeds');
  assert.is([...(statuses?.values() ?? [])].filter((status) => status === TASK_SET_FULL).length, 1, 'one had to make room');
  scene.assertIdle();
});

test('writes that came early do not hold the memory that older ones need', () => {
  const scene = makeScene();
  const initiator = loggedIn(scene, { keys: KEYS });
  const turn = initiator.cmdSN;
  const tags: number[] = [];
  for (let count = 2; count < 6; count++) tags.push(initiator.write(0, PIECE_BLOCKS, { lun: Lun.pool, cmdSN: turn + count, data: new Uint8Array(PIECE) }));
  tags.push(initiator.write(0, PIECE_BLOCKS, { lun: Lun.pool, cmdSN: turn }));
  tags.push(initiator.write(0, PIECE_BLOCKS, { lun: Lun.pool, cmdSN: turn + 1, attribute: ORDERED }));
  const [statuses] = settle(scene, [initiator]);
  assert.equal([...(statuses?.keys() ?? [])].sort(), tags, 'every one is answered');
  for (const older of tags.slice(-2)) assert.is(statuses?.get(older), 0);
  scene.assertIdle();
});

test('an ORDERED write gets its memory from the writes of other nexuses that wait behind it', () => {
  const scene = makeScene();
  const initiators = Array.from({ length: 5 }, () => loggedIn(scene, { keys: KEYS }));
  const [first, ...others] = initiators as [TestInitiator, ...TestInitiator[]];
  first.read(0, 1, { lun: Lun.pool });
  const ordered = first.write(0, PIECE_BLOCKS, { lun: Lun.pool, attribute: ORDERED });
  const fill = (initiator: TestInitiator, lengthBytes: number) => initiator.write(0, lengthBytes / BLOCK, { lun: Lun.pool, data: new Uint8Array(lengthBytes) });
  for (const other of others) for (let count = 0; count < 3; count++) fill(other, PIECE);
  // What the read left of its piece.
  for (const lengthKib of [32, 16, 8, 4]) fill(others[0] as TestInitiator, lengthKib * KIB);
  for (const other of others.slice(1)) fill(other, PIECE);
  assert.is(scene.arena.freeBytes, 0);
  const [own, ...theirs] = settle(scene, initiators);
  assert.is(own?.get(ordered), 0);
  assert.is(
    theirs.reduce((sum, statuses) => sum + statuses.size, 0),
    19,
    'every one is answered',
  );
  scene.assertIdle();
});

test.run();
