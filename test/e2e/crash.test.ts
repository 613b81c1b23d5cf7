// test-timeout: 600 s
// test-beside: it waits most of the time
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session, VpdPageCode } from '../../initiator/index.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { BLOCK_LENGTH_BYTES, BlockModel, blocksOf, valuesOf } from './crash-blocks.js';
import { CrashLane, untilGone } from './crash-lane.js';
import { CrashModes } from './crash-modes.js';
import { CRASH_ISID, CrashReservations, nameUnit } from './crash-reservations.js';
import { CrashRewrite } from './crash-rewrite.js';
import { directIsSupported } from './direct-support.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
/** A hundred in the full run; what fits into a minute otherwise. */
const CRASH_COUNT = Number(process.env['LUNLOOM_CRASHES'] ?? 30);
const LOAD_MS_MIN = 5;
const LOAD_MS_MAX = 400;
const TARGET = 'iqn.2026-11.io.lunloom:crash';
const LANE_COUNT = 3;
const LANE_BLOCKS = 1024;
const LBA_COUNT = LANE_COUNT * LANE_BLOCKS;
const REWRITE_LBA_COUNT = 8 * 1024;
const REWRITE_BYTES_PER_SECOND = 64 * 1024 * 1024;
const UNIT_ATTENTION_COUNT_MAX = 32;

const test = suite<{ folder: string }>('crashes');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-crash-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

interface Variant {
  readonly execution: string;
  readonly direct: boolean;
}

function serve(folder: string, { execution, direct }: Variant): Promise<LunloomProcess> {
  const lunOf = (lun: number, lbaCount: number) => ({
    lun,
    store: `file:${join(folder, `disk${lun}.img`)}`,
    size: lbaCount * BLOCK_LENGTH_BYTES,
    'physical-block-size': 4096,
    execution,
    direct,
  });
  return LunloomProcess.start({
    args: ['--workers', '2'],
    config: {
      state: join(folder, 'state'),
      limits: { backgroundBytesPerSecondMax: REWRITE_BYTES_PER_SECOND },
      targets: [{ name: TARGET, luns: [lunOf(0, LBA_COUNT), lunOf(1, REWRITE_LBA_COUNT)] }],
    },
  });
}

/** By a name that is the same in every cycle, so that registrations are of the same nexus. */
async function login(lunloom: LunloomProcess, name: string): Promise<LogicalUnitClient> {
  const initiatorName = `iqn.2026-11.io.lunloom:${name}`;
  const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: TARGET, initiatorName, isid: CRASH_ISID });
  return nameUnit(new LogicalUnitClient(session, 0, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX }), initiatorName);
}

/** All that is kept between one life of the target and the next, and what it has to be. */
class CrashScene {
  readonly #folder: string;
  readonly #random: SeededRandom;
  #names: string | null = null;
  readonly blocks = new BlockModel(LBA_COUNT);
  readonly modes = new CrashModes();
  readonly reservations = new CrashReservations();
  readonly rewrite = new CrashRewrite(REWRITE_LBA_COUNT);

  constructor(folder: string, random: SeededRandom) {
    this.#folder = folder;
    this.#random = random;
  }

