import { must } from './violation.js';

export const BLOCK_BYTES = 512;
const WORDS = BLOCK_BYTES / 4;

/** How a write ended, as far as its initiator can know. */
export const WriteOutcome = {
  /** Answered with GOOD: it has happened. */
  done: 'done',
  /** Lost or aborted: each of its blocks has been written or not. */
  unknown: 'unknown',
  /** Answered with an error before it touched the medium. */
  refused: 'refused',
} as const;
export type WriteOutcome = (typeof WriteOutcome)[keyof typeof WriteOutcome];

/** A write under way; places in the one order that all events of the simulation have. */
export interface WriteRecord {
  readonly id: number;
  readonly start: number;
  end: number;
  outcome: WriteOutcome;
}

interface ReadRecord {
  readonly writeId: number;
  readonly start: number;
  readonly end: number;
}

/** From the first that has surely happened to the last that has surely begun, for a write of a block and all reads of it. */
interface Zone {
  readonly writeId: number;
  readonly from: number;
  readonly to: number;
}

const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * The model of one logical unit: each block is a register, and each write puts a value of its own into it. All that was read must
 * fit one order of the writes that no block's history contradicts (linearizability, checked by zones: Gibbons and Korach 1997).
 */
export class BlockHistory {
  readonly #readsByLba = new Map<number, ReadRecord[]>();
  readonly #writesByLba = new Map<number, WriteRecord[]>();
  #nextId = 1;
  readonly #takePlace: () => number;

  constructor(takePlace: () => number) {
    this.#takePlace = takePlace;
  }

  /** Where reads and writes that begin now stand. */
  begin(): number {
    return this.#takePlace();
  }

  beginWrite(lba: number, lbaCount: number): WriteRecord {
    const record: WriteRecord = { id: this.#nextId++, start: this.#takePlace(), end: NEVER, outcome: WriteOutcome.unknown };
    for (let at = lba; at < lba + lbaCount; at++) {
      const writes = this.#writesByLba.get(at) ?? [];
      writes.push(record);
      this.#writesByLba.set(at, writes);
    }
    return record;
  }

  endWrite(record: WriteRecord, outcome: WriteOutcome): void {
    record.end = this.#takePlace();
    record.outcome = outcome;
  }

  /** Blocks that were read between `start` and now; throws a `Violation` when one is not what a single write put there. */
  endRead(lba: number, data: Uint8Array, start: number): void {
    const end = this.#takePlace();
    const words = new Uint32Array(data.slice().buffer);
    for (let index = 0; index * WORDS < words.length; index++) {
      const writeId = this.#writeIdOf(words.subarray(index * WORDS, (index + 1) * WORDS), lba + index);
      const reads = this.#readsByLba.get(lba + index) ?? [];
      reads.push({ writeId, start, end });
      this.#readsByLba.set(lba + index, reads);
    }
  }

  /** The bytes that a write puts into its blocks. */
  contentOf({ id }: WriteRecord, lba: number, lbaCount: number): Uint8Array {
    const words = new Uint32Array(lbaCount * WORDS);
    for (let index = 0; index < lbaCount; index++) fillBlock(words.subarray(index * WORDS, (index + 1) * WORDS), id, lba + index);
    return new Uint8Array(words.buffer);
  }

  #writeIdOf(words: Uint32Array, lba: number): number {
    const id = words[0] as number;
    const expected = new Uint32Array(WORDS);
    if (id !== 0) fillBlock(expected, id, lba);
    for (let index = 0; index < WORDS; index++) {
      must(words[index] === expected[index], () => `block ${lba} is none that was ever written: word ${index} does not belong to write ${id}`);
    }
    return id;
  }

  /** Throws a `Violation` when what was read of some block fits no order. */
  check(): void {
    for (const [lba, reads] of this.#readsByLba) this.#checkBlock(lba, reads, this.#writesByLba.get(lba) ?? []);
  }

  #checkBlock(lba: number, reads: readonly ReadRecord[], writes: readonly WriteRecord[]): void {
    const first: WriteRecord = { id: 0, start: -2, end: -1, outcome: WriteOutcome.done };
    const zones: Zone[] = [];
    const readsById = new Map<number, ReadRecord[]>();
    for (const read of reads) readsById.set(read.writeId, [...(readsById.get(read.writeId) ?? []), read]);
    for (const write of [first, ...writes]) {
      const own = readsById.get(write.id) ?? [];
      readsById.delete(write.id);
      if (own.length === 0 && write.outcome !== WriteOutcome.done) continue;
      must(write.outcome !== WriteOutcome.refused, () => `block ${lba}: write ${write.id} was answered with an error, and yet was read`);
      for (const read of own) must(read.end > write.start, () => `block ${lba}: write ${write.id} was read before it was sent`);
      zones.push({
        writeId: write.id,
        from: Math.min(write.end, ...own.map(({ end }) => end)),
        to: Math.max(write.start, ...own.map(({ start }) => start)),
      });
    }
    for (const id of readsById.keys()) must(false, () => `block ${lba}: write ${id} was read, which never wrote it`);
    checkZones(lba, zones);
  }
}

function fillBlock(words: Uint32Array, id: number, lba: number): void {
  words[0] = id;
  words[1] = lba;
  for (let index = 2; index < WORDS; index++) words[index] = Math.imul(id * 31 + lba, 0x9e3779b1) + index;
}

function checkZones(lba: number, zones: readonly Zone[]): void {
  const forward = zones.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from);
  forward.forEach((zone, index) => {
    const next = forward[index + 1];
    must(next === undefined || next.from > zone.to, () => `block ${lba}: writes ${zone.writeId} and ${next?.writeId} were read in no possible order`);
  });
  for (const { writeId, from, to } of zones) {
    if (from < to) continue;
    const around = forward.find((zone) => zone.from < to && from < zone.to);
    must(around === undefined, () => `block ${lba}: write ${writeId} was lost: write ${around?.writeId} was read before and after it`);
  }
}
