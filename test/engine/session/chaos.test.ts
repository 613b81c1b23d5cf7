import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BIDIRECTIONAL_AHS_LENGTH_BYTES, encodeBidirectionalReadLengthAhs, Opcode, readOpcode, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { serialDifference } from '../../../engine/session/command-window.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { type CommandChoices, cdb10, loggedIn, TestInitiator } from './test-initiator.js';

const KEYS = ['InitialR2T=No', 'FirstBurstLength=4096', 'MaxBurstLength=8192', 'MaxOutstandingR2T=2', 'MaxRecvDataSegmentLength=8192'];
const INITIATOR_COUNT = 4;
const SPAN_BLOCKS = 256;

interface Owed {
  readonly tag: number;
  readonly targetTransferTag: number;
  readonly from: number;
  readonly to: number;
}

/** An initiator that does everything it may, in any order, and keeps the rules. */
class Player {
  readonly #scene: Scene;
  readonly #random: SeededRandom;
  readonly #port: string;
  /** Commands that wait for their answer, by tag, with their logical unit. */
  readonly open = new Map<number, number>();
  /** Task management functions that wait for their answer, and the commands they concern. */
  readonly #stopping = new Map<number, readonly number[]>();
  owed: Owed[] = [];
  answeredCount = 0;
  mayReset = false;
  initiator: TestInitiator;

  constructor(scene: Scene, random: SeededRandom, at: number) {
    this.#scene = scene;
    this.#random = random;
    this.#port = `iqn.2024-01.test:player${at}`;
    this.initiator = this.#login();
  }

  step(): void {
    const { initiator } = this;
    const action = this.#random.below(100);
    if (!initiator.connection.isOpen) this.#comeBack();
    else if (action < 50) this.#command();
    else if (action < 75) this.#sendOwed();
    else if (action < 79) this.#manage();
    else if (action < 80) this.#reset();
    else if (action < 81) initiator.transport.destroy();
    else if (action < 82) this.#reinstate();
    else initiator.transport.output.flush();
    this.look();
  }

  /** Reads what was sent, and checks that each command is answered once. */
  look(): void {
    for (const { header } of this.initiator.take()) {
      const opcode = readOpcode(header, 0);
      const tag = header.getUint32(16);
      if (opcode === Opcode.readyToTransfer) {
        const from = header.getUint32(40);
        this.owed.push({ tag, targetTransferTag: header.getUint32(20), from, to: from + header.getUint32(44) });
      }
      if (opcode === Opcode.taskManagementResponse) {
        for (const stopped of this.#stopping.get(tag) ?? []) this.#close(stopped);
        assert.ok(this.#stopping.delete(tag), 'a function is answered once');
      }
      const isAnswer = opcode === Opcode.scsiResponse || (opcode === Opcode.dataIn && (header.getUint8(1) & 1) === 1);
      if (isAnswer) {
        assert.ok(this.open.has(tag), `an answer for ${tag.toString(16)}, which waits for one`);
        this.#close(tag);
        this.answeredCount++;
      }
      assert.is.not(opcode, Opcode.reject, 'nobody broke the rules');
    }
  }

  /** A function waits for its answer, though nothing may be left of the commands it concerns: what is owed for them is still to be sent. */
  get isStopping(): boolean {
    return this.initiator.connection.isOpen && this.#stopping.size > 0;
  }

  /** Sends all that is owed until nothing waits any more. */
  settle(): void {
    if (this.initiator.connection.isOpen) {
      this.look();
      while (this.owed.length > 0) {
        this.#sendOwed();
        this.look();
      }
    }
    this.initiator.transport.output.flush();
  }

  #login(): TestInitiator {
    return loggedIn(this.#scene, { initiatorName: this.#port, keys: KEYS, cmdSN: this.#random.below(2) * 0xffffffe0 });
  }

  #close(tag: number): void {
    this.open.delete(tag);
    this.owed = this.owed.filter((owed) => owed.tag !== tag);
  }

  #forget(): void {
    this.open.clear();
    this.#stopping.clear();
    this.owed = [];
  }

