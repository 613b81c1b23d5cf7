// test-timeout: 400 s
// test-alone: it loads both cores
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Asc } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { cdb, PipelinedCore } from '../../initiator/index.js';
import { withLunloom } from '../support/lunloom-process.js';

const BLOCK = 512;
const TRY_COUNT = Number(process.env['LUNLOOM_TRIES'] ?? 200_000);
const SESSION_COUNT = 4;
const LANES_PER_SESSION = 8;
/** Fewer than lanes, so that they are in each other's way most of the time. */
const COUNTER_COUNT = 8;
const COUNTER_LBA_STEP = 3;
const COMPARE_AND_WRITE = 0x89;

/** How many tries are left to all lanes, and how those that were made ended. */
interface Tally {
  leftCount: number;
  wonCount: number;
  lostCount: number;
}

/** One increment after the other: reads a counter, and writes one more if it still is what was read. */
class Lane {
  readonly #core: PipelinedCore;
  readonly #commands: { readonly read: number; readonly swap: number; readonly unitReady: number };
  readonly #tally: Tally;
  readonly #memory = Buffer.alloc(2 * BLOCK);
  readonly #onDone: () => void;
  #counter: number;
  #isSwapping = false;

  constructor(core: PipelinedCore, commands: Lane['commands'], tally: Tally, counter: number, onDone: () => void) {
    this.#core = core;
    this.#commands = commands;
    this.#tally = tally;
    this.#counter = counter;
    this.#onDone = onDone;
  }

  get commands() {
    return this.#commands;
  }

  start(): number {
    if (this.#tally.leftCount === 0) {
      this.#onDone();
      return -1;
    }
    this.#isSwapping = false;
    return this.#submit(this.#commands.read);
  }

  /** What has been submitted has ended; answers the task that follows, or -1. */
  next(status: number): number {
    if (!this.#isSwapping) {
      assert.is(status, ScsiStatus.good, 'a read succeeds');
      if (this.#tally.leftCount === 0) return this.start();
      this.#tally.leftCount--;
      this.#isSwapping = true;
      const value = this.#memory.readDoubleBE(0);
      assert.is(this.#memory.readDoubleBE(BLOCK - 8), value, 'the counter is whole');
      this.#memory.copy(this.#memory, BLOCK, 0, BLOCK);
      this.#memory.writeDoubleBE(value + 1, BLOCK);
      this.#memory.writeDoubleBE(value + 1, 2 * BLOCK - 8);
      return this.#submit(this.#commands.swap);
    }
    if (status === ScsiStatus.good) this.#tally.wonCount++;
    else {
      assert.is(status, ScsiStatus.checkCondition);
      assert.is(this.#core.senseData.readUInt16BE(12), Asc.miscompareDuringVerify);
      this.#tally.lostCount++;
    }
    this.#counter = (this.#counter + 1) % COUNTER_COUNT;
    return this.start();
  }

  #submit(command: number): number {
    return this.#core.submit(command, this.#counter * COUNTER_LBA_STEP, this.#memory);
  }
}

/** Runs the lanes of one session until no try is left. */
async function runSession(port: number, targetName: string, tally: Tally, first: number): Promise<void> {
  const lanes = new Map<number, Lane>();
  let fail: (cause: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const core = await PipelinedCore.connect({
    host: '127.0.0.1',
    port,
    targetName,
    isid: `80000000000${first}`,
    taskCount: LANES_PER_SESSION,
    onComplete: (task, status) => {
      const lane = lanes.get(task) as Lane;
      lanes.delete(task);
      try {
        const following = lane.next(status);
        if (following !== -1) lanes.set(following, lane);
      } catch (error) {
        fail(error);
      }
    },
    onFailure: fail,
  });
  const swapCdb = Buffer.alloc(16);
  swapCdb[0] = COMPARE_AND_WRITE;
  swapCdb[13] = 1;
  const lba = { at: 2, widthBytes: 8 } as const;
  const commands = {
    read: core.defineCommand({ lun: 0, cdb: cdb.readCdb(16, 0, 1), lba, direction: 'in', lengthBytes: BLOCK }),
    swap: core.defineCommand({ lun: 0, cdb: swapCdb, lba, direction: 'out', lengthBytes: 2 * BLOCK }),
    unitReady: core.defineCommand({ lun: 0, cdb: Buffer.alloc(6), direction: 'none', lengthBytes: 0 }),
  };
  await takeUnitAttention(core, commands.unitReady, lanes);
  const done = Array.from({ length: LANES_PER_SESSION }, (_, index) => {
    return new Promise<void>((resolve) => {
      const lane = new Lane(core, commands, tally, (first + index) % COUNTER_COUNT, resolve);
      lanes.set(lane.start(), lane);
    });
  });
  await Promise.race([Promise.all(done), failed]);
  await core.close();
}

/** The first command of a new nexus is told that the unit was powered on. */
function takeUnitAttention(core: PipelinedCore, unitReady: number, lanes: Map<number, Lane>): Promise<void> {
  return new Promise((resolve) => {
    const listener = {
      next: () => {
        resolve();
        return -1;
      },
    };
    lanes.set(core.submit(unitReady, 0), listener as unknown as Lane);
  });
}

for (const execution of ['pool', 'inline']) {
  const tries = execution === 'pool' ? TRY_COUNT : Math.ceil(TRY_COUNT / 10);
  test(`COMPARE AND WRITE as a lock: of ${tries} tries of ${SESSION_COUNT} sessions no increment is lost (${execution})`, () =>
    withLunloom({ args: ['--execution', execution, '--workers', '2', '--lun', '0=ram:1MiB'] }, async (lunloom) => {
      const tally: Tally = { leftCount: tries, wonCount: 0, lostCount: 0 };
      const sessions = Array.from({ length: SESSION_COUNT }, (_, index) => runSession(lunloom.port, lunloom.targetName, tally, index));
      await Promise.all(sessions);
      assert.is(tally.wonCount + tally.lostCount, tries);
      assert.ok(tally.lostCount > tries / 100, `they were in each other's way: ${tally.lostCount} lost`);
      assert.is(await sumOfCounters(lunloom.port, lunloom.targetName), tally.wonCount);
    }));
}

async function sumOfCounters(port: number, targetName: string): Promise<number> {
  const memory = Buffer.alloc(COUNTER_COUNT * COUNTER_LBA_STEP * BLOCK);
  let resolveNext: () => void = () => {};
  const core = await PipelinedCore.connect({ host: '127.0.0.1', port, targetName, taskCount: 1, onComplete: () => resolveNext() });
  const run = (command: number) =>
    new Promise<void>((resolve) => {
      resolveNext = resolve;
      core.submit(command, 0, memory);
    });
  const lengthBytes = memory.length;
  const read = core.defineCommand({ lun: 0, cdb: cdb.readCdb(16, 0, lengthBytes / BLOCK), direction: 'in', lengthBytes });
  // The unit attention of the new nexus, then the counters.
  await run(read);
  await run(read);
  await core.close();
  let sum = 0;
  for (let counter = 0; counter < COUNTER_COUNT; counter++) sum += memory.readDoubleBE(counter * COUNTER_LBA_STEP * BLOCK);
  return sum;
}

test.run();
