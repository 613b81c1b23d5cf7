import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandSlot } from '../../../engine/shm/command-slot.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';
import { seededRandom } from '../../support/random.js';

test('all slots can be had once, low ones first, and none beyond', () => {
  const pool = new SlotPool(8);
  const slots = Array.from({ length: 8 }, () => pool.acquire() as CommandSlot);
  assert.equal(
    slots.map((slot) => slot.index),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.is(pool.acquire(), null);
  assert.is(pool.freeCount, 0);
});

test('a slot comes back clean and with another generation', () => {
  const pool = new SlotPool(1);
  const first = pool.acquire() as CommandSlot;
  const { generation } = first;
  first.status = 2;
  first.senseLength = 18;
  first.dataInLength = 512;
  first.lba = 7;
  pool.release(first);
  const second = pool.acquire() as CommandSlot;
  assert.is(second, first, 'one object a slot');
  assert.is(second.generation, generation + 1);
  assert.equal([second.status, second.senseLength, second.dataInLength, second.lba], [0, 0, 0, 0]);
  second.generation = 0x7fffffff;
  pool.release(second);
  assert.is(pool.acquire()?.generation, -0x80000000, 'generations go round');
});

test('any order of acquiring and releasing: no slot twice, none lost', () => {
  const random = seededRandom(21);
  const pool = new SlotPool(16);
  const held = new Map<number, CommandSlot>();
  for (let step = 0; step < 2000; step++) {
    if (random.boolean()) {
      const slot = pool.acquire();
      assert.is(slot === null, held.size === 16);
      if (slot === null) continue;
      assert.not.ok(held.has(slot.index), 'nobody else has it');
      held.set(slot.index, slot);
    } else if (held.size > 0) {
      const index = [...held.keys()][random.below(held.size)] as number;
      pool.release(held.get(index) as CommandSlot);
      held.delete(index);
    }
    assert.is(pool.freeCount, 16 - held.size);
  }
});

test('a slot released twice asserts', () => {
  const pool = new SlotPool(2);
  const slot = pool.acquire() as CommandSlot;
  pool.release(slot);
  assert.throws(() => pool.release(slot), /not in use/);
  assert.is(pool.freeCount, 2);
});

test.run();