  /** What a start must find. */
  async verify(lunloom: LunloomProcess, unit: LogicalUnitClient): Promise<void> {
    this.blocks.settle(readFileSync(join(this.#folder, 'disk0.img')));
    assert.equal(readdirSync(this.#folder).sort(), ['disk0.img', 'disk1.img', 'state'], 'nothing is left beside the images');
    // A sanitize that goes on may be saving its own state at this very moment.
    const isLeft = (name: string) => name.endsWith('.tmp') && name.includes('-lun0-');
    assert.equal(readdirSync(join(this.#folder, 'state')).filter(isLeft), []);
    const { bytes } = await unit.vitalProductData(VpdPageCode.deviceIdentification);
    this.#names ??= bytes.toString('hex');
    assert.is(bytes.toString('hex'), this.#names, 'the unit has the names that it had');
    await this.reservations.verify(unit);
    await this.modes.verify(unit);
    await this.rewrite.verify(new LogicalUnitClient(unit.session, 1, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX }));
    assert.is(lunloom.stderr, '');
  }

  /** One life: verify, work, die. */
  async crash(variant: Variant): Promise<void> {
    const random = this.#random;
    const lunloom = await serve(this.#folder, variant);
    try {
      const movers = [await login(lunloom, 'mover-a'), await login(lunloom, 'mover-b')];
      const writers: LogicalUnitClient[] = [];
      for (let lane = 0; lane < LANE_COUNT; lane++) writers.push(await login(lunloom, `writer-${lane}`));
      const [mover] = movers as [LogicalUnitClient];
      // Registered whenever there is a reservation, which may refuse others.
      await this.verify(lunloom, writers[0] as LogicalUnitClient);
      const lanes = Promise.all([
        this.reservations.run(movers, writers, random),
        // Under a reservation of others MODE SELECT is refused: the writers are registered, and so is their session.
        this.modes.run(writers[0] as LogicalUnitClient, random),
        this.rewrite.run(new LogicalUnitClient(mover.session, 1, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX }), random),
        ...writers.map((unit, lane) => new CrashLane({ unit, model: this.blocks, random, lane, lbaFirst: lane * LANE_BLOCKS, lbaCount: LANE_BLOCKS }).run()),
      ]);
      const loadMs = LOAD_MS_MIN + random.below(LOAD_MS_MAX - LOAD_MS_MIN);
      await Promise.race([lanes, new Promise((resolve) => setTimeout(resolve, loadMs))]);
      assert.is((await lunloom.kill()).signal, 'SIGKILL', 'it was there until it was killed');
      await lanes;
      assert.is(lunloom.stderr, '');
    } finally {
      await lunloom.kill();
    }
  }
}

test(`${CRASH_COUNT} times kill -9: nothing that was acknowledged is lost, nothing is torn, and every start finds its state`, async ({ folder }) => {
  process.stdout.write(`LUNLOOM_SEED=${SEED} LUNLOOM_CRASHES=${CRASH_COUNT}\n`);
  const random = seededRandom(SEED);
  const scene = new CrashScene(folder, random);
  const directs = directIsSupported(BLOCK_LENGTH_BYTES) ? [false, true] : [false];
  for (let cycle = 0; cycle < CRASH_COUNT; cycle++) {
    const variant = { execution: ['inline', 'pool', 'auto'][random.below(3)] as string, direct: directs[random.below(directs.length)] as boolean };
    try {
      await scene.crash(variant);
    } catch (error) {
      process.stdout.write(`in cycle ${cycle}, ${JSON.stringify(variant)}\n`);
      throw error;
    }
  }
  const last = await serve(folder, { execution: 'auto', direct: false });
  await scene.verify(last, await login(last, 'writer-0'));
  assert.equal(await last.stop(), { exitCode: 0, signal: null });
  const { blocks, modes, reservations, rewrite } = scene;
  process.stdout.write(
    `${blocks.acknowledgedCount} changes of blocks, ${blocks.durableCount} durable, ${blocks.interruptedCount} interrupted; ` +
      `${modes.savedCount} saves of mode pages; ${reservations.acknowledgedCount} changes of reservations, kept ${reservations.keptCount} times; ` +
      `${rewrite.doneCount} rewrites seen done, ${rewrite.resumedCount} sanitizes resumed, ${rewrite.interruptedFormatCount} formats interrupted\n`,
  );
  assert.ok(blocks.durableCount > 0 && modes.savedCount > 0 && reservations.keptCount > 0, 'something was promised');
});

/** Long enough that a kill finds one in the middle of it. */
const ATOMIC_BLOCKS = 8192;
const ATOMIC_LBA = 64;
const ATOMIC_CRASH_COUNT = Math.ceil(CRASH_COUNT / 5);

for (const execution of ['inline', 'pool']) {
  test(`${execution}: WRITE ATOMIC of ${(ATOMIC_BLOCKS * BLOCK_LENGTH_BYTES) / 2 ** 20} MiB is whole after each of ${ATOMIC_CRASH_COUNT} kills`, async ({
    folder,
  }) => {
    const random = seededRandom(SEED);
    const image = join(folder, 'disk.img');
    const size = 2 * ATOMIC_BLOCKS * BLOCK_LENGTH_BYTES;
    let acknowledged = 0;
    let sent = 0;
    let redoneCount = 0;
    for (let cycle = 0; cycle <= ATOMIC_CRASH_COUNT; cycle++) {
      const lunloom = await LunloomProcess.start({ args: ['--lun', `0=file:${image},size=${size}`, '--execution', execution, '--workers', '1'] });
      try {
        const found = valuesOf(readFileSync(image).subarray(ATOMIC_LBA * BLOCK_LENGTH_BYTES, (ATOMIC_LBA + ATOMIC_BLOCKS) * BLOCK_LENGTH_BYTES));
        const [value] = found as unknown as [number];
        assert.ok(
          found.every((each) => each === value),
          `cycle ${cycle}, seed ${SEED}: torn behind ${found.findIndex((each) => each !== value)} blocks`,
        );
        assert.ok(value === acknowledged || value === sent, `cycle ${cycle}, seed ${SEED}: write ${value} is there, ${acknowledged} was acknowledged`);
        acknowledged = value;
        const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: lunloom.targetName });
        const unit = new LogicalUnitClient(session, 0, { unitAttentionCountMax: UNIT_ATTENTION_COUNT_MAX });
        const writing = untilGone(async () => {
          const data = blocksOf(new Uint32Array(ATOMIC_BLOCKS).fill(++sent));
          await unit.writeAtomic(ATOMIC_LBA, data, BLOCK_LENGTH_BYTES);
          acknowledged = sent;
        });
        await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, LOAD_MS_MIN + random.below(LOAD_MS_MAX)))]);
        await lunloom.kill();
        await writing;
        redoneCount += readdirSync(folder).length - 1;
      } finally {
        await lunloom.kill();
      }
    }
    process.stdout.write(`${execution}: ${sent} atomic writes, ${redoneCount} interrupted with their redo file there\n`);
  });
}

test.run();
