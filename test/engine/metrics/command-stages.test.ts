import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandStages, LATENCY_UNITS_PER_MICRO, STAGES, type Stage } from '../../../engine/metrics/command-stages.js';
import { StageAccounting } from '../../../engine/metrics/stage-accounting.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import type { CommandSlot } from '../../../engine/shm/command-slot.js';
import { quantileOf } from '../../../engine/shm/latency-histogram.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';

const READ = { name: 'READ (16)', opcode: 0x88 };
const CAPACITY = { name: 'READ CAPACITY (16)', opcode: 0x9e, serviceAction: 0x10 };
const LBA_STATUS = { name: 'GET LBA STATUS', opcode: 0x9e, serviceAction: 0x12 };
const START = 5e12;

/** A slot whose command took so long in each of its six stages. */
function slotOf(micros: readonly number[]): CommandSlot {
  const slot = new SlotPool(1).acquire() as CommandSlot;
  let at = START;
  slot.receivedAt = at;
  for (const [index, stamp] of (['orderedAt', 'dispatchedAt', 'startedAt', 'executedAt', 'completedAt', 'flushedAt'] as const).entries()) {
    at += micros[index] ?? 0;
    slot[stamp] = at;
  }
  return slot;
}

function stampsOf(micros: readonly number[]): Float64Array {
  const stamps = new Float64Array(STAGES.length);
  slotOf(micros).copyStamps(stamps);
  return stamps;
}

function near(stages: CommandStages, stage: Stage, quantile: number, expected: number): void {
  const actual = quantileOf(stages.countsOf(stage), quantile) / LATENCY_UNITS_PER_MICRO;
  assert.ok(actual >= expected - 0.1 && actual <= expected * (1 + 1 / 16) + 0.1, `${stage}: ${actual} for ${expected}`);
}

test('each stage is the time between its two stamps, and the total that of all', () => {
  const stages = new CommandStages(READ);
  stages.record(stampsOf([1, 20, 300, 4000, 50, 600]), 4096, 0, false);
  for (const [index, micros] of [1, 20, 300, 4000, 50, 600, 4971].entries()) near(stages, STAGES[index] as Stage, 1, micros);
  assert.equal(stages.read(), { count: 1, readBytes: 4096, writeBytes: 0, failedCount: 0 });
});

test('a stage that took no time counts as one that took none', () => {
  const stages = new CommandStages(READ);
  for (let count = 0; count < 10; count++) stages.record(stampsOf([5, 0, count === 0 ? 7 : 0, 2, 0, 30]), 0, 512, count < 3);
  for (const stage of STAGES)
    assert.is(
      stages.countsOf(stage).reduce((sum, count) => sum + count),
      10,
      stage,
    );
  assert.is(stages.countsOf('collect')[0], 10);
  assert.is(stages.countsOf('queue')[0], 9);
  near(stages, 'queue', 1, 7);
  assert.equal(stages.read(), { count: 10, readBytes: 0, writeBytes: 5120, failedCount: 3 });
});

test('clocks of two threads that differ a little make no negative stage', () => {
  const stages = new CommandStages(READ);
  stages.record(stampsOf([5, 1, -3, 10, -1, 30]), 0, 0, false);
  assert.is(stages.countsOf('queue')[0], 1);
  assert.is(stages.countsOf('return')[0], 1);
});

test('histograms lie in shared memory, without gap', () => {
  const stages = new CommandStages(READ);
  stages.record(stampsOf([1, 1, 1, 1, 1, 1]), 0, 0, false);
  assert.ok(stages.buffer instanceof SharedArrayBuffer);
  assert.is(
    new Float64Array(stages.buffer).reduce((sum, value) => sum + value),
    1 + STAGES.length,
    'one command, one value a stage',
  );
});

test('a unit has histograms of its own for each command, made when it first comes', () => {
  const metrics = new UnitMetrics();
  assert.equal(metrics.commandStages, []);
  const slot = slotOf([1, 1, 1, 1, 1, 1]);
  for (const row of [READ, CAPACITY, LBA_STATUS, CAPACITY, null, CAPACITY, READ]) metrics.recordStages(row, slot, 0, 0, false, '');
  assert.equal(
    metrics.commandStages.map((stages) => [stages.command?.name, stages.read().count]),
    [
      ['READ (16)', 2],
      ['READ CAPACITY (16)', 3],
      ['GET LBA STATUS', 1],
      [undefined, 1],
    ],
  );
});

test('beyond the memory for histograms commands of all units are counted together', () => {
  const accounting = new StageAccounting(2 * CommandStages.byteLength);
  const units = [new UnitMetrics(accounting), new UnitMetrics(accounting)] as const;
  const slot = slotOf([1, 1, 1, 1, 1, 1]);
  assert.is(accounting.overflow, null);
  for (const row of [READ, CAPACITY, LBA_STATUS, null]) for (const unit of units) unit.recordStages(row, slot, 0, 0, false, '');
  for (const unit of units) unit.recordStages(READ, slot, 0, 0, false, '');
  assert.equal(
    units.map((unit) => unit.commandStages.map((stages) => [stages.command?.name, stages.read().count])),
    [[['READ (16)', 2]], [['READ (16)', 2]]],
  );
  assert.is(accounting.overflow?.read().count, 6);
});

test('a unit that goes gives the memory of its histograms to those that come', () => {
  const accounting = new StageAccounting(2 * CommandStages.byteLength);
  const slot = slotOf([1, 1, 1, 1, 1, 1]);
  for (let count = 0; count < 5; count++) {
    const unit = new UnitMetrics(accounting);
    for (const row of [READ, CAPACITY]) unit.recordStages(row, slot, 0, 0, false, '');
    assert.is(unit.commandStages.length, 2);
    unit.release();
  }
  assert.is(accounting.overflow, null);
});

test.run();
