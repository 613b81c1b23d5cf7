// test-timeout: 180 s
// test-beside: it waits most of the time
import { constants, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { seededRandom } from '../support/random.js';
import { COULD_NOT_RUN } from '../support/uvu-output.js';
import { directIsSupported } from './direct-support.js';
import { DurabilityLedger, stampedBlocks, writeUntilGone } from './durable-lane.js';
import { withStrace } from './strace.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const BLOCK_LENGTH_BYTES = 4096;
const LBA_COUNT = 512;
const LANE_COUNT = 4;
const SIZE_BYTES = LBA_COUNT * BLOCK_LENGTH_BYTES;
const ROUND_COUNT = 5;
const LOAD_MS_MIN = 30;
const LOAD_MS_MAX = 400;
const { O_DSYNC } = constants;

const test = suite<{ folder: string; image: string }>('durability');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-durability-'));
  context.image = join(context.folder, 'disk.img');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

interface Variant {
  readonly execution: 'inline' | 'pool';
  readonly direct: boolean;
}

const isDirectSupported = directIsSupported(BLOCK_LENGTH_BYTES);
if (!isDirectSupported) process.stdout.write(`\n${COULD_NOT_RUN} durability with direct: the file system of the temporary folder does not take it\n`);

const variants: Variant[] = (['inline', 'pool'] as const).flatMap((execution) =>
  (isDirectSupported ? [false, true] : [false]).map((direct) => ({ execution, direct })),
);
const nameOf = ({ execution, direct }: Variant) => `${execution}${direct ? ', direct' : ''}`;

function serve(image: string, { execution, direct }: Variant): Promise<LunloomProcess> {
  const lun = `0=file:${image},size=${SIZE_BYTES},block-size=${BLOCK_LENGTH_BYTES}${direct ? ',direct' : ''}`;
  return LunloomProcess.start({ args: ['--lun', lun, '--execution', execution, '--workers', '2'] });
}

async function login(lunloom: LunloomProcess): Promise<LogicalUnitClient> {
  const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: lunloom.targetName });
  const unit = new LogicalUnitClient(session, 0);
  await unit.clearUnitAttentions();
  return unit;
}

for (const variant of variants) {
  test(`${nameOf(variant)}: a write with FUA is there after kill -9`, async ({ image }) => {
    const data = stampedBlocks(7, 33, BLOCK_LENGTH_BYTES, 1);
    const first = await serve(image, variant);
    await (await login(first)).write(7, data, BLOCK_LENGTH_BYTES, { fua: true });
    assert.is((await first.kill()).signal, 'SIGKILL');
    assert.ok(
      readFileSync(image)
        .subarray(7 * BLOCK_LENGTH_BYTES, 40 * BLOCK_LENGTH_BYTES)
        .equals(data),
    );
    const second = await serve(image, variant);
    const unit = await login(second);
    assert.ok((await unit.read(7, 33, BLOCK_LENGTH_BYTES)).equals(data));
    await unit.session.logout();
    assert.is((await second.stop()).exitCode, 0);
  });

  test(`${nameOf(variant)}: a write behind which the cache was synchronized is there after kill -9`, async ({ image }) => {
    const data = stampedBlocks(0, 64, BLOCK_LENGTH_BYTES, 1);
    const first = await serve(image, variant);
    const unit = await login(first);
    await unit.write(0, data, BLOCK_LENGTH_BYTES);
    await unit.synchronizeCache();
    await first.kill();
    assert.ok(readFileSync(image).subarray(0, data.length).equals(data));
    const second = await serve(image, variant);
    assert.ok((await (await login(second)).read(0, 64, BLOCK_LENGTH_BYTES)).equals(data));
    await second.kill();
  });

  test(`${nameOf(variant)}: ${ROUND_COUNT} kills under concurrent writes lose nothing that was called durable`, async ({ image }) => {
    const ledger = new DurabilityLedger(LBA_COUNT);
    const random = seededRandom(SEED ^ variants.indexOf(variant));
    for (let round = 0; round < ROUND_COUNT; round++) {
      const lunloom = await serve(image, variant);
      if (round > 0) await checkServed(lunloom, image);
      const lanes: Promise<void>[] = [];
      for (let i = 0; i < LANE_COUNT; i++) {
        const lbaCount = LBA_COUNT / LANE_COUNT;
        const unit = await login(lunloom);
        lanes.push(writeUntilGone({ unit, ledger, blockLengthBytes: BLOCK_LENGTH_BYTES, lbaFirst: i * lbaCount, lbaCount, random }));
      }
      const all = Promise.all(lanes);
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LOAD_MS_MIN + random.below(LOAD_MS_MAX - LOAD_MS_MIN)))]);
      assert.is((await lunloom.kill()).signal, 'SIGKILL', 'it was there until it was killed');
      await all;
      ledger.settle(readFileSync(image), BLOCK_LENGTH_BYTES);
    }
    console.log(`${nameOf(variant)}: ${ledger.durableWriteCount} FUA writes and ${ledger.flushCount} flushes in ${ROUND_COUNT} rounds, seed ${SEED}`);
    assert.ok(ledger.durableWriteCount > 0 && ledger.flushCount > 0, 'nothing was promised');
  });
}

