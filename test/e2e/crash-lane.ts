import * as assert from 'uvu/assert';
import { InitiatorError, type LogicalUnitClient, ScsiError } from '../../initiator/index.js';
import type { SeededRandom } from '../support/random.js';
import { BLOCK_LENGTH_BYTES, type BlockModel, blocksOf } from './crash-blocks.js';

export interface CrashLaneOptions {
  readonly unit: LogicalUnitClient;
  readonly model: BlockModel;
  readonly random: SeededRandom;
  readonly lane: number;
  /** The lane's own blocks. */
  readonly lbaFirst: number;
  readonly lbaCount: number;
}

/** Runs `step` again and again until the target is gone. */
export async function untilGone(step: () => Promise<void>): Promise<void> {
  try {
    for (;;) await step();
  } catch (error) {
    if (!(error instanceof InitiatorError) || (error.code !== 'CONNECTION_CLOSED' && error.code !== 'SESSION_CLOSED')) throw error;
  }
}

const BLOCKS_MAX = 512;
const COMPARE_BLOCKS_MAX = 64;
const ATOMIC_BLOCKS_MAX = 256;
/** Of physical-block-size: 4096. */
const ATOMIC_GRANULARITY_BLOCKS = 8;
const SENSE_MISCOMPARE = 0xe;

/** Commands of one session on its own blocks of a unit, one after the other. */
export class CrashLane {
  readonly #options: CrashLaneOptions;
  readonly #steps: readonly (() => Promise<void>)[];

  constructor(options: CrashLaneOptions) {
    this.#options = options;
    this.#steps = [
      () => this.#write(false),
      () => this.#write(true),
      () => this.#writeAtomic(),
      () => this.#writeAtomic(),
      () => this.#writeSame(),
      () => this.#unmap(),
      () => this.#compareAndWrite(),
      () => this.#orWrite(),
      () => this.#synchronize(),
      () => this.#read(),
    ];
  }

  run(): Promise<void> {
    return untilGone(() => (this.#steps[this.#options.random.below(this.#steps.length)] as () => Promise<void>)());
  }

  /** Some blocks of the lane, in multiples of `granularity`. */
  #extent(countMax: number, granularity = 1): { readonly lba: number; readonly lbaCount: number } {
    const { random, lbaFirst, lbaCount: laneBlocks } = this.#options;
    const lbaCount = (1 + random.below(countMax / granularity)) * granularity;
    const lba = lbaFirst + random.below((laneBlocks - lbaCount) / granularity + 1) * granularity;
    return { lba, lbaCount };
  }

  #newValues(count: number): Uint32Array {
    return Uint32Array.from({ length: count }, () => this.#options.model.newValue());
  }

  async #change(name: string, lba: number, values: Uint32Array, isAtomic: boolean, run: () => Promise<void>): Promise<void> {
    const { model, lane } = this.#options;
    model.begin(lane, { name, lba, values, isAtomic });
    await run();
    model.end(lane);
  }

  async #write(fua: boolean): Promise<void> {
    const { unit, model } = this.#options;
    const { lba, lbaCount } = this.#extent(BLOCKS_MAX);
    const values = this.#newValues(lbaCount);
    await this.#change('WRITE', lba, values, false, () => unit.write(lba, blocksOf(values), BLOCK_LENGTH_BYTES, { fua }));
    if (fua) model.durableCount++;
  }

  async #writeAtomic(): Promise<void> {
    const { unit, random } = this.#options;
    const { lba, lbaCount } = this.#extent(ATOMIC_BLOCKS_MAX, ATOMIC_GRANULARITY_BLOCKS);
    const values = this.#newValues(lbaCount);
    await this.#change('WRITE ATOMIC', lba, values, true, () => unit.writeAtomic(lba, blocksOf(values), BLOCK_LENGTH_BYTES, { fua: random.boolean() }));
  }

  async #writeSame(): Promise<void> {
    const { unit, model, random } = this.#options;
    const { lba, lbaCount } = this.#extent(BLOCKS_MAX);
    const value = random.boolean() ? model.newValue() : 0;
    const values = new Uint32Array(lbaCount).fill(value);
    const options = { unmap: value === 0 && random.boolean() };
    await this.#change('WRITE SAME', lba, values, false, () => unit.writeSame(lba, lbaCount, blocksOf(values.subarray(0, 1)), options));
  }

  async #unmap(): Promise<void> {
    const { lba, lbaCount } = this.#extent(BLOCKS_MAX);
    await this.#change('UNMAP', lba, new Uint32Array(lbaCount), false, () => this.#options.unit.unmap([{ lba, lbaCount }]));
  }

  async #compareAndWrite(): Promise<void> {
    const { unit, model, random } = this.#options;
    const { lba, lbaCount } = this.#extent(COMPARE_BLOCKS_MAX);
    const before = model.values.slice(lba, lba + lbaCount);
    const values = this.#newValues(lbaCount);
    if (random.below(4) !== 0) {
      const run = () => unit.compareAndWrite(lba, blocksOf(before), blocksOf(values), BLOCK_LENGTH_BYTES, { fua: random.boolean() });
      return this.#change('COMPARE AND WRITE', lba, values, false, run);
    }
    try {
      await unit.compareAndWrite(lba, blocksOf(values), blocksOf(values), BLOCK_LENGTH_BYTES);
    } catch (error) {
      if (!(error instanceof ScsiError) || error.senseKey !== SENSE_MISCOMPARE) throw error;
      return;
    }
    assert.unreachable('other blocks compared equal');
  }

  async #orWrite(): Promise<void> {
    const { unit, model } = this.#options;
    const { lba, lbaCount } = this.#extent(COMPARE_BLOCKS_MAX);
    const added = this.#newValues(lbaCount);
    const values = added.map((value, at) => value | (model.values[lba + at] as number));
    await this.#change('ORWRITE', lba, values, false, () => unit.orWrite(lba, blocksOf(added), BLOCK_LENGTH_BYTES));
  }

  async #synchronize(): Promise<void> {
    await this.#options.unit.synchronizeCache();
    this.#options.model.durableCount++;
  }

  async #read(): Promise<void> {
    const { unit, model } = this.#options;
    const { lba, lbaCount } = this.#extent(BLOCKS_MAX);
    const data = await unit.read(lba, lbaCount, BLOCK_LENGTH_BYTES);
    assert.ok(data.equals(blocksOf(model.values.subarray(lba, lba + lbaCount))), `what ${lbaCount} blocks at LBA ${lba} hold is not what was written`);
  }
}
