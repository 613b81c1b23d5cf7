import { Assertion } from 'uvu/assert';

/** A command that is on its way and may have changed none, some or all of its blocks. */
export interface BlockChange {
  readonly name: string;
  readonly lba: number;
  /** What each block is to hold. */
  readonly values: Uint32Array;
  /** All of them or none, whatever happens. */
  readonly isAtomic: boolean;
}

export const BLOCK_LENGTH_BYTES = 512;
const WORDS_PER_BLOCK = BLOCK_LENGTH_BYTES / Uint32Array.BYTES_PER_ELEMENT;

/** Blocks each of which is full of its value, so that one that is torn is seen. */
export function blocksOf(values: Uint32Array): Buffer {
  const words = new Uint32Array(values.length * WORDS_PER_BLOCK);
  for (const [at, value] of values.entries()) words.fill(value, at * WORDS_PER_BLOCK, (at + 1) * WORDS_PER_BLOCK);
  return Buffer.from(words.buffer);
}

/** The values of blocks; throws for one that is not full of one value. */
export function valuesOf(bytes: Buffer): Uint32Array {
  const copy = Uint8Array.from(bytes);
  const words = new Uint32Array(copy.buffer);
  return Uint32Array.from({ length: words.length / WORDS_PER_BLOCK }, (_, lba) => {
    const block = words.subarray(lba * WORDS_PER_BLOCK, (lba + 1) * WORDS_PER_BLOCK);
    const [value] = block as unknown as [number];
    if (block.every((word) => word === value)) return value;
    throw new Assertion({ message: `block ${lba} is torn`, operator: 'valuesOf', expects: value, actual: Array.from(block) });
  });
}

/** What the blocks of a unit hold: all that was acknowledged, and of what was under way when the target died as much as is allowed. */
export class BlockModel {
  readonly values: Uint32Array;
  /** By lane, each of which has its own blocks and one command at a time. */
  readonly #pending = new Map<number, BlockChange>();
  #valueCount = 0;
  acknowledgedCount = 0;
  durableCount = 0;
  interruptedCount = 0;

  constructor(lbaCount: number) {
    this.values = new Uint32Array(lbaCount);
  }

  /** One that no block has had yet. */
  newValue(): number {
    return Math.imul(++this.#valueCount, 0x9e3779b1) >>> 0;
  }

  begin(lane: number, change: BlockChange): void {
    this.#pending.set(lane, change);
  }

  /** Acknowledged. */
  end(lane: number): void {
    const { lba, values } = this.#pending.get(lane) as BlockChange;
    this.values.set(values, lba);
    this.#pending.delete(lane);
    this.acknowledgedCount++;
  }

  /** Compares with a store after a crash and goes on from what it holds. A file keeps all that was acknowledged, not only what was called durable. */
  settle(bytes: Buffer): void {
    const found = valuesOf(bytes);
    for (const change of this.#pending.values()) this.#settleChange(change, found);
    this.#pending.clear();
    for (const [lba, value] of found.entries()) {
      if (value !== this.values[lba]) throw this.#fault(`block ${lba} has not what was acknowledged`, this.values[lba], value);
    }
  }

  #settleChange({ name, lba, values, isAtomic }: BlockChange, found: Uint32Array): void {
    this.interruptedCount++;
    let changedCount = 0;
    for (const [at, value] of values.entries()) {
      const actual = found[lba + at] as number;
      if (actual === value) changedCount++;
      else if (actual !== this.values[lba + at])
        throw this.#fault(`block ${lba + at} has neither what was there before ${name} nor what it writes`, value, actual);
    }
    const isSame = values.every((value, at) => value === this.values[lba + at]);
    if (isAtomic && !isSame && changedCount !== 0 && changedCount !== values.length) {
      throw this.#fault(`${name} of ${values.length} blocks at LBA ${lba} is torn`, values.length, changedCount);
    }
    this.values.set(found.subarray(lba, lba + values.length), lba);
  }

  #fault(message: string, expects: unknown, actual: unknown): Assertion {
    return new Assertion({ message, operator: 'settle', expects, actual });
  }
}
