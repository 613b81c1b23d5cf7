// test-timeout: 180 s
// test-alone: it loads both cores and holds every command to a deadline
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Assertion } from 'uvu/assert';
import type { DiskLunConfig } from '../../engine/config/engine-config.js';
import { cdb, type KeyOffers, type LogicalUnitClient } from '../../initiator/index.js';
import { hexDiff } from '../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { BlockHistory, type Observation } from './block-history.js';
import { runLanes } from './extent-lane.js';
import { type RigOptions, WorkerKiller, withRig } from './fault-rig.js';
import { attempt, type LoadCounters, newCounters, untilGood } from './retried-command.js';
import { readStamped, writeStamped } from './self-describing-block.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
/** Few, so that the extents of different sessions overlap all the time. */
const SHARED_LBA_COUNT = 128;
const EXTENT_LBA_COUNT_MAX = 48;
const SESSION_COUNT = 5;
const LANES_PER_SESSION = 2;
const LOAD_MS = 5_000;

const sessionOffers: readonly KeyOffers[] = [
  {},
  { InitialR2T: 'Yes', ImmediateData: 'No', MaxBurstLength: '16384', MaxOutstandingR2T: '4' },
  { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '8192', MaxRecvDataSegmentLength: '8192', DataDigest: 'CRC32C' },
];

/** Another generation for every write of the process, so that no two are alike. */
let generationCount = 0;

/** Writes and reads blocks that others write as well. */
class SharingLane {
  readonly #unit: LogicalUnitClient;
  readonly #blockLengthBytes: number;
  readonly #writer: number;
  readonly #history: BlockHistory;
  readonly #random: SeededRandom;
  readonly #counters: LoadCounters;

  constructor(unit: LogicalUnitClient, blockLengthBytes: number, writer: number, history: BlockHistory, counters: LoadCounters) {
    this.#unit = unit;
    this.#blockLengthBytes = blockLengthBytes;
    this.#writer = writer;
    this.#history = history;
    this.#random = seededRandom(SEED + writer);
    this.#counters = counters;
  }

  async step(): Promise<void> {
    const lbaCount = 1 + this.#random.below(EXTENT_LBA_COUNT_MAX);
    const lba = this.#random.below(SHARED_LBA_COUNT - lbaCount + 1);
    if (this.#random.boolean()) await this.write(lba, lbaCount);
    else await this.read(lba, lbaCount);
  }

  /** One generation for all attempts would let a late attempt hide behind the first, so each is a write of its own. */
  async write(lba: number, lbaCount: number): Promise<void> {
    const dataOut = Buffer.alloc(lbaCount * this.#blockLengthBytes);
    await untilGood(async () => {
      const generation = ++generationCount;
      for (let i = 0; i < lbaCount; i++) {
        const block = dataOut.subarray(i * this.#blockLengthBytes, (i + 1) * this.#blockLengthBytes);
        writeStamped(block, { lba: lba + i, writer: this.#writer, generation });
      }
      const fua = this.#random.below(4) === 0;
      const end = this.#history.beginWrite(lba, lbaCount, this.#writer, generation);
      const result = await attempt(this.#unit, 'WRITE', { cdb: cdb.writeCdb(10, lba, lbaCount, fua), dataOut }, this.#counters);
      end(result !== null);
      return result;
    });
  }

  async read(lba: number, lbaCount: number): Promise<Buffer> {
    let observation: Observation = this.#history.beginRead();
    const options = { cdb: cdb.readCdb(16, lba, lbaCount), dataInLength: lbaCount * this.#blockLengthBytes };
    const { dataIn } = await untilGood(
      () => attempt(this.#unit, 'READ', options, this.#counters),
      async () => {
        this.#history.endRead(observation);
        observation = this.#history.beginRead();
      },
    );
    for (let i = 0; i < lbaCount; i++) this.#judge(observation, lba + i, dataIn.subarray(i * this.#blockLengthBytes, (i + 1) * this.#blockLengthBytes));
    this.#history.endRead(observation);
    return dataIn;
  }

  #judge(observation: Observation, lba: number, block: Buffer): void {
    const stamp = readStamped(block);
    if (stamp === null) throw new Assertion({ message: `block ${lba} is torn`, details: describeTorn(block), operator: 'judge', expects: lba, actual: null });
    assert.is(stamp.lba, lba, `block ${lba} holds what was written to block ${stamp.lba}`);
    const fault = this.#history.fault(observation, lba, stamp.writer, stamp.generation);
    if (fault !== null) assert.unreachable(`block ${lba} holds generation ${stamp.generation} of writer ${stamp.writer}: ${fault}`);
  }
}

/** Against the write that its header names. */
function describeTorn(block: Buffer): string {
  const whole = Buffer.alloc(block.length);
  writeStamped(whole, { lba: block.readUInt32BE(0), writer: block.readUInt32BE(4), generation: block.readUInt32BE(8) });
  return hexDiff(block, whole);
}

async function shareRange(label: string, execution: RigOptions['execution'], lunIn: (folder: string) => DiskLunConfig, kill: boolean): Promise<void> {
  await withRig(
    (folder) => ({ execution, luns: [lunIn(folder)] }),
    async (rig, folder) => {
      const { blockLengthBytes, store } = lunIn(folder);
      const counters = newCounters();
      const history = new BlockHistory(SHARED_LBA_COUNT);
      const lanes: SharingLane[] = [];
      for (let i = 0; i < SESSION_COUNT; i++) {
        const unit = await rig.login(0, sessionOffers[i % sessionOffers.length]);
        for (let j = 0; j < LANES_PER_SESSION; j++) lanes.push(new SharingLane(unit, blockLengthBytes, lanes.length + 1, history, counters));
      }
      const [first] = lanes as [SharingLane];
      await first.write(0, SHARED_LBA_COUNT);
      const killer = new WorkerKiller(rig.engine, seededRandom(SEED ^ 0xdead), 200, 1_000);
      if (kill) killer.start();
      await runLanes(lanes, LOAD_MS).finally(() => killer.stop());
      await rig.assertIdle();
      const last = await first.read(0, SHARED_LBA_COUNT);
      await rig.logoutAll();
      if (store.kind === 'file') assert.is(Buffer.compare(readFileSync(store.path), last), 0, 'the file differs from what was read last');
      console.log(`${label}: ${killer.killCount} threads killed, ${counters.failedCount} of ${counters.commandCount} commands failed, seed ${SEED}`);
    },
  );
}

const sizeBytesOf = (blockLengthBytes: number) => SHARED_LBA_COUNT * blockLengthBytes;

function ramUnit(blockLengthBytes: 512 | 4096): DiskLunConfig {
  return { lun: 0, store: { kind: 'ram', sizeBytes: sizeBytesOf(blockLengthBytes) }, blockLengthBytes, readOnly: false };
}

function fileUnit(folder: string, blockLengthBytes: 512 | 4096): DiskLunConfig {
  const store = { kind: 'file', path: join(folder, 'shared.img'), sizeBytes: sizeBytesOf(blockLengthBytes), direct: false } as const;
  return { lun: 0, store, blockLengthBytes, readOnly: false };
}

test('ram, inline: sessions that overlap never see a torn or a stale block', () => shareRange('ram inline', 'inline', () => ramUnit(512), false));

test('ram, pool: the same while threads die', () => shareRange('ram pool', 'pool', () => ramUnit(4096), true));

test('a file, pool: the same while threads die', () => shareRange('file pool', 'pool', (folder) => fileUnit(folder, 4096), true));

test.run();
