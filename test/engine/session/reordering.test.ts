import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlMode, controlModeDefaults } from '../../../engine/scsi/spc/control-mode.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn } from './test-initiator.js';

test('QUEUE ALGORITHM MODIFIER 0h: a read never overtakes the write before it, whose data is still to come', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  scene.taskSets[Lun.copy]?.unit.part(ControlMode).set({ ...controlModeDefaults, unrestrictedReordering: false });
  const write = initiator.write(0, 1, { lun: Lun.copy });
  const { targetTransferTag } = initiator.takeR2T();
  const read = initiator.read(0, 1, { lun: Lun.copy });
  initiator.assertSilent();
  initiator.dataOut(write, new Uint8Array(BLOCK).fill(0x77), { targetTransferTag });
  const [first, second] = initiator.take();
  assert.equal([first?.header.getUint32(16), second?.header.getUint32(16)], [write, read]);
  assert.is(second?.data[0], 0x77);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('QUEUE ALGORITHM MODIFIER 1h: SIMPLE commands go as their data comes', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const write = initiator.write(0, 1, { lun: Lun.copy });
  const { targetTransferTag } = initiator.takeR2T();
  const read = initiator.read(0, 1, { lun: Lun.copy });
  assert.is(initiator.takeDataIn().initiatorTaskTag, read);
  initiator.dataOut(write, new Uint8Array(BLOCK), { targetTransferTag });
  assert.is(initiator.takeResponse().initiatorTaskTag, write);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('SYNCHRONIZE CACHE does not wait for a write whose data is still to come, an ORDERED one does', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const write = initiator.write(0, 1, { lun: Lun.copy });
  const { targetTransferTag } = initiator.takeR2T();
  const free = initiator.command('35 00 00000000 00 0000 00', { lun: Lun.copy });
  assert.is(initiator.takeResponse().initiatorTaskTag, free);
  const ordered = initiator.command('35 00 00000000 00 0000 00', { lun: Lun.copy, attribute: 2 });
  initiator.assertSilent();
  initiator.dataOut(write, new Uint8Array(BLOCK), { targetTransferTag });
  assert.equal(
    initiator.take().map(({ header }) => header.getUint32(16)),
    [write, ordered],
  );
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