/** What the restarted target serves is what the file holds. */
async function checkServed(lunloom: LunloomProcess, image: string): Promise<void> {
  const unit = await login(lunloom);
  assert.ok((await unit.read(0, LBA_COUNT, BLOCK_LENGTH_BYTES)).equals(readFileSync(image)), 'the target serves something else than the file holds');
  await unit.session.logout();
}

/** The flags of every descriptor by which the process holds the file. */
function descriptorFlags(pid: number, path: string): Map<number, number> {
  const flags = new Map<number, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== path) continue;
    const text = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
    flags.set(Number(fd), Number.parseInt(text, 8));
  }
  return flags;
}

for (const variant of variants) {
  test(`${nameOf(variant)}: the file is open twice, once with O_DSYNC`, async ({ image }) => {
    const lunloom = await serve(image, variant);
    const flags = [...descriptorFlags(lunloom.pid, image).values()];
    await lunloom.stop();
    assert.equal(flags.map((value) => (value & O_DSYNC) !== 0).sort(), [false, true]);
  });

  // A killed process leaves the page cache behind, so only the calls themselves can tell that the medium was asked.
  peerTest(
    `${nameOf(variant)}: FUA goes through the O_DSYNC descriptor, SYNCHRONIZE CACHE and stopping are fdatasync`,
    ['strace'],
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lunloom-traced-'));
      try {
        await traceDurability(join(folder, 'disk.img'), variant);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    test,
  );
}

async function traceDurability(image: string, variant: Variant): Promise<void> {
  const lunloom = await serve(image, variant);
  try {
    const flags = descriptorFlags(lunloom.pid, image);
    const fdOf = (durable: boolean) => [...flags].find(([, value]) => ((value & O_DSYNC) !== 0) === durable)?.[0];
    const unit = await login(lunloom);
    const lines = await withStrace(lunloom.pid, { calls: ['pwrite64', 'pwritev', 'fsync', 'fdatasync'], path: image }, async () => {
      await unit.write(0, Buffer.alloc(BLOCK_LENGTH_BYTES, 1), BLOCK_LENGTH_BYTES, { fua: true });
      await unit.write(1, Buffer.alloc(BLOCK_LENGTH_BYTES, 2), BLOCK_LENGTH_BYTES);
      await unit.synchronizeCache();
      await unit.write(2, Buffer.alloc(BLOCK_LENGTH_BYTES, 3), BLOCK_LENGTH_BYTES);
      await unit.session.logout();
      assert.is((await lunloom.stop()).exitCode, 0);
    });
    if (lines === null) return;
    const calls = lines.flatMap((line) => /\b(pwrite\w*|fsync|fdatasync)\((\d+)/.exec(line)?.slice(1, 3).join(' ') ?? []);
    const [plain, durable] = [fdOf(false), fdOf(true)];
    assert.equal(calls, [`pwrite64 ${durable}`, `pwrite64 ${plain}`, `fdatasync ${plain}`, `pwrite64 ${plain}`, `fdatasync ${plain}`]);
  } finally {
    await lunloom.kill();
  }
}

const FLUSH_DELAY_MS = 400;

for (const execution of ['inline', 'pool'] as const) {
  peerTest(
    `${execution}: SYNCHRONIZE CACHE is answered when fdatasync has returned, not before`,
    ['strace'],
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lunloom-traced-'));
      const image = join(folder, 'disk.img');
      const lunloom = await serve(image, { execution, direct: false });
      try {
        const unit = await login(lunloom);
        await unit.write(0, Buffer.alloc(BLOCK_LENGTH_BYTES, 1), BLOCK_LENGTH_BYTES);
        const inject = `fdatasync:delay_exit=${FLUSH_DELAY_MS * 1000}`;
        await withStrace(lunloom.pid, { calls: ['fdatasync'], path: image, inject }, async () => {
          const startedAt = performance.now();
          await unit.synchronizeCache();
          const elapsedMs = performance.now() - startedAt;
          assert.ok(elapsedMs >= FLUSH_DELAY_MS, `it was answered after ${elapsedMs.toFixed(0)} ms of a flush that takes ${FLUSH_DELAY_MS}`);
        });
      } finally {
        await lunloom.kill();
        rmSync(folder, { recursive: true });
      }
    },
    test,
  );
}

test.run();
