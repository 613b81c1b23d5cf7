import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { CACHE_LINE_BYTES, CDB_CAPACITY_BYTES, SENSE_CAPACITY_BYTES, SLOT, SLOT_LENGTH_BYTES, type Writer } from '../../../engine/shm/layout.js';
import { assertBytes } from '../../support/assert-bytes.js';

type FieldName = keyof typeof SLOT;

interface Field {
  readonly name: FieldName;
  readonly at: number;
  readonly width: number;
  readonly writer: Writer;
}

const fields: readonly Field[] = (Object.keys(SLOT) as FieldName[]).map((name) => ({ name, ...SLOT[name] }));

/** Float64 fields. */
const doubles = ['lba', 'lbaCount', 'receivedAt', 'orderedAt', 'dispatchedAt', 'completedAt', 'flushedAt', 'startedAt', 'executedAt'] as const;
/** Int32 fields that are read as unsigned. */
const unsigned = [
  'initiatorTaskTag',
  'flags',
  'expectedDataOutLength',
  'expectedDataInLength',
  'plannedDataOutLength',
  'plannedDataInLength',
  'dataOutOffset',
  'dataOutLength',
  'dataInOffset',
  'dataInCapacity',
  'dataInLength',
] as const;
const signed = ['generation', 'logicalUnitHandle', 'nexusId', 'taskAttribute', 'cdbLength', 'direction', 'status', 'senseLength'] as const;
const flags = ['dataInFromStore'] as const;
const byteFields = ['cdb', 'sense'] as const;
const numbers = [...doubles, ...unsigned, ...signed] as const;

test('the fields tile the slot without gap or overlap', () => {
  let end = 0;
  for (const field of [...fields].sort((a, b) => a.at - b.at)) {
    assert.is(field.at, end, `${field.name} begins where the field before it ends`);
    assert.ok(field.width > 0, `${field.name} has a width`);
    end = field.at + field.width;
  }
  assert.is(end, SLOT_LENGTH_BYTES);
});

test('words of main and words of a worker never share a cache line', () => {
  assert.is(SLOT_LENGTH_BYTES % CACHE_LINE_BYTES, 0, 'nor do those of neighbouring slots');
  const writers = new Map<number, Field>();
  for (const field of fields.filter(({ writer }) => writer !== 'nobody')) {
    const last = Math.floor((field.at + field.width - 1) / CACHE_LINE_BYTES);
    for (let line = Math.floor(field.at / CACHE_LINE_BYTES); line <= last; line++) {
      const other = writers.get(line) ?? field;
      assert.is(field.writer, other.writer, `${field.name} and ${other.name} share line ${line}`);
      writers.set(line, field);
    }
  }
});

test('every field is aligned to its width, and CDB and sense data to cache lines', () => {
  for (const name of doubles) {
    assert.is(SLOT[name].width, 8, name);
    assert.is(SLOT[name].at % 8, 0, name);
  }
  for (const name of [...unsigned, ...signed, ...flags]) {
    assert.is(SLOT[name].width, 4, name);
    assert.is(SLOT[name].at % 4, 0, name);
  }
  for (const name of byteFields) assert.is(SLOT[name].at % CACHE_LINE_BYTES, 0, name);
});

test('the CDB holds an extended CDB and the sense field all that SPC allows', () => {
  assert.is(CDB_CAPACITY_BYTES, 260);
  assert.is(SENSE_CAPACITY_BYTES, 252);
  assert.is(SLOT.cdb.width, CDB_CAPACITY_BYTES);
  assert.is(SLOT.sense.width, SENSE_CAPACITY_BYTES);
});

test('this file knows every field', () => {
  const known = new Set<string>([...numbers, ...flags, ...byteFields]);
  for (const { name, writer } of fields) assert.is(known.has(name), writer !== 'nobody', name);
});

const SLOT_COUNT = 3;
const INDEX = 1;

/** A slot between two others, all bytes set to a pattern, and the bytes as they are now. */
function patternedSlot() {
  const memory = SlotMemory.allocate(SLOT_COUNT);
  const bytes = new Uint8Array(memory.buffer).fill(0x5a);
  return { memory, bytes, slot: new CommandSlot(memory, INDEX) };
}

