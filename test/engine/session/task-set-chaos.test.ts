import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode, TaskAttribute, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { ControlMode, controlModeDefaults, type QueueErrorManagement, type TaskSetType } from '../../../engine/scsi/spc/control-mode.js';
import { Task } from '../../../engine/task/task.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { cdb10, TestInitiator } from './test-initiator.js';

const KEYS = ['InitialR2T=No', 'MaxOutstandingR2T=1', 'DefaultTime2Retain=0'];
const FUNCTIONS = [
  TaskManagementFunction.clearAca,
  TaskManagementFunction.clearAca,
  TaskManagementFunction.abortTaskSet,
  TaskManagementFunction.clearTaskSet,
  TaskManagementFunction.logicalUnitReset,
];
const ATTRIBUTES = [0, 1, 1, 1, TaskAttribute.ordered, TaskAttribute.headOfQueue, TaskAttribute.aca, TaskAttribute.aca];
const STEP_COUNT = 400;

/** An initiator that has to send Data-Out for R2Ts it was given, and knows which of its commands are out. */
class Peer {
  readonly initiator: TestInitiator;
  readonly owed: (() => void)[] = [];
  readonly outstanding = new Set<number>();

  constructor(scene: Scene) {
    this.initiator = new TestInitiator(scene);
    assert.is(this.initiator.login({ keys: KEYS }).status, 0);
  }

  /** Takes what came: no command is answered twice, and none that was never sent. */
  collect(): void {
    for (const { header } of this.initiator.take()) {
      const tag = header.getUint32(16);
      const opcode = readOpcode(header, 0);
      if (opcode === Opcode.readyToTransfer) this.#owe(tag, header);
      else if (opcode === Opcode.scsiResponse || (opcode === Opcode.dataIn && (header.getUint8(1) & 0x01) !== 0)) {
        assert.ok(this.outstanding.delete(tag), 'one answer for each command');
      } else if (opcode !== Opcode.dataIn) assert.is(opcode, Opcode.taskManagementResponse);
    }
    this.initiator.transport.output.flush();
  }

  #owe(tag: number, header: DataView): void {
    const targetTransferTag = header.getUint32(20);
    const bufferOffset = header.getUint32(40);
    const length = header.getUint32(44);
    this.owed.push(() => this.initiator.dataOut(tag, new Uint8Array(length), { targetTransferTag, bufferOffset }));
  }
}

function command({ initiator, outstanding }: Peer, random: SeededRandom): void {
  const attribute = ATTRIBUTES[random.below(ATTRIBUTES.length)] as number;
  const control = random.below(3) === 0 ? '04' : '00';
  const lba = random.below(8) === 0 ? 0xffffff : random.below(32);
  const choices = { lun: Lun.pool, attribute };
  const isRead = random.below(2) === 0;
  const cdb = cdb10(isRead ? 0x28 : 0x2a, lba, 2).replace(/00$/, control);
  if (isRead) outstanding.add(initiator.command(cdb, { read: 2 * BLOCK, ...choices }));
  else outstanding.add(initiator.command(cdb, { write: 2 * BLOCK, ...choices, ...(random.below(2) === 0 ? { data: new Uint8Array(2 * BLOCK) } : {}) }));
}

function manage({ initiator, outstanding }: Peer, random: SeededRandom): void {
  if (random.below(3) > 0) {
    initiator.taskManagement(FUNCTIONS[random.below(FUNCTIONS.length)] as number, { lun: Lun.pool });
    return;
  }
  const [referencedTaskTag] = outstanding;
  if (referencedTaskTag !== undefined) initiator.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag });
}

function changeMode(scene: Scene, random: SeededRandom): void {
  scene.taskSets[Lun.pool]?.unit.part(ControlMode).set({
    ...controlModeDefaults,
    taskSetType: random.below(2) as TaskSetType,
    queueErrorManagement: ([0, 0, 1, 3] as const)[random.below(4)] as QueueErrorManagement,
    taskAbortedStatus: random.below(2) === 0,
  });
}

function step(scene: Scene, peers: Peer[], random: SeededRandom): void {
  const at = random.below(peers.length);
  const peer = peers[at] as Peer;
  const { held } = scene.dispatcher;
  const what = random.below(20);
  if (what < 9) command(peer, random);
  else if (what < 14) {
    if (held.length > 0) scene.dispatcher.completeHeld(random.below(held.length));
  } else if (what < 17) peer.owed.splice(random.below(Math.max(1, peer.owed.length)), 1)[0]?.();
  else if (what < 19) manage(peer, random);
  else if (random.below(3) === 0) changeMode(scene, random);
  else if (random.below(4) === 0) {
    peer.initiator.transport.destroy();
    peers[at] = new Peer(scene);
  }
}

/** Everything that may end has to end: nobody waits for somebody who waits for him. */
function settle(scene: Scene, peers: readonly Peer[]): void {
  for (let round = 0; round < 200; round++) {
    for (const peer of peers) {
      peer.collect();
      for (const answer of peer.owed.splice(0)) answer();
      peer.initiator.taskManagement(TaskManagementFunction.clearAca, { lun: Lun.pool });
    }
    scene.dispatcher.completeAll();
    scene.clock.advance(scene.limits.abortedTransferMsMax + 1);
    for (const { initiator } of peers) initiator.connection.keepalive.onTick(scene.clock.nowMicros());
    for (const peer of peers) peer.collect();
    if (scene.runner.openTaskCount === 0) return;
  }
}

for (let seed = 1; seed <= 24; seed++) {
  test(`random commands, faults, functions and modes of three nexuses, seed ${seed}: nothing blocked begins, nobody waits for ever`, async () => {
    const random = seededRandom(seed);
    const scene = new Scene();
    const peers = [new Peer(scene), new Peer(scene), new Peer(scene)];
    const submit = scene.dispatcher.submit.bind(scene.dispatcher);
    scene.dispatcher.submit = (job) => {
      assert.ok(job instanceof Task && !job.isBlocked, 'a blocked command does not begin');
      submit(job);
    };
    for (let count = 0; count < STEP_COUNT; count++) {
      step(scene, peers, random);
      for (const peer of peers) peer.collect();
      // A change of TST takes effect on conditions behind the current call.
      if (count % 8 === 0) await Promise.resolve();
    }
    settle(scene, peers);
    scene.assertIdle();
    const unit = scene.taskSets[Lun.pool];
    assert.not.ok(unit?.hasAca);
    for (const { initiator } of peers) {
      assert.ok(initiator.connection.isOpen);
    }
  });
}

test.run();
