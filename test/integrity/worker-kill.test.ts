// test-timeout: 180 s
// test-alone: it loads both cores and holds every command to a deadline
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig } from '../../engine/config/engine-config.js';
import { RAM_SEGMENT_BYTES } from '../../engine/store/ram-store.js';
import type { KeyOffers } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';
import { assertWhole, ExtentLane, fillNoise, runLanes } from './extent-lane.js';
import { type FaultRig, WorkerKiller, withRig } from './fault-rig.js';
import { type LoadCounters, newCounters } from './retried-command.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const LANE_LBA_COUNT = 1024;
/** Nobody writes between the lanes: what lands there was written by nobody's wish. */
const GUARD_LBA_COUNT = 16;
const SESSIONS_PER_LUN = 2;
const LANES_PER_SESSION = 2;
const LUN_LBA_COUNT = SESSIONS_PER_LUN * LANES_PER_SESSION * (LANE_LBA_COUNT + GUARD_LBA_COUNT);

/** What Data-Out can look like: all of it immediate, none, unsolicited or asked for, in small pieces, with digests. */
const sessionOffers: readonly KeyOffers[] = [
  {},
  { InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '65536', MaxOutstandingR2T: '4' },
  { InitialR2T: 'No', ImmediateData: 'No', FirstBurstLength: '65536', DataDigest: 'CRC32C' },
  { InitialR2T: 'Yes', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '8192', HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' },
  { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '4096', MaxBurstLength: '16384', MaxOutstandingR2T: '2' },
  { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '262144', MaxBurstLength: '1048576', DataDigest: 'CRC32C' },
  { InitialR2T: 'Yes', ImmediateData: 'Yes', MaxOutstandingR2T: '1', MaxRecvDataSegmentLength: '262144' },
  { InitialR2T: 'Yes', ImmediateData: 'No', HeaderDigest: 'CRC32C', MaxBurstLength: '262144' },
];

interface LoadedUnit {
  readonly config: DiskLunConfig;
  /** What the blocks from `lbaFirst` on should hold. */
  readonly model: Buffer;
  readonly lbaFirst: number;
}

/** The second lane of this LUN lies across the end of the first segment of its memory, where no read can be sent out of the store. */
const SEGMENTED_LBA_FIRST = RAM_SEGMENT_BYTES / 512 - (LANE_LBA_COUNT + GUARD_LBA_COUNT) - LANE_LBA_COUNT / 2;

function unitsIn(folder: string): LoadedUnit[] {
  const shared = { readOnly: false } as const;
  const sizeOf = (blockLengthBytes: number) => LUN_LBA_COUNT * blockLengthBytes;
  const file = (name: string, blockLengthBytes: number) =>
    ({ kind: 'file', path: join(folder, name), sizeBytes: sizeOf(blockLengthBytes), direct: false }) as const;
  const configs: DiskLunConfig[] = [
    { lun: 0, store: { kind: 'ram', sizeBytes: sizeOf(512) }, blockLengthBytes: 512, ...shared },
    { lun: 1, store: { kind: 'ram', sizeBytes: sizeOf(4096) }, blockLengthBytes: 4096, ...shared },
    { lun: 2, store: file('512.img', 512), blockLengthBytes: 512, ...shared },
    { lun: 3, store: file('4096.img', 4096), blockLengthBytes: 4096, ...shared },
    { lun: 4, store: { kind: 'ram', sizeBytes: RAM_SEGMENT_BYTES + sizeOf(512) }, blockLengthBytes: 512, ...shared },
  ];
  return configs.map((config) => ({ config, model: Buffer.alloc(sizeOf(config.blockLengthBytes)), lbaFirst: config.lun === 4 ? SEGMENTED_LBA_FIRST : 0 }));
}

/** Two sessions of two lanes on each LUN, neighbours with different keys. */
async function loginLanes(rig: FaultRig, units: readonly LoadedUnit[], counters: LoadCounters): Promise<ExtentLane[]> {
  const lanes: ExtentLane[] = [];
  for (const [unitIndex, { config, model, lbaFirst }] of units.entries()) {
    for (let i = 0; i < SESSIONS_PER_LUN; i++) {
      const unit = await rig.login(config.lun, sessionOffers[(unitIndex * SESSIONS_PER_LUN + i) % sessionOffers.length]);
      for (let j = 0; j < LANES_PER_SESSION; j++) {
        const index = i * LANES_PER_SESSION + j;
        lanes.push(
          new ExtentLane({
            unit,
            blockLengthBytes: config.blockLengthBytes,
            lbaFirst: lbaFirst + index * (LANE_LBA_COUNT + GUARD_LBA_COUNT),
            lbaCount: LANE_LBA_COUNT,
            model,
            modelLbaFirst: lbaFirst,
            random: seededRandom(SEED + lanes.length),
            counters,
          }),
        );
      }
    }
  }
  return lanes;
}

/** All that there is a model of as an initiator sees it, the blocks between the lanes too. */
async function readWhole(rig: FaultRig, { config, model, lbaFirst }: LoadedUnit): Promise<Buffer> {
  const unit = await rig.login(config.lun);
  const lbaCount = model.length / config.blockLengthBytes;
  const pieces: Buffer[] = [];
  for (let lba = 0; lba < lbaCount; lba += LANE_LBA_COUNT) {
    pieces.push(await unit.read(lbaFirst + lba, Math.min(LANE_LBA_COUNT, lbaCount - lba), config.blockLengthBytes));
  }
  return Buffer.concat(pieces);
}

async function checkStores(rig: FaultRig, units: readonly LoadedUnit[]): Promise<void> {
  for (const unit of units) assertWhole(await readWhole(rig, unit), unit.model, `LUN ${unit.config.lun} as read at the end`);
  await rig.logoutAll();
  for (const { config, model } of units) {
    if (config.store.kind === 'file') assertWhole(readFileSync(config.store.path), model, `the file of LUN ${config.lun}`);
  }
}

test('inline: ten sessions read what they wrote, whatever way the data came', async () => {
  const counters = newCounters();
  const units: LoadedUnit[] = [];
  const prepare = (folder: string) => {
    units.push(...unitsIn(folder));
    return { execution: 'inline', luns: units.map(({ config }) => config) } as const;
  };
  await withRig(prepare, async (rig) => {
    const lanes = await loginLanes(rig, units, counters);
    await runLanes(lanes, 3_000);
    await rig.assertIdle();
    for (const lane of lanes) await lane.checkAll();
    await checkStores(rig, units);
  });
  assert.is(counters.failedCount, 0);
  console.log(`inline: ${counters.commandCount} commands, seed ${SEED}`);
});

const KILL_ROUND_COUNT = 4;
const KILL_ROUND_MS = 2_500;

async function runKillRounds(label: string, limits: Readonly<Record<string, number>>): Promise<void> {
  const counters = newCounters();
  const units: LoadedUnit[] = [];
  let killCount = 0;
  const prepare = (folder: string) => {
    units.push(...unitsIn(folder));
    return { execution: 'pool', luns: units.map(({ config }) => config), limits } as const;
  };
  await withRig(prepare, async (rig) => {
    const lanes = await loginLanes(rig, units, counters);
    const killer = new WorkerKiller(rig.engine, seededRandom(SEED ^ 0xdead), 100, 500);
    for (let round = 0; round < KILL_ROUND_COUNT; round++) {
      killer.start();
      await runLanes(lanes, KILL_ROUND_MS).finally(() => killer.stop());
      await rig.assertIdle();
    }
    killCount = killer.killCount;
    for (const lane of lanes) await lane.checkAll();
    await checkStores(rig, units);
  });
  assert.ok(killCount >= KILL_ROUND_COUNT, `only ${killCount} threads were killed`);
  const { commandCount, failedCount, refusedCount } = counters;
  console.log(`${label}: ${killCount} threads killed, ${failedCount} of ${commandCount} commands failed, ${refusedCount} refused, seed ${SEED}`);
}

test('pool: threads die under load, every command ends and no byte differs', () => runKillRounds('pool', {}));

test('pool with the smallest arena and few slots: threads die while commands wait for memory', () =>
  runKillRounds('pool, scarce', { arenaBytes: 16 * 1024 * 1024, slotCount: 16, commandWindowCountMax: 8 }));

test.before(() => fillNoise(seededRandom(SEED)));
test.run();
