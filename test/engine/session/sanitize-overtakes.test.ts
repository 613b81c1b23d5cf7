import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandGate, GateRank } from '../../../engine/scsi/command-gate.js';
import { Asc, checkCondition, SenseKey } from '../../../engine/scsi/sense.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn } from './test-initiator.js';

/** As that of a sanitize that has just begun. */
const sanitizing: CommandGate = {
  rank: GateRank.background,
  stopsPlanned: true,
  admits: (_row, command) => {
    checkCondition(command, SenseKey.notReady, Asc.sanitizeInProgress);
    return false;
  },
};

for (const lun of [Lun.copy, Lun.pool]) {
  test(`a write that waits for its data when a sanitize begins does not land behind it (LUN ${lun})`, () => {
    const scene = new Scene();
    const initiator = loggedIn(scene, { keys: ['InitialR2T=Yes', 'ImmediateData=No'] });
    const tag = initiator.write(5, 1, { lun });
    const { targetTransferTag } = initiator.takeR2T();
    const unit = scene.taskSets[lun]?.unit;
    assert.ok(unit);
    const before = new Uint8Array(scene.stores[lun]?.bytes.subarray(5 * BLOCK, 6 * BLOCK) ?? []);
    unit.addGate(sanitizing);
    initiator.dataOut(tag, new Uint8Array(BLOCK).fill(0xa5), { targetTransferTag });
    scene.dispatcher.completeAll();
    assert.match(initiator.takeResponse().sense, /^02\/04\/1b/);
    assert.equal(new Uint8Array(scene.stores[lun]?.bytes.subarray(5 * BLOCK, 6 * BLOCK) ?? []), before);
    unit.removeGate(sanitizing);
    initiator.transport.output.flush();
    scene.assertIdle();
  });
}

test.run();
