// test-timeout: 60 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSequences } from './sequence-search.js';
import { generateTapeOperations, type TapeOperation } from './tape-operations.js';
import { TapeScenario } from './tape-scenario.js';

const SECONDS = Number(process.env['LUNLOOM_MODEL_SECONDS'] ?? 5);

test('a tape image agrees with arrays of blocks and marks, through loads, kills, power cuts and cut files', async () => {
  const check = {
    name: 'tape image',
    generate: generateTapeOperations,
    faultOf: (operations: readonly TapeOperation[]) => new TapeScenario().faultOf(operations),
  };
  assert.ok((await checkSequences(check, SECONDS)) > 0);
});

test.run();
