// test-timeout: 120 s
import { test } from 'uvu';
import { checkSeconds, checkSequences } from './sequence-search.js';
import { generateUnitOperations, type UnitOperation } from './unit-operations.js';
import { UnitScenario } from './unit-scenario.js';

const CHECK_COUNT = 2;

test('reservations, modes, unit attentions and task management agree with a reference model, over restarts with a state directory', async () => {
  const faultOf = (operations: readonly UnitOperation[]) => new UnitScenario(true).faultOf(operations);
  await checkSequences({ name: 'unit state, kept', generate: generateUnitOperations, faultOf }, checkSeconds / CHECK_COUNT);
});

test('the same without a state directory', async () => {
  const faultOf = (operations: readonly UnitOperation[]) => new UnitScenario(false).faultOf(operations);
  await checkSequences({ name: 'unit state, not kept', generate: generateUnitOperations, faultOf }, checkSeconds / CHECK_COUNT);
});

test.run();
