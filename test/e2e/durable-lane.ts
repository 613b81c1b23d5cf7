import { Assertion } from 'uvu/assert';
import { cdb, InitiatorError, type LogicalUnitClient } from '../../initiator/index.js';
import { readStamped, writeStamped } from '../integrity/self-describing-block.js';
import type { SeededRandom } from '../support/random.js';

/** What one block may hold after a crash. Generations only grow; 0 is a block that was never written. */
interface BlockState {
  /** The last one that the target has called durable. */
  durable: number;
  /** The last one that was acknowledged at all. */
  acknowledged: number;
  /** All that was sent behind `durable`: the block may hold any of it. */
  later: number[];
}

/** The promises that a target has made about the blocks of one LUN. */
export class DurabilityLedger {
  readonly #blocks: BlockState[];
  #generationCount = 0;
  durableWriteCount = 0;
  flushCount = 0;

  constructor(lbaCount: number) {
    this.#blocks = Array.from({ length: lbaCount }, () => ({ durable: 0, acknowledged: 0, later: [] }));
  }

  get lbaCount(): number {
    return this.#blocks.length;
  }

  beginWrite(lba: number, lbaCount: number): number {
    const generation = ++this.#generationCount;
    for (const block of this.#slice(lba, lbaCount)) block.later.push(generation);
    return generation;
  }

  endWrite(lba: number, lbaCount: number, generation: number, fua: boolean): void {
    if (fua) this.durableWriteCount++;
    for (const block of this.#slice(lba, lbaCount)) {
      block.acknowledged = generation;
      if (fua) promise(block, generation);
    }
  }

  /** A SYNCHRONIZE CACHE is about to be sent: answers what to call when it has succeeded. It covers what was acknowledged before. */
  beginFlush(): () => void {
    const covered = this.#blocks.map((block) => block.acknowledged);
    return () => {
      this.flushCount++;
      for (const [lba, block] of this.#blocks.entries()) promise(block, covered[lba] as number);
    };
  }

  /** Compares a store as it is after a crash with the promises, and goes on from what it holds. */
  settle(bytes: Buffer, blockLengthBytes: number): void {
    for (const [lba, block] of this.#blocks.entries()) {
      const found = generationOf(bytes.subarray(lba * blockLengthBytes, (lba + 1) * blockLengthBytes), lba);
      if (found !== block.durable && !block.later.includes(found)) {
        const message = `block ${lba} holds generation ${found}; ${block.durable} was durable, and sent after it: ${block.later.join(', ') || 'nothing'}`;
        throw new Assertion({ message, operator: 'settle', expects: block.durable, actual: found });
      }
      block.durable = found;
      block.acknowledged = found;
      block.later = [];
    }
  }

  #slice(lba: number, lbaCount: number): BlockState[] {
    return this.#blocks.slice(lba, lba + lbaCount);
  }
}

function promise(block: BlockState, generation: number): void {
  if (generation <= block.durable) return;
  block.durable = generation;
  block.later = block.later.filter((later) => later > generation);
}

function generationOf(block: Buffer, lba: number): number {
  const stamp = readStamped(block);
  if (stamp !== null && stamp.lba === lba) return stamp.generation;
  if (block.every((byte) => byte === 0)) return 0;
  const message = `block ${lba} is torn, it begins with ${block.subarray(0, 16).toString('hex')}`;
  throw new Assertion({ message, operator: 'settle', expects: lba, actual: stamp?.lba ?? null });
}

/** Blocks that all tell this generation. */
export function stampedBlocks(lba: number, lbaCount: number, blockLengthBytes: number, generation: number): Buffer {
  const data = Buffer.alloc(lbaCount * blockLengthBytes);
  for (let i = 0; i < lbaCount; i++) {
    writeStamped(data.subarray(i * blockLengthBytes, (i + 1) * blockLengthBytes), { lba: lba + i, writer: 0, generation });
  }
  return data;
}

export interface DurableLaneOptions {
  readonly unit: LogicalUnitClient;
  readonly ledger: DurabilityLedger;
  readonly blockLengthBytes: number;
  /** The lane's own blocks. */
  readonly lbaFirst: number;
  readonly lbaCount: number;
  readonly random: SeededRandom;
}

const EXTENT_LBA_COUNT_MAX = 16;

/** Writes with and without FUA and flushes, one after the other, until the target is gone. */
export async function writeUntilGone(options: DurableLaneOptions): Promise<void> {
  const { unit, ledger, blockLengthBytes, lbaFirst, lbaCount: laneLbaCount, random } = options;
  try {
    for (;;) {
      if (random.below(4) === 0) {
        const promised = ledger.beginFlush();
        await unit.synchronizeCache();
        promised();
        continue;
      }
      const lbaCount = 1 + random.below(EXTENT_LBA_COUNT_MAX);
      const lba = lbaFirst + random.below(laneLbaCount - lbaCount + 1);
      const fua = random.below(3) === 0;
      const generation = ledger.beginWrite(lba, lbaCount);
      const cdbBytes = cdb.writeCdb(random.boolean() ? 10 : 16, lba, lbaCount, fua);
      await unit.run('WRITE', { cdb: cdbBytes, dataOut: stampedBlocks(lba, lbaCount, blockLengthBytes, generation) });
      ledger.endWrite(lba, lbaCount, generation, fua);
    }
  } catch (error) {
    if (!(error instanceof InitiatorError) || (error.code !== 'CONNECTION_CLOSED' && error.code !== 'SESSION_CLOSED')) throw error;
  }
}
