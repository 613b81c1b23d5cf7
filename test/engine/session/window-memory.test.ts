import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, readOpcode } from '../../../engine/pdu/index.js';
import { serialDifference } from '../../../engine/session/command-window.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const KEYS = ['InitialR2T=No', 'ImmediateData=Yes', 'FirstBurstLength=65536', 'MaxBurstLength=262144', 'MaxRecvDataSegmentLength=262144'];
const TASK_SET_FULL = 0x28;
const WINDOW = 128;

function windowOf({ connection }: TestInitiator): number {
  return serialDifference(connection.maxCmdSN, connection.expCmdSN) + 1;
}

/** An initiator that sends writes as long as the window is open, answers R2Ts, and keeps to the rules. */
class Writer {
  readonly #initiator: TestInitiator;
  readonly #lengthBytes: number;
  readonly #immediate: Uint8Array;
  readonly #owed: (() => void)[] = [];
  #maxCmdSN: number;
  answeredCount = 0;
  taskSetFullCount = 0;

  constructor(scene: Scene, lengthBytes: number) {
    this.#initiator = loggedIn(scene, { keys: KEYS });
    this.#maxCmdSN = this.#initiator.connection.maxCmdSN;
    this.#lengthBytes = lengthBytes;
    this.#immediate = new Uint8Array(Math.min(lengthBytes, 64 * KIB));
  }

  /** One PDU, when there is one to send and somebody who reads it: commands first, as a full queue does. */
  step(): void {
    const initiator = this.#initiator;
    if (!initiator.transport.isReceivePaused) {
      const outstanding = serialDifference(this.#maxCmdSN, initiator.cmdSN) >= 0;
      if (outstanding) initiator.write(0, this.#lengthBytes / BLOCK, { lun: Lun.pool, data: this.#immediate });
      else this.#owed.shift()?.();
    }
    this.#read();
  }

  #read(): void {
    const initiator = this.#initiator;
    for (const { header } of initiator.take()) {
      const maxCmdSN = header.getUint32(32);
      if (serialDifference(maxCmdSN, this.#maxCmdSN) > 0) this.#maxCmdSN = maxCmdSN;
      if (readOpcode(header, 0) === Opcode.readyToTransfer) this.#owe(header);
      else {
        this.answeredCount++;
        if (header.getUint8(3) === TASK_SET_FULL) this.taskSetFullCount++;
      }
    }
    initiator.transport.output.flush();
  }

  #owe(header: DataView): void {
    const [tag, targetTransferTag, bufferOffset, length] = [16, 20, 40, 44].map((at) => header.getUint32(at)) as [number, number, number, number];
    this.#owed.push(() => this.#initiator.dataOut(tag, new Uint8Array(length), { targetTransferTag, bufferOffset }));
  }
}

test('a new session may send few commands at first, and twice as many with each round', () => {
  const scene = new Scene({ limits: { commandWindowStartCount: 4, commandWindowCountMax: WINDOW, slotCount: 256 } });
  const initiator = new TestInitiator(scene);
  const { expCmdSN, maxCmdSN } = initiator.login();
  assert.is(maxCmdSN - expCmdSN + 1, 4);
  initiator.clearUnitAttentions();
  const windows: number[] = [];
  for (let round = 0; round < 6; round++) {
    const count = windowOf(initiator);
    windows.push(count);
    for (let sent = 0; sent < count; sent++) initiator.command('00');
    initiator.take();
    initiator.transport.output.flush();
  }
  assert.equal(windows, [8, 16, 32, 64, 128, 128]);
  scene.assertIdle();
});

test('many sessions with a full queue of large writes: windows shrink, and but for the very first none is answered TASK SET FULL', () => {
  const limits = { commandWindowStartCount: 4, commandWindowCountMax: WINDOW, slotCount: 4096, transferLengthBytesMax: 256 * KIB };
  const scene = new Scene({ arenaBytes: 16 * MIB, limits });
  // As 64 sessions with writes of 1 MiB are to the arena of 256 MiB.
  const writers = Array.from({ length: 16 }, () => new Writer(scene, 256 * KIB));
  const fullCount = () => writers.reduce((sum, { taskSetFullCount }) => sum + taskSetFullCount, 0);
  let firstFullCount = 0;
  for (let step = 0; step < 2000; step++) {
    if (step === 100) firstFullCount = fullCount();
    for (const writer of writers) writer.step();
    for (let done = 0; done < 1 + (step & 1) && scene.dispatcher.held.length > 0; done++) scene.dispatcher.completeHeld();
  }
  const answered = writers.map(({ answeredCount }) => answeredCount);
  const total = answered.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 1500, `${total} answers`);
  assert.ok(Math.min(...answered) > 0.5 * Math.max(...answered), `all get on: ${answered.join(' ')}`);
  assert.ok(firstFullCount <= 5 * writers.length, `${firstFullCount} were answered TASK SET FULL before their windows followed`);
  assert.is(fullCount(), firstFullCount, 'none later');
});

test('small commands do not bound the window, and large ones are forgotten', () => {
  const scene = new Scene({ limits: { commandWindowCountMax: 64, slotCount: 256 }, arenaBytes: 8 * MIB });
  const initiator = loggedIn(scene, { keys: KEYS });
  for (let count = 0; count < 100; count++) {
    initiator.write(0, 8, { lun: Lun.pool, data: new Uint8Array(8 * BLOCK) });
    scene.dispatcher.completeAll();
  }
  assert.is(windowOf(initiator), 64);
  initiator.take();
  for (let count = 0; count < 100; count++) {
    initiator.read(0, 2048, { lun: Lun.pool });
    scene.dispatcher.completeAll();
    initiator.take();
    initiator.transport.output.flush();
  }
  assert.is(initiator.connection.session.openWindow() - initiator.connection.expCmdSN + 1, 1, 'three quarters of a share of 2 MiB');
  for (let count = 0; count < 400; count++) {
    initiator.command('00');
    initiator.transport.output.flush();
  }
  assert.is(windowOf(initiator), 64);
  initiator.transport.output.flush();
  scene.assertIdle();
});

test.run();
