import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readOpcode } from '../../../engine/pdu/index.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { keysOf, PORT, RETAIN_MS } from './recovery-scene.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { TestInitiator } from './test-initiator.js';

const STEP_COUNT = 600;
const LUNS = [Lun.view, Lun.pool, Lun.copy];

/** Tags, numbers and Target Transfer Tags that were seen: half of what a hostile initiator says is nearly true. */
class Seen {
  readonly #random: SeededRandom;
  readonly #values: number[] = [0, 1, 0xffffffff];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  add(value: number): void {
    this.#values.push(value >>> 0);
    if (this.#values.length > 16) this.#values.splice(3, 1);
  }

  any(): number {
    const value = this.#values[this.#random.below(this.#values.length)] as number;
    return (value + (this.#random.below(8) === 0 ? this.#random.below(5) - 2 : 0)) >>> 0;
  }
}

/** An initiator port that follows no rule but that its PDUs can be cut: several connections, any recovery request at any time. */
class Anarchist {
  readonly #scene: Scene;
  readonly #random: SeededRandom;
  readonly #tags: Seen;
  readonly #transferTags: Seen;
  readonly #numbers: Seen;
  readonly #port: { readonly initiatorName: string; readonly isid: string };
  readonly #keys: string[];
  #connections: TestInitiator[] = [];
  #tsih = 0;

  constructor(scene: Scene, random: SeededRandom, at: number, level: number) {
    this.#scene = scene;
    this.#random = random;
    this.#tags = new Seen(random);
    this.#transferTags = new Seen(random);
    this.#numbers = new Seen(random);
    this.#port = { ...PORT, initiatorName: `${PORT.initiatorName}${at}` };
    this.#keys = keysOf(level, 'InitialR2T=No', 'DataDigest=CRC32C', random.boolean() ? 'DataPDUInOrder=No' : 'MaxOutstandingR2T=3');
  }

  step(): void {
    const { connection } = this;
    if (connection === undefined) this.#connect();
    else this.#act(connection, this.#random.below(20));
    this.look();
  }

  /** Reads what was sent, without a promise to acknowledge it. */
  look(): void {
    for (const initiator of this.#connections) {
      for (const { header } of initiator.take()) {
        this.#transferTags.add(header.getUint32(20));
        this.#numbers.add(header.getUint32(24));
        assert.ok(readOpcode(header, 0) >= 0x20);
      }
    }
  }

  leave(): void {
    for (const { transport } of this.#connections) transport.destroy();
  }

  get connection(): TestInitiator | undefined {
    this.#connections = this.#connections.filter(({ connection }) => connection.isOpen);
    return this.#connections[this.#random.below(this.#connections.length)];
  }

  #act(initiator: TestInitiator, action: number): void {
    const random = this.#random;
    const tag = this.#tags.any();
    const targetTransferTag = this.#transferTags.any();
    if (action < 4) this.#command(initiator);
    else if (action < 8) {
      const choices = { targetTransferTag, dataSN: random.below(3), bufferOffset: random.below(8) * 256, final: random.boolean() };
      initiator.dataOut(tag, new Uint8Array(random.below(5) * 256), { ...choices, corrupt: random.below(8) === 0 });
    } else if (action < 11) initiator.snack(random.below(5), { initiatorTaskTag: tag, targetTransferTag, begRun: this.#begRun(), runLength: random.below(4) });
    else if (action < 13) initiator.taskManagement(random.below(4) === 0 ? 1 + random.below(8) : 8, { referencedTaskTag: tag, expDataSN: random.below(6) });
    else if (action === 13) initiator.expStatSN = random.boolean() ? initiator.connection.statSN : this.#numbers.any();
    else if (action === 14) initiator.transport.destroy();
    else if (action === 15) initiator.logout({ reason: random.below(6) === 0 ? 0 : 1 + random.below(2), cid: random.below(5) });
    else if (action < 18) this.#connect();
    else if (action === 18) initiator.nopOut({ cmdSN: (initiator.cmdSN + random.below(4)) >>> 0 });
    else initiator.transport.output.flush();
  }

  #begRun(): number {
    return this.#random.below(3) > 0 ? this.#random.below(3) : this.#numbers.any();
  }

  #command(initiator: TestInitiator): void {
    const random = this.#random;
    const count = 1 + random.below(16);
    const choices = { lun: LUNS[random.below(3)] as number, immediate: random.below(8) === 0, corrupt: random.below(10) === 0 };
    // A number that was used, or that is not due, now and then.
    const cmdSN = random.below(6) === 0 ? { cmdSN: (initiator.cmdSN + random.below(5) - 2) >>> 0 } : {};
    if (random.boolean()) initiator.read(random.below(100), count, { ...choices, ...cmdSN });
    else initiator.write(random.below(100), count, { ...choices, ...cmdSN, data: new Uint8Array(random.below(2) * BLOCK), final: random.boolean() });
    this.#tags.add(initiator.lastTag);
  }

  #connect(): void {
    const random = this.#random;
    const [first] = this.#connections;
    const initiator = new TestInitiator(this.#scene);
    const tsih = random.below(10) === 0 ? 0 : this.#tsih;
    const login = { ...this.#port, keys: tsih === 0 ? this.#keys : this.#keys.slice(2, 3), tsih, cid: random.below(5) };
    const response = first !== undefined && tsih !== 0 ? initiator.join(first, login) : initiator.login({ ...login, cmdSN: 1 });
    if (response.status === 0) {
      this.#tsih = response.tsih;
      this.#connections.push(initiator);
      initiator.expStatSN = initiator.connection.statSN;
    } else this.#tsih = 0;
  }
}

for (const level of [0, 1, 2]) {
  test(`any recovery request, at any time, of several connections, at ErrorRecoveryLevel ${level}: nothing breaks, and nothing is left`, () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed * 10 + level);
      const small = { limits: { retainedBytesMax: 65_536, retainedResponseCountMax: 16, slotCount: 32, recoveryR2TCountMax: 3 } };
      const scene = new Scene(random.boolean() ? small : {});
      const players = [0, 1].map((at) => new Anarchist(scene, random, at, level));
      try {
        for (let step = 0; step < STEP_COUNT; step++) {
          const { held } = scene.dispatcher;
          if (held.length > 0 && random.below(3) === 0) scene.dispatcher.completeHeld(random.below(held.length));
          else (players[random.below(2)] as Anarchist).step();
          if (random.below(40) === 0) scene.clock.advance(random.below(8000));
          for (const session of scene.directory.sessions) {
            for (const { keepalive } of session.connections.values()) if (random.below(10) === 0) keepalive.onTick(scene.clock.nowMicros());
          }
          for (const player of players) player.look();
          assert.equal(scene.defects, []);
        }
        for (const player of players) player.leave();
        scene.dispatcher.completeAll();
        scene.clock.advance(RETAIN_MS);
        scene.dispatcher.completeAll();
        scene.assertIdle();
        assert.equal([scene.admission.retainedBytes, scene.admission.sessionCount, scene.directory.failedSessionCount], [0, 0, 0]);
      } catch (error) {
        process.stdout.write(`\nseed ${seed}\n`);
        throw error;
      }
    }
  });
}

test.run();
