import { Assertion } from 'uvu/assert';
import { type SeededRandom, seededRandom } from '../support/random.js';

/** What a random sequence is made of and held against. */
export interface SequenceCheck<Operation> {
  readonly name: string;
  /** Operations are plain data, and each has a meaning whatever came before it: that lets them be dropped one by one. */
  generate(random: SeededRandom): Operation[];
  /** Runs them from the beginning; answers what was wrong, or null. */
  faultOf(operations: readonly Operation[]): Promise<string | null>;
}

/** A failing sequence that cannot be shortened within so many runs is printed as it is. */
const SHRINK_RUN_COUNT_MAX = 3_000;

/** A seed of the environment runs that one sequence only. */
export const givenSeed = process.env['LUNLOOM_SEED'] === undefined ? null : Number(process.env['LUNLOOM_SEED']);

/** Seconds that the checks of one file take together; more for a longer run. */
export const checkSeconds = Number(process.env['LUNLOOM_MODEL_SECONDS'] ?? 10);

/** Runs sequence after sequence until the time is over; throws with the shortest failing one that it finds. Answers how many it ran. */
export async function checkSequences<Operation>(check: SequenceCheck<Operation>, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const first = givenSeed ?? Date.now() % 2 ** 32;
  let count = 0;
  do {
    const seed = (first + count) % 2 ** 32;
    count++;
    const operations = check.generate(seededRandom(seed));
    const fault = await faultOf(check, operations);
    if (fault !== null) await fail(check, seed, operations, fault);
  } while (givenSeed === null && performance.now() < until);
  console.log(`${check.name}: ${count} sequences from seed ${first}`);
  return count;
}

async function faultOf<Operation>(check: SequenceCheck<Operation>, operations: readonly Operation[]): Promise<string | null> {
  try {
    return await check.faultOf(operations);
  } catch (error) {
    return error instanceof Error ? `${error.stack}` : String(error);
  }
}

async function fail<Operation>(check: SequenceCheck<Operation>, seed: number, operations: readonly Operation[], fault: string): Promise<never> {
  const shortest = await shrink(check, { operations, fault });
  const lines = shortest.operations.map((operation) => `  ${JSON.stringify(operation)}`);
  const again = `run it again with LUNLOOM_SEED=${seed}`;
  const message = `${check.name}: ${again}; the shortest sequence that fails has ${lines.length} of ${operations.length} operations`;
  throw new Assertion({
    message: `${message}\n${lines.join('\n')}\n${shortest.fault}`,
    operator: 'checkSequences',
    actual: null,
    expects: null,
    details: '',
  });
}

interface Failure<Operation> {
  readonly operations: readonly Operation[];
  readonly fault: string;
}

/** Drops runs of operations, long ones first, for as long as what is left fails. */
async function shrink<Operation>(check: SequenceCheck<Operation>, failure: Failure<Operation>): Promise<Failure<Operation>> {
  let shortest = failure;
  let runCount = 0;
  for (let length = Math.ceil(failure.operations.length / 2); length >= 1; ) {
    let isShorter = false;
    for (let at = shortest.operations.length - length; at >= 0 && runCount < SHRINK_RUN_COUNT_MAX; at -= length) {
      const operations = shortest.operations.filter((_, index) => index < at || index >= at + length);
      runCount++;
      const fault = await faultOf(check, operations);
      if (fault === null) continue;
      shortest = { operations, fault };
      isShorter = true;
    }
    if (length === 1 && !isShorter) break;
    length = isShorter && length === 1 ? 1 : Math.max(1, length >> 1);
    if (runCount >= SHRINK_RUN_COUNT_MAX) break;
  }
  return shortest;
}
