import { parseArgs } from 'node:util';
import { ahsTarget } from './ahs-target.js';
import { FuzzFinding, type FuzzTarget, fuzz } from './fuzzer.js';
import { loginTarget, textTarget } from './negotiation-targets.js';
import { pduTarget } from './pdu-target.js';

export const fuzzTargets: readonly FuzzTarget[] = [ahsTarget, pduTarget, loginTarget, textTarget];

const USAGE = `npm run fuzz -- [--target ${fuzzTargets.map(({ name }) => name).join('|')}] [--count N] [--seed N]
npm run fuzz -- --target NAME --input HEX     runs one input again`;
const COUNT_DEFAULT = 100_000;

function main(): number {
  const { values } = parseArgs({
    options: { target: { type: 'string', multiple: true }, count: { type: 'string' }, seed: { type: 'string' }, input: { type: 'string' } },
  });
  const chosen = fuzzTargets.filter(({ name }) => values.target === undefined || values.target.includes(name));
  const count = Number(values.count ?? COUNT_DEFAULT);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  if (chosen.length === 0 || !Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  if (values.input !== undefined) {
    for (const target of chosen) target.run(Uint8Array.from(Buffer.from(values.input, 'hex')));
    console.log('no property failed');
    return 0;
  }
  console.log(`seed ${seed}`);
  for (const target of chosen) {
    const { inputCount, corpusCount, blockCount, slowestMs, heapGrowthBytes } = fuzz(target, { seed, count, say: (line) => console.log(line) });
    const growth = heapGrowthBytes === null ? 'not looked at' : `${Math.round(heapGrowthBytes / 1024)} KiB`;
    console.log(`${target.name}: ${inputCount} inputs, ${corpusCount} kept, ${blockCount} blocks, slowest ${slowestMs.toFixed(1)} ms, heap growth ${growth}`);
  }
  return 0;
}

if (process.argv[1]?.endsWith('/fuzz/run.js')) {
  try {
    process.exitCode = main();
  } catch (error) {
    console.error(error instanceof FuzzFinding ? error.message : error);
    process.exitCode = 1;
  }
}
