import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../engine/errors.js';
import type { BackingStore } from '../../../engine/store/store.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { type SeededRandom, seededRandom } from '../../support/random.js';
import { COULD_NOT_RUN } from '../../support/uvu-output.js';

const GUARD_BYTES = 16;
const GUARD = 0xa5;

export interface ModelOptions {
  readonly seed: number;
  readonly roundCount: number;
  /** Positions, lengths and memory offsets are multiples of this. */
  readonly unitBytes: number;
  readonly lengthUnitsMax: number;
  /** Positions that requests should straddle often: segment borders. */
  readonly borders?: readonly number[];
  /** Memory to transfer from and to; fresh shared memory otherwise. */
  readonly memory?: Uint8Array;
  /** False for the null store, whose bytes are always zero. */
  readonly keeps?: boolean;
}

/** Random writes, reads, views and flushes against plain bytes of the same size. */
export function checkAgainstModel(store: BackingStore, options: ModelOptions): void {
  const random = seededRandom(options.seed);
  const model = new Uint8Array(store.sizeBytes);
  const memoryBytes = options.lengthUnitsMax * options.unitBytes + 8 * options.unitBytes + 2 * GUARD_BYTES;
  const memory = options.memory ?? new Uint8Array(new SharedArrayBuffer(memoryBytes));
  assert.ok(memory.length >= memoryBytes, `the kit needs ${memoryBytes} bytes of memory`);
  for (let round = 0; round < options.roundCount; round++) {
    const range = pickRange(random, store.sizeBytes, options);
    const memoryOffset = random.below(8) * options.unitBytes + (options.unitBytes === 1 ? GUARD_BYTES : 0);
    const label = `seed ${options.seed}, round ${round}: ${range.lengthBytes} bytes at ${range.positionBytes}`;
    if (random.boolean()) {
      const data = random.bytes(range.lengthBytes);
      memory.set(data, memoryOffset);
      assert.is(store.write(memory, memoryOffset, range.lengthBytes, range.positionBytes, random.below(4) === 0), range.lengthBytes, label);
      if (options.keeps !== false) model.set(data, range.positionBytes);
    } else {
      checkRead(store, model, memory, memoryOffset, range, label);
    }
    if (random.below(16) === 0) assert.is(store.flush(), 0, label);
  }
  checkWhole(store, model, options.unitBytes);
}

interface Range {
  readonly positionBytes: number;
  readonly lengthBytes: number;
}

function pickRange(random: SeededRandom, sizeBytes: number, { unitBytes, lengthUnitsMax, borders = [] }: ModelOptions): Range {
  const unitCount = sizeBytes / unitBytes;
  const lengthUnits = 1 + random.below(Math.min(lengthUnitsMax, unitCount));
  const border = borders[random.below(borders.length + 1)];
  const wanted = border === undefined ? random.below(unitCount) : Math.floor(border / unitBytes) - random.below(lengthUnits + 1);
  const position = Math.max(0, Math.min(wanted, unitCount - lengthUnits));
  return { positionBytes: position * unitBytes, lengthBytes: lengthUnits * unitBytes };
}

function checkRead(store: BackingStore, model: Uint8Array, memory: Uint8Array, memoryOffset: number, range: Range, label: string): void {
  const { positionBytes, lengthBytes } = range;
  const expected = model.subarray(positionBytes, positionBytes + lengthBytes);
  memory.fill(GUARD);
  assert.is(store.read(memory, memoryOffset, lengthBytes, positionBytes), lengthBytes, label);
  assertSame(memory.subarray(memoryOffset, memoryOffset + lengthBytes), expected, label);
  assert.ok(
    memory.subarray(0, memoryOffset).every((byte) => byte === GUARD) && memory.subarray(memoryOffset + lengthBytes).every((byte) => byte === GUARD),
    `${label} wrote beside its target`,
  );
  const view = store.view(positionBytes, lengthBytes);
  if (view !== null) assertSame(view.bytes.subarray(view.offset, view.offset + lengthBytes), expected, `${label} (view)`);
}

function checkWhole(store: BackingStore, model: Uint8Array, unitBytes: number): void {
  const all = new Uint8Array(new SharedArrayBuffer(store.sizeBytes));
  const lengthBytes = Math.floor(store.sizeBytes / unitBytes) * unitBytes;
  assert.is(store.read(all, 0, lengthBytes, 0), lengthBytes);
  assertSame(all.subarray(0, lengthBytes), model.subarray(0, lengthBytes), 'the whole store');
}

/** `assertBytes` explains but is slow, so it is asked only about what differs. */
export function assertSame(actual: Uint8Array, expected: Uint8Array, label: string): void {
  if (Buffer.compare(actual, expected) !== 0) assertBytes(actual, expected, label);
}

/** Passes when `open` throws a `TargetError` with this code whose message holds all `words`. */
export function assertRefused(open: () => unknown, code: string, ...words: string[]): void {
  try {
    open();
  } catch (error) {
    assert.instance(error, TargetError, String(error));
    const refusal = error as TargetError;
    assert.is(refusal.code, code, refusal.message);
    for (const word of words) assert.ok(refusal.message.includes(word), `"${word}" is missing in: ${refusal.message}`);
    return;
  }
  assert.unreachable(`${code} was not thrown`);
}

/** A test that needs something of this machine: without it, skipped by name with the reason. */
export function hostTest(name: string, missing: string | null, handler: () => void | Promise<void>, on: Test = test): void {
  if (missing === null) {
    on(name, handler);
    return;
  }
  on.skip(name, handler);
  process.stdout.write(`\n${COULD_NOT_RUN} "${name}": ${missing}\n`);
}

/** A folder of its own for one test file, in `parent`; gone when the process ends. */
export function temporaryFolder(parent = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'lunloom-store-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
