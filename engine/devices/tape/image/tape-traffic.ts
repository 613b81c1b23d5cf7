import { SUPERBLOCK_COUNT_COUNT } from './superblock.js';
import type { TapeTraffic } from './tape-service.js';

/** In the order in which the superblock keeps them. */
const names = [
  'writtenBytes',
  'writtenStoredBytes',
  'writtenBlockCount',
  'readBytes',
  'readStoredBytes',
  'readBlockCount',
  'readErrorCount',
  'writeErrorCount',
  'filemarkCount',
] as const satisfies readonly (keyof TapeTraffic)[];

export type TrafficName = (typeof names)[number];

/** What went to a medium and came from it: in its life, and since it was loaded. */
export class TapeTrafficCounts {
  readonly #before: readonly number[];
  readonly #since = new Float64Array(SUPERBLOCK_COUNT_COUNT);

  constructor(before: readonly number[]) {
    this.#before = before;
  }

  add(name: TrafficName, count: number): void {
    const index = names.indexOf(name);
    this.#since[index] = (this.#since[index] as number) + count;
  }

  get sinceLoad(): TapeTraffic {
    return named([...this.#since]);
  }

  get lifetime(): TapeTraffic {
    return named(this.lifetimeCounts());
  }

  lifetimeCounts(): number[] {
    // What a superblock says could be any number; counts that wrap would be worse than ones that stop.
    return Array.from(this.#since, (count, index) => Math.min(Number.MAX_SAFE_INTEGER, count + (this.#before[index] ?? 0)));
  }
}

function named(counts: readonly number[]): TapeTraffic {
  return Object.fromEntries(names.map((name, index) => [name, counts[index] ?? 0])) as unknown as TapeTraffic;
}
