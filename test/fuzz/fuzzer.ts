import { seededRandom } from '../support/random.js';
import { BlockCoverage } from './coverage.js';
import { mutate } from './mutate.js';

/** Something that takes bytes from the network. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs that are in order, to begin with. */
  readonly seeds: readonly Uint8Array[];
  readonly lengthBytesMax: number;
  /** Takes one input; throws when a property does not hold. Must not keep anything of it. */
  run(input: Uint8Array): void;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  /** Told of every 10 % of the way. */
  readonly say?: (line: string) => void;
}

export interface FuzzOutcome {
  readonly inputCount: number;
  readonly corpusCount: number;
  readonly blockCount: number;
  readonly slowestMs: number;
  /** Of the heap after collection, from the first tenth to the end; null without `--expose-gc`. */
  readonly heapGrowthBytes: number | null;
}

/** A property did not hold, or the code under test threw. The message has the input in hex. */
export class FuzzFinding extends Error {
  readonly input: Uint8Array;
  constructor(target: string, seed: number, input: Uint8Array, cause: unknown) {
    const what = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${target}: seed ${seed}, input ${Buffer.from(input).toString('hex')}\n${what}`);
    this.name = 'FuzzFinding';
    this.input = input;
  }
}

/** Inputs between two looks at the block counters, which take some milliseconds. */
const BATCH_COUNT = 2000;
/** A whole batch of inputs that are this short takes no second; a single one that does hangs. */
const INPUT_MS_MAX = 1000;
const CORPUS_COUNT_MAX = 2000;
const PROGRESS_STEPS = 10;

function heapBytes(): number | null {
  if (typeof globalThis.gc !== 'function') return null;
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/**
 * Mutates inputs at random, and keeps those that made blocks of the engine run that had not run before: later inputs are made of them.
 * The same seed and count give the same inputs on the same code. Throws `FuzzFinding`.
 */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzOutcome {
  const random = seededRandom(options.seed);
  const coverage = new BlockCoverage('/engine/');
  const corpus = target.seeds.map((seed) => seed.slice());
  let slowestMs = 0;
  const run = (input: Uint8Array): void => {
    const copy = input.slice();
    const startedAt = performance.now();
    try {
      target.run(copy);
    } catch (error) {
      throw new FuzzFinding(target.name, options.seed, input, error);
    }
    const ms = performance.now() - startedAt;
    slowestMs = Math.max(slowestMs, ms);
    if (ms > INPUT_MS_MAX) throw new FuzzFinding(target.name, options.seed, input, `took ${Math.round(ms)} ms`);
  };
  /** The input of `batch` that makes one of `fresh` run, found by halves. */
  const blame = (batch: readonly Uint8Array[], fresh: ReadonlySet<string>): Uint8Array => {
    let suspects = batch;
    while (suspects.length > 1) {
      const half = suspects.slice(0, suspects.length >> 1);
      coverage.take();
      for (const input of half) run(input);
      suspects = coverage.take().some((block) => fresh.has(block)) ? half : suspects.slice(half.length);
    }
    return suspects[0] as Uint8Array;
  };
  for (const seed of corpus) run(seed);
  coverage.claim(coverage.take());
  let heapAtFirst: number | null = null;
  let saidSteps = 0;
  for (let done = 0; done < options.count; ) {
    const batch: Uint8Array[] = [];
    for (const end = Math.min(options.count, done + BATCH_COUNT); done < end; done++) {
      const input = mutate(corpus[random.below(corpus.length)] as Uint8Array, corpus[random.below(corpus.length)] as Uint8Array, random, target.lengthBytesMax);
      run(input);
      batch.push(input);
    }
    const fresh = new Set(coverage.claim(coverage.take()));
    if (fresh.size > 0 && corpus.length < CORPUS_COUNT_MAX) corpus.push(blame(batch, fresh).slice());
    const steps = Math.floor((done / options.count) * PROGRESS_STEPS);
    if (steps > saidSteps) {
      saidSteps = steps;
      heapAtFirst ??= heapBytes();
      options.say?.(`${target.name}: ${done} inputs, ${corpus.length} kept, ${coverage.blockCount} blocks, slowest ${slowestMs.toFixed(1)} ms`);
    }
  }
  const heapAtEnd = heapBytes();
  const heapGrowthBytes = heapAtFirst === null || heapAtEnd === null ? null : heapAtEnd - heapAtFirst;
  return { inputCount: options.count, corpusCount: corpus.length, blockCount: coverage.blockCount, slowestMs, heapGrowthBytes };
}