  #comeBack(): void {
    this.#forget();
    // A fresh session hears of what was lost; while commands of the old one are still out its slots are too.
    const next = new TestInitiator(this.#scene);
    assert.is(next.login({ initiatorName: this.#port, keys: KEYS }).status, 0);
    this.initiator = next;
  }

  #reinstate(): void {
    const old = this.initiator;
    this.#comeBack();
    assert.not.ok(old.connection.isOpen, 'the old session has made way');
  }

  #command(): void {
    const random = this.#random;
    const { initiator } = this;
    if (serialDifference(initiator.cmdSN, initiator.connection.maxCmdSN) > 0 || this.open.size > 10) return;
    const choices = { lun: [Lun.view, Lun.pool, Lun.copy][random.below(3)] as number, attribute: 1 + (random.below(8) === 0 ? random.below(3) : 0) };
    const count = 1 + random.below(40);
    const lba = random.below(SPAN_BLOCKS - count);
    if (random.boolean()) {
      this.open.set(initiator.read(lba, count, choices), choices.lun);
      return;
    }
    const length = count * BLOCK;
    const burst = Math.min(length, 4096);
    const immediate = random.boolean() ? random.below(burst + 1) : 0;
    const final = immediate === burst || random.boolean();
    const data = immediate > 0 ? { data: new Uint8Array(immediate).fill(0x5a) } : {};
    const write = { ...choices, ...data, final };
    const tag = random.below(3) > 0 ? initiator.write(lba, count, write) : this.#exchange(lba, count, write);
    this.open.set(tag, choices.lun);
    if (!final) this.owed.push({ tag, targetTransferTag: 0xffffffff, from: immediate, to: burst });
  }

  /** XDWRITEREAD (10): as much comes back. */
  #exchange(lba: number, count: number, choices: CommandChoices): number {
    const length = count * BLOCK;
    const ahs = Buffer.alloc(BIDIRECTIONAL_AHS_LENGTH_BYTES);
    encodeBidirectionalReadLengthAhs(length, new DataView(ahs.buffer, ahs.byteOffset, ahs.length), 0);
    return this.initiator.command(cdb10(0x53, lba, count), { ...choices, write: length, read: 0, ahs });
  }

  #sendOwed(): void {
    const owed = this.owed.splice(this.#random.below(Math.max(1, this.owed.length)), 1)[0];
    if (owed === undefined) return;
    const { tag, targetTransferTag, from, to } = owed;
    const middle = from + this.#random.below(to - from);
    const { initiator } = this;
    const piece = (at: number, end: number) => new Uint8Array(end - at).fill(0x5a);
    if (middle > from) initiator.dataOut(tag, piece(from, middle), { targetTransferTag, bufferOffset: from, final: false });
    initiator.dataOut(tag, piece(middle, to), { targetTransferTag, bufferOffset: middle, dataSN: middle > from ? 1 : 0 });
  }

  /** Stops the commands of all players on one logical unit, of which only this one hears anything. */
  #reset(): void {
    if (!this.mayReset) return;
    this.#stopping.set(this.initiator.taskManagement(TaskManagementFunction.logicalUnitReset, { lun: Lun.pool }), []);
  }

  /** Forgets what another's reset has stopped without a word. */
  forgetStopped(): void {
    // What a paused connection was sent has not been looked at.
    if (!this.mayReset || this.initiator.transport.isReceivePaused) return;
    const { tasks } = this.initiator.connection;
    for (const tag of this.open.keys()) if (!tasks.has(tag)) this.#close(tag);
  }

  /** Until the function is answered, the commands it concerns may still be answered themselves. */
  #manage(): void {
    const tags = [...this.open.keys()];
    const referencedTaskTag = tags[this.#random.below(tags.length)];
    if (referencedTaskTag !== undefined && this.#random.below(4) > 0) {
      this.#stopping.set(this.initiator.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag }), [referencedTaskTag]);
      return;
    }
    const concerned = tags.filter((tag) => this.open.get(tag) === Lun.pool);
    this.#stopping.set(this.initiator.taskManagement(TaskManagementFunction.abortTaskSet, { lun: Lun.pool }), concerned);
  }
}

/** Small and large: in the small one, slots, memory and shares run out all the time. */
const sizes = {
  small: { arenaBytes: 8 * 64 * 1024, limits: { slotCount: 24, transferLengthBytesMax: 64 * 1024, commandWindowCountMax: 16 } },
  large: {},
};

for (const [name, options] of Object.entries(sizes)) {
  test(`any schedule of commands, data, aborts, resets and losses, in a ${name} engine: one answer each, and nothing is left`, () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed);
      const scene = new Scene(options);
      const players = Array.from({ length: INITIATOR_COUNT }, (_, at) => new Player(scene, random, at));
      for (const player of players) player.mayReset = seed % 3 === 0;
      try {
        for (let step = 0; step < 500; step++) {
          const player = players[random.below(players.length)] as Player;
          const { held } = scene.dispatcher;
          if (held.length > 0 && random.below(3) === 0) scene.dispatcher.completeHeld(random.below(held.length));
          else player.step();
          for (const each of players) {
            each.look();
            each.forgetStopped();
          }
          assert.equal(scene.defects, []);
        }
        for (let round = 0; round < 200 && (scene.runner.openTaskCount > 0 || players.some((player) => player.isStopping)); round++) {
          scene.dispatcher.completeAll();
          for (const player of players) player.settle();
          // A function may wait for data of a task that another function has said is over.
          scene.clock.advance(scene.limits.abortedTransferMsMax + 1);
          for (const { initiator } of players) initiator.connection.abortedTransfers.onTick(scene.clock.nowMicros());
        }
        scene.assertIdle();
        for (const player of players) player.forgetStopped();
        for (const player of players) assert.ok(player.open.size === 0 || !player.initiator.connection.isOpen, 'every command was answered');
      } catch (error) {
        process.stdout.write(`\nseed ${seed}\n`);
        throw error;
      }
    }
  });
}

test.run();