/** Runs `change` and checks that it wrote `width` bytes from `at` in the middle slot as `expected`, and nothing else. */
function checkWritesOnly(bytes: Uint8Array, field: { at: number; width: number }, expected: Uint8Array, change: () => void): void {
  const after = bytes.slice();
  after.set(expected, INDEX * SLOT_LENGTH_BYTES + field.at);
  assert.is(expected.length, field.width);
  change();
  assertBytes(bytes, after);
}

const int32Bytes = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
const float64Bytes = (value: number) => new Uint8Array(Float64Array.of(value).buffer);

test('each setter writes its own field of its own slot and no other byte, and the getter reads it back', () => {
  for (const [index, name] of numbers.entries()) {
    const { bytes, slot } = patternedSlot();
    const isDouble = (doubles as readonly string[]).includes(name);
    const value = isDouble ? 2 ** 41 + index + 0.25 : 0x1234_0000 + index;
    checkWritesOnly(bytes, SLOT[name], isDouble ? float64Bytes(value) : int32Bytes(value), () => {
      slot[name] = value;
    });
    assert.is(slot[name], value, name);
  }
});

test('lengths, tags and block counts keep all 32 bits', () => {
  for (const name of unsigned) {
    const { bytes, slot } = patternedSlot();
    checkWritesOnly(bytes, SLOT[name], int32Bytes(-2), () => {
      slot[name] = 0xfffffffe;
    });
    assert.is(slot[name], 0xfffffffe, name);
  }
});

test('an LBA beyond 32 bits is kept', () => {
  const { slot } = patternedSlot();
  slot.lba = Number.MAX_SAFE_INTEGER;
  assert.is(slot.lba, Number.MAX_SAFE_INTEGER);
});

test('the flag is 0 or 1', () => {
  for (const value of [true, false]) {
    const { bytes, slot } = patternedSlot();
    checkWritesOnly(bytes, SLOT.dataInFromStore, int32Bytes(value ? 1 : 0), () => {
      slot.dataInFromStore = value;
    });
    assert.is(slot.dataInFromStore, value);
  }
});

test('CDB and sense data are views of their own fields', () => {
  for (const name of byteFields) {
    const { bytes, slot } = patternedSlot();
    const expected = new Uint8Array(SLOT[name].width).fill(0xc3);
    checkWritesOnly(bytes, SLOT[name], expected, () => slot[name].fill(0xc3));
  }
  const { slot } = patternedSlot();
  slot.cdbView.setUint32(2, 0x01020304);
  assert.equal([...slot.cdb.subarray(1, 7)], [0x5a, 1, 2, 3, 4, 0x5a]);
  assert.is(slot.cdbView.byteLength, CDB_CAPACITY_BYTES);
});

test('all fields together keep distinct values, on another thread\u2019s object too', () => {
  const { memory, slot } = patternedSlot();
  for (const [index, name] of numbers.entries()) slot[name] = 1000 + index;
  slot.dataInFromStore = true;
  slot.cdb.fill(0x11);
  slot.sense.fill(0x22);
  const other = new CommandSlot(new SlotMemory(memory.buffer), INDEX);
  for (const [index, name] of numbers.entries()) assert.is(other[name], 1000 + index, name);
  assert.ok(other.dataInFromStore);
  assert.ok(other.cdb.every((byte) => byte === 0x11));
  assert.ok(other.sense.every((byte) => byte === 0x22));
});

test('resetting the outcome leaves the command as it was', () => {
  const { slot } = patternedSlot();
  for (const [index, name] of numbers.entries()) slot[name] = 1000 + index;
  slot.dataInFromStore = true;
  slot.dataOut = slot.dataIn = new Uint8Array(8);
  slot.resetOutcome();
  const cleared = [
    'status',
    'senseLength',
    'dataInLength',
    'plannedDataOutLength',
    'plannedDataInLength',
    'lba',
    'lbaCount',
    'dataOutLength',
    'dataInCapacity',
  ];
  for (const [index, name] of numbers.entries()) assert.is(slot[name], cleared.includes(name) ? 0 : 1000 + index, name);
  assert.not.ok(slot.dataInFromStore);
  assert.is(slot.dataOut.length + slot.dataIn.length, 0);
});

test.run();
