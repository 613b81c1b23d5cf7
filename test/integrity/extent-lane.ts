import { Assertion } from 'uvu/assert';
import { cdb, type LogicalUnitClient } from '../../initiator/index.js';
import { assertBytes } from '../support/assert-bytes.js';
import type { SeededRandom } from '../support/random.js';
import { attempt, type LoadCounters, untilGood } from './retried-command.js';

const LBA_COUNT_MAX = 256;
const noisePool = Buffer.allocUnsafe(8 * 1024 * 1024);

/** Fills the pool that all data is cut from; once a process. */
export function fillNoise(random: SeededRandom): void {
  for (let at = 0; at < noisePool.length; at += 4) noisePool.writeUInt32LE(random.uint32(), at);
}

export interface LaneOptions {
  readonly unit: LogicalUnitClient;
  readonly blockLengthBytes: number;
  /** The lane's own blocks: nobody else writes or reads them. */
  readonly lbaFirst: number;
  readonly lbaCount: number;
  /** What the LUN should hold from `modelLbaFirst` on. */
  readonly model: Buffer;
  readonly modelLbaFirst: number;
  readonly random: SeededRandom;
  readonly counters: LoadCounters;
}

/**
 * One command after the other on blocks of its own, each checked against a model: random extents, both CDB lengths, data sent in
 * every way that the session's keys allow, FUA, SYNCHRONIZE CACHE, reads and compares.
 */
