import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SLOWEST_AGE_MICROS_MAX, SLOWEST_COUNT_MAX } from '../../../engine/metrics/slowest-commands.js';
import { StageAccounting } from '../../../engine/metrics/stage-accounting.js';
import { UnitMetrics } from '../../../engine/metrics/unit-metrics.js';
import type { CommandSlot } from '../../../engine/shm/command-slot.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';

const READ = { name: 'READ (16)', opcode: 0x88 };
const LABEL = { targetName: 'iqn.2024-01.test:target', lun: 3 };

function makeUnit() {
  const accounting = new StageAccounting(1024 * 1024);
  const metrics = new UnitMetrics(accounting, LABEL);
  const slot = new SlotPool(1).acquire() as CommandSlot;
  slot.cdbLength = 16;
  /** A command that took so long and ended then. */
  const end = (totalMicros: number, atMicros = 1000): void => {
    slot.receivedAt = atMicros - totalMicros;
    for (const stamp of ['orderedAt', 'dispatchedAt', 'startedAt', 'executedAt', 'completedAt'] as const) slot[stamp] = slot.receivedAt + 1;
    slot.flushedAt = atMicros;
    slot.cdb[15] = totalMicros & 0xff;
    metrics.recordStages(READ, slot, 512, 0, false, 'iqn.i,i,0x1');
  };
  const totals = (nowMicros = 1000): number[] => accounting.slowest.list(nowMicros).map(({ receivedAt, flushedAt }) => flushedAt - receivedAt);
  return { accounting, slowest: accounting.slowest, slot, end, totals };
}

test('the slowest are kept, whatever their order, the slowest first', () => {
  const { end, totals } = makeUnit();
  const all = Array.from({ length: 500 }, (_, i) => 10 + ((i * 7919) % 500));
  for (const total of all) end(total);
  assert.equal(totals(), all.sort((a, b) => b - a).slice(0, SLOWEST_COUNT_MAX));
});

test('a command is kept as it was, with its CDB and stamps', () => {
  const { accounting, slot, end } = makeUnit();
  slot.cdb[0] = 0x88;
  slot.status = 2;
  end(77);
  slot.cdb.fill(0xee);
  slot.status = 0;
  const [kept] = accounting.slowest.list(1000);
  assert.is(Buffer.from(kept?.cdb ?? []).toString('hex'), `88${'00'.repeat(14)}4d`);
  assert.equal([kept?.label, kept?.initiatorPortName, kept?.commandName, kept?.status, kept?.readBytes], [LABEL, 'iqn.i,i,0x1', 'READ (16)', 2, 512]);
  assert.equal([kept?.receivedAt, kept?.orderedAt, kept?.flushedAt], [923, 924, 1000]);
});

test('a full list is not touched by faster commands', () => {
  const { slowest, end, totals } = makeUnit();
  for (let count = 0; count < SLOWEST_COUNT_MAX; count++) end(100 + count);
  assert.is(slowest.thresholdMicros, 100);
  end(100);
  end(99);
  assert.is(totals().at(-1), 100);
  end(101);
  assert.equal(totals().slice(-2), [101, 101]);
});

test('what is older than a minute makes room', () => {
  const { slowest, end, totals } = makeUnit();
  for (let count = 0; count < SLOWEST_COUNT_MAX; count++) end(5000 + count, 1_000_000 + count);
  const later = 1_000_000 + SLOWEST_AGE_MICROS_MAX + 16;
  assert.is(totals(later).length, SLOWEST_COUNT_MAX - 16);
  assert.ok(slowest.thresholdMicros < 0);
  end(3, later);
  assert.is(totals(later).at(-1), 3);
  slowest.expire(later + SLOWEST_AGE_MICROS_MAX + 1);
  assert.equal(totals(later + SLOWEST_AGE_MICROS_MAX + 1), []);
});

test.run();
