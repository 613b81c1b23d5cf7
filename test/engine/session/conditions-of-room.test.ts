import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn } from './test-initiator.js';

const BUSY = 0x08;
const TASK_SET_FULL = 0x28;

test('without a slot: TASK SET FULL for a nexus that has a command in the task set, BUSY for one that has none (SAM-5 §5.3.1)', () => {
  const scene = new Scene({ limits: { slotCount: 16, commandWindowCountMax: 32, immediateCommandCountMax: 16 } });
  const initiator = loggedIn(scene, { keys: ['InitialR2T=No'] });
  // Who owes data is read on even when slots are low.
  const owing = initiator.write(0, 1, { lun: Lun.view });
  const { targetTransferTag } = initiator.takeR2T();
  for (let count = 0; count < 15; count++) initiator.read(count + 8, 1, { lun: Lun.pool, immediate: count >= 7 });
  assert.is(scene.slots.freeCount, 0);
  for (const [lun, status] of [
    [Lun.pool, TASK_SET_FULL],
    [Lun.view, TASK_SET_FULL],
    [Lun.copy, BUSY],
  ] as const) {
    initiator.command('00', { lun, immediate: true });
    assert.is(initiator.takeResponse().status, status);
  }
  initiator.dataOut(owing, new Uint8Array(BLOCK), { targetTransferTag });
  scene.dispatcher.completeAll();
  assert.is(initiator.take().length, 16);
  initiator.transport.output.flush();
  initiator.command('00', { lun: Lun.copy });
  assert.is(initiator.takeResponse().status, 0);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
