import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode } from '../../../engine/pdu/index.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { BLOCK, Lun, Scene } from '../session/scene.js';
import { loggedIn, type TestInitiator } from '../session/test-initiator.js';

const KIB = 1024;
const KEYS = ['InitialR2T=Yes', 'ImmediateData=Yes', 'FirstBurstLength=4096', 'MaxBurstLength=1048576', 'MaxRecvDataSegmentLength=65536'];

/** A write that has its memory, and owes its data. */
function openWrite(initiator: TestInitiator, lba: number, lengthBytes: number): () => void {
  const tag = initiator.write(lba, lengthBytes / BLOCK, { lun: Lun.special });
  const { targetTransferTag } = initiator.takeR2T();
  return () => initiator.dataOut(tag, new Uint8Array(lengthBytes), { targetTransferTag });
}

test('data that found no room in the arena is written on this thread, though the command would rather run on a worker', () => {
  const scene = new Scene({ arenaBytes: 4096 * KIB, specialExecution: 'auto', limits: { maxRecvDataSegmentLengthBytes: 1024 * KIB } });
  const initiator = loggedIn(scene, { keys: KEYS });
  const store = scene.stores[Lun.special] as (typeof scene.stores)[number];
  // Too long to run here: it keeps the range while it is out.
  const sendLong = openWrite(initiator, 0, 600 * KIB);
  sendLong();
  assert.is(scene.dispatcher.held.length, 1);
  // The rest of what this connection may hold.
  const sendRest = openWrite(initiator, 2000, 424 * KIB);
  const data = Buffer.alloc(8 * BLOCK, 0x3c);
  initiator.write(0, 8, { lun: Lun.special, data });
  initiator.assertSilent();
  // Meanwhile the store has turned out to be one that blocks.
  Object.assign(store, { blocking: true });
  scene.dispatcher.completeHeld();
  assert.is(scene.dispatcher.held.length, 0, 'a worker would see other bytes');
  assertBytes(store.bytes.subarray(0, data.length), data);
  sendRest();
  scene.dispatcher.completeAll();
  assert.is(initiator.take().filter((pdu) => readOpcode(pdu.header, 0) === Opcode.scsiResponse).length, 3);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
