import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { CDB_CAPACITY_BYTES, SENSE_CAPACITY_BYTES, SLOT, SLOT_LENGTH_BYTES } from '../../../engine/shm/layout.js';

const SLOT_COUNT = 4;

type NumberField = Exclude<keyof typeof SLOT, 'cdb' | 'sense' | 'dataInFromStore' | `reserved${string}`>;

const fields = (Object.keys(SLOT) as (keyof typeof SLOT)[]).filter(
  (name): name is NumberField => !name.startsWith('reserved') && !['cdb', 'sense', 'dataInFromStore'].includes(name),
);
/** Signed words, which no length or address needs. */
const SIGNED = new Set<string>(['generation', 'logicalUnitHandle', 'nexusId', 'taskAttribute', 'cdbLength', 'direction', 'status', 'senseLength']);

function makeSlot(index = 1): { slot: CommandSlot; memory: SlotMemory; view: DataView } {
  const memory = SlotMemory.allocate(SLOT_COUNT);
  return { slot: new CommandSlot(memory, index), memory, view: new DataView(memory.buffer, index * SLOT_LENGTH_BYTES, SLOT_LENGTH_BYTES) };
}

for (const name of fields) {
  const { at, width } = SLOT[name];
  test(`${name} lies at byte ${at} of its slot and nowhere else`, () => {
    const { slot, memory, view } = makeSlot();
    const largest = width === 8 ? 2 ** 53 - 1 : SIGNED.has(name) ? 0x7fffffff : 0xffffffff;
    slot[name] = largest;
    assert.is(slot[name], largest, 'the largest value comes back');
    const stored = width === 8 ? view.getFloat64(at, true) : view.getUint32(at, true);
    assert.is(stored, largest);
    const bytes = new Uint8Array(memory.buffer);
    const touched = bytes.findLastIndex((byte) => byte !== 0);
    const first = bytes.findIndex((byte) => byte !== 0);
    const base = SLOT_LENGTH_BYTES + at;
    assert.ok(first >= base && touched < base + width, `bytes ${first} to ${touched}`);
    slot[name] = 0;
    assert.is(slot[name], 0);
  });
}

test('the CDB and the sense data are windows on the slot', () => {
  const { slot, view } = makeSlot(3);
  assert.is(slot.cdb.length, CDB_CAPACITY_BYTES);
  assert.is(slot.sense.length, SENSE_CAPACITY_BYTES);
  slot.cdb[0] = 0x2a;
  slot.cdbView.setUint8(CDB_CAPACITY_BYTES - 1, 0x77);
  slot.sense[SENSE_CAPACITY_BYTES - 1] = 0x99;
  assert.is(view.getUint8(SLOT.cdb.at), 0x2a);
  assert.is(view.getUint8(SLOT.cdb.at + CDB_CAPACITY_BYTES - 1), 0x77);
  assert.is(view.getUint8(SLOT.sense.at + SENSE_CAPACITY_BYTES - 1), 0x99);
});

test('two threads see the same slot: every field and flag, and neighbours stay apart', () => {
  const { slot, memory } = makeSlot(1);
  const other = new CommandSlot(new SlotMemory(memory.buffer), 1);
  const neighbour = new CommandSlot(memory, 2);
  for (const [at, name] of fields.entries()) slot[name] = at + 1;
  slot.dataInFromStore = true;
  for (const [at, name] of fields.entries()) assert.is(other[name], at + 1, name);
  assert.is(other.dataInFromStore, true);
  for (const name of fields) assert.is(neighbour[name], 0, name);
  assert.is(neighbour.dataInFromStore, false);
  assert.is(new SlotMemory(memory.buffer).slotCount, SLOT_COUNT);
});

test('a slot used again shows nothing of what the last command came to', () => {
  const { slot } = makeSlot();
  const kept = ['generation', 'logicalUnitHandle', 'nexusId', 'initiatorTaskTag', 'taskAttribute', 'direction', 'cdbLength'] as const;
  for (const name of fields) slot[name] = 77;
  slot.dataInFromStore = true;
  slot.dataOut = new Uint8Array(8);
  slot.dataIn = new Uint8Array(8);
  slot.dataOutStart = 3;
  slot.dataInStart = 3;
  slot.resetOutcome();
  const outcome = ['status', 'senseLength', 'dataInLength', 'plannedDataOutLength', 'plannedDataInLength', 'lba', 'lbaCount'] as const;
  for (const name of [...outcome, 'dataOutLength', 'dataInCapacity'] as const) assert.is(slot[name], 0, name);
  assert.is(slot.dataInFromStore, false);
  assert.equal([slot.dataOut.length, slot.dataIn.length, slot.dataOutStart, slot.dataInStart], [0, 0, 0, 0]);
  for (const name of kept) assert.is(slot[name], 77, `${name} is the caller's to set`);
});

test.run();
