// test-timeout: 240 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RESERVED_TAG } from '../../engine/pdu/index.js';
import { FuzzFinding, type FuzzTarget, fuzz } from './fuzzer.js';
import { fuzzTargets } from './run.js';

/** One set of inputs is the same every time, one is new. `npm run fuzz -- --seed N` runs either again, and longer. */
const FIXED_SEED = 7143;
const FRESH_SEED = Number(process.env['LUNLOOM_FUZZ_SEED'] ?? Date.now() % 1_000_000);
const INPUT_COUNT = 12_000;
const HEAP_GROWTH_BYTES_MAX = 8 * 1024 * 1024;

console.log(`fuzz: seeds ${FIXED_SEED} and ${FRESH_SEED}`);

for (const target of fuzzTargets) {
  for (const seed of [FIXED_SEED, FRESH_SEED]) {
    test(`${target.name}: no input of seed ${seed === FIXED_SEED ? seed : 'of today'} breaks a property`, () => {
      const { inputCount, blockCount, heapGrowthBytes } = fuzz(target, { seed, count: INPUT_COUNT });
      assert.is(inputCount, INPUT_COUNT);
      assert.ok(blockCount >= 10, `${blockCount} blocks of the engine ran`);
      assert.ok((heapGrowthBytes ?? 0) < HEAP_GROWTH_BYTES_MAX, `${heapGrowthBytes} bytes of heap are left over`);
    });
  }
}

/** Fails for few inputs, none of them near its seed. */
function fragile(): FuzzTarget {
  return {
    name: 'fragile',
    seeds: [new Uint8Array(8)],
    lengthBytesMax: 64,
    run(input) {
      if (input[0] === 0x7f && input.length > 20) throw new TypeError('found');
    },
  };
}

test('what throws is found and told with its input, which fails again by itself', () => {
  let finding: unknown;
  try {
    fuzz(fragile(), { seed: 1, count: 500_000 });
  } catch (error) {
    finding = error;
  }
  assert.instance(finding, FuzzFinding);
  const { input, message } = finding as FuzzFinding;
  assert.is(input[0], 0x7f);
  assert.match(message, Buffer.from(input).toString('hex'));
  assert.match(message, 'seed 1');
  assert.throws(() => fragile().run(input), 'found');
});

test('inputs that reach new blocks are kept', () => {
  const pdu = fuzzTargets.find(({ name }) => name === 'pdu') as FuzzTarget;
  const { corpusCount } = fuzz({ ...pdu, seeds: [new Uint8Array(60)] }, { seed: 3, count: 6000 });
  assert.ok(corpusCount > 3, `${corpusCount} kept`);
});

test('a seed gives the same inputs again', () => {
  const inputs = (seed: number): string[] => {
    const seen: string[] = [];
    fuzz(
      { name: 'seen', seeds: [Uint8Array.of(RESERVED_TAG & 0xff)], lengthBytesMax: 32, run: (input) => seen.push(Buffer.from(input).toString('hex')) },
      { seed, count: 300 },
    );
    return seen;
  };
  assert.equal(inputs(5), inputs(5));
  assert.not.equal(inputs(5), inputs(6));
});

test.run();
