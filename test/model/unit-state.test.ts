// test-timeout: 120 s
import { test } from 'uvu';
import { checkSequences } from './sequence-search.js';
import { generateUnitOperations } from './unit-operations.js';
import { UnitScenario } from './unit-scenario.js';

test('reservations, modes, unit attentions and task management agree with a reference model, over restarts with a state directory', async () => {
  await checkSequences({
    name: 'unit state, kept',
    generate: generateUnitOperations,
    faultOf: (operations) => new UnitScenario(true).faultOf(operations),
  });
});

test('the same without a state directory', async () => {
  await checkSequences({
    name: 'unit state, not kept',
    generate: generateUnitOperations,
    faultOf: (operations) => new UnitScenario(false).faultOf(operations),
  });
});

test.run();