export class ExtentLane {
  readonly #options: LaneOptions;
  #generation = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  async step(): Promise<void> {
    const choice = this.#options.random.below(100);
    if (choice < 50) await this.#write();
    else if (choice < 85) await this.#read();
    else if (choice < 95) await this.#compare();
    else await this.#synchronize();
  }

  /** `from` and `to` are offsets in the model. */
  #extent(): { readonly lba: number; readonly lbaCount: number; readonly from: number; readonly to: number } {
    const { random, lbaFirst, lbaCount: laneLbaCount, blockLengthBytes, modelLbaFirst } = this.#options;
    // Half of the extents are small, where immediate data and single-block paths are.
    const lbaCount = 1 + random.below(random.boolean() ? 16 : LBA_COUNT_MAX);
    const lba = lbaFirst + random.below(laneLbaCount - lbaCount + 1);
    const from = (lba - modelLbaFirst) * blockLengthBytes;
    return { lba, lbaCount, from, to: from + lbaCount * blockLengthBytes };
  }

  #form(): 10 | 16 {
    return this.#options.random.boolean() ? 10 : 16;
  }

  /** Noise whose blocks all say who wrote them where and when, so that a hex diff tells what went wrong. */
  #data(lba: number, lbaCount: number): Buffer {
    const { random, blockLengthBytes, lbaFirst } = this.#options;
    const lengthBytes = lbaCount * blockLengthBytes;
    const at = random.below(noisePool.length - lengthBytes);
    const data = Buffer.from(noisePool.subarray(at, at + lengthBytes));
    this.#generation++;
    for (let i = 0; i < lbaCount; i++) {
      data.writeUInt32BE(lba + i, i * blockLengthBytes);
      data.writeUInt32BE(lbaFirst, i * blockLengthBytes + 4);
      data.writeUInt32BE(this.#generation, i * blockLengthBytes + 8);
    }
    return data;
  }

  async #write(): Promise<void> {
    const { unit, random, counters, model } = this.#options;
    const { lba, lbaCount, from, to } = this.#extent();
    const data = this.#data(lba, lbaCount);
    const before = Buffer.from(model.subarray(from, to));
    const options = {
      cdb: cdb.writeCdb(this.#form(), lba, lbaCount, random.below(3) === 0),
      dataOut: data,
      // Less than was negotiated is legal too: the rest is then asked for.
      ...(random.below(3) === 0 ? { immediateDataLength: random.below(3) * 512 } : {}),
      ...(random.below(3) === 0 ? { unsolicitedDataOut: false } : {}),
    };
    await untilGood(
      () => attempt(unit, `WRITE of ${lbaCount} at ${lba}`, options, counters),
      () => this.#checkOldOrNew(lba, lbaCount, before, data),
    );
    model.set(data, from);
  }

  /** A write that failed has changed some of its blocks, each as a whole, and no others. */
  async #checkOldOrNew(lba: number, lbaCount: number, before: Buffer, after: Buffer): Promise<void> {
    const { blockLengthBytes } = this.#options;
    const now = await this.#readBlocks(lba, lbaCount);
    for (let at = 0; at < now.length; at += blockLengthBytes) {
      const block = now.subarray(at, at + blockLengthBytes);
      if (block.equals(after.subarray(at, at + blockLengthBytes))) continue;
      assertBytes(block, before.subarray(at, at + blockLengthBytes), `block ${lba + at / blockLengthBytes} is neither old nor new after a failed write`);
    }
  }

  async #readBlocks(lba: number, lbaCount: number): Promise<Buffer> {
    const { unit, random, counters, blockLengthBytes } = this.#options;
    const options = { cdb: cdb.readCdb(this.#form(), lba, lbaCount, random.below(8) === 0), dataInLength: lbaCount * blockLengthBytes };
    return (await untilGood(() => attempt(unit, `READ of ${lbaCount} at ${lba}`, options, counters))).dataIn;
  }

  async #read(): Promise<void> {
    const { lba, lbaCount, from, to } = this.#extent();
    const data = await this.#readBlocks(lba, lbaCount);
    // The comparison of one call first: the row-wise one of the message is slow.
    if (!data.equals(this.#options.model.subarray(from, to))) {
      assertBytes(data, this.#options.model.subarray(from, to), `READ of ${lbaCount} blocks at ${lba}`);
    }
  }

  /** VERIFY with BYTCHK 01b: the target does the comparing. A difference ends with MISCOMPARE, which fails the test. */
  async #compare(): Promise<void> {
    const { unit, counters, model } = this.#options;
    const { lba, lbaCount, from, to } = this.#extent();
    const options = { cdb: cdb.verifyCdb(this.#form(), lba, lbaCount, 1), dataOut: Buffer.from(model.subarray(from, to)) };
    await untilGood(() => attempt(unit, `VERIFY of ${lbaCount} at ${lba}`, options, counters));
  }

  async #synchronize(): Promise<void> {
    const { unit, counters, lbaFirst, lbaCount } = this.#options;
    const options = { cdb: cdb.synchronizeCacheCdb(this.#form(), lbaFirst, lbaCount) };
    await untilGood(() => attempt(unit, 'SYNCHRONIZE CACHE', options, counters));
  }

  /** Everything the lane owns, at the end. */
  async checkAll(): Promise<void> {
    const { lbaFirst, lbaCount, blockLengthBytes, model, modelLbaFirst } = this.#options;
    for (let lba = lbaFirst; lba < lbaFirst + lbaCount; lba += LBA_COUNT_MAX) {
      const count = Math.min(LBA_COUNT_MAX, lbaFirst + lbaCount - lba);
      const data = await this.#readBlocks(lba, count);
      const from = (lba - modelLbaFirst) * blockLengthBytes;
      assertBytes(data, model.subarray(from, from + data.length), `the ${count} blocks at ${lba} at the end`);
    }
  }
}

/** Runs the lanes side by side until the time is over; the first that fails stops the others. */
export async function runLanes(lanes: readonly { step(): Promise<void> }[], durationMs: number): Promise<void> {
  const until = performance.now() + durationMs;
  const run = { failed: false };
  const outcomes = await Promise.allSettled(
    lanes.map(async (lane) => {
      try {
        while (!run.failed && performance.now() < until) await lane.step();
      } catch (error) {
        run.failed = true;
        throw error;
      }
    }),
  );
  const rejected = outcomes.find((outcome) => outcome.status === 'rejected');
  if (rejected !== undefined) throw rejected.reason;
}

/** For messages: fails unless the store's bytes are the model's. */
export function assertWhole(actual: Buffer, model: Buffer, what: string): void {
  if (actual.equals(model)) return;
  assertBytes(actual, model, what);
  throw new Assertion({ message: what, operator: 'assertWhole', expects: model.length, actual: actual.length });
}
