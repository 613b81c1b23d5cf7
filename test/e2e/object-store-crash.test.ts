// test-timeout: 300 s
// test-beside: it waits most of the time
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObjectStore } from '../../engine/devices/osd/store/object-store.js';
import { openObjectStore } from '../../engine/devices/osd/store/open-object-store.js';
import { idsOf, ReferenceObjects } from '../model/reference-objects.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { laneLimits, laneStep } from './object-store-lane.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const CRASH_COUNT = Number(process.env['LUNLOOM_CRASHES'] ?? 12);
const LOAD_MS_MAX = 400;
const CHILD = fileURLToPath(new URL('./object-store-child.js', import.meta.url));

/** Runs the lane until it is killed; answers how many commands it acknowledged. */
function runAndKill(directory: string, seed: number, loadMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory, String(seed)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let acknowledged = 0;
    let faults = '';
    child.stdout.on('data', (bytes: Buffer) => {
      // From the first command on, so that a slow start is no part of it.
      if (acknowledged === 0) setTimeout(() => child.kill('SIGKILL'), loadMs);
      acknowledged += bytes.length;
    });
    child.stderr.on('data', (text) => {
      faults += String(text);
    });
    child.on('close', (_code, signal) => (signal === 'SIGKILL' ? resolve(acknowledged) : reject(new assert.Assertion({ message: faults } as never))));
  });
}

/** What the store had to hold after so many commands, by doing them again on a copy of what it was. */
function expectations(copy: string, seed: number, count: number): readonly [ReferenceObjects, ReferenceObjects] {
  const store = openObjectStore({ directory: copy, limits: laneLimits, capacityBytes: null });
  const reference = ReferenceObjects.of(store);
  const random = seededRandom(seed);
  for (let index = 0; index < count; index++) laneStep(store, reference, random);
  const acknowledged = reference.copy();
  laneStep(store, reference, random);
  store.close();
  return [acknowledged, reference];
}

/** Bytes that the interrupted command overwrote in place may be there before its metadata are: each is what it was or what it was to be. */
function settleBytes(store: ObjectStore, acknowledged: ReferenceObjects, interrupted: ReferenceObjects): void {
  for (const [partitionId, { objects }] of acknowledged.partitions) {
    for (const [objectId, object] of objects) {
      const after = interrupted.partitions.get(partitionId)?.objects.get(objectId)?.bytes;
      if (object.kind !== 'user' || after === undefined) continue;
      const found = new Uint8Array(object.bytes.length);
      store.read({ partitionId, objectId }, 0n, found);
      const isTorn = found.some((byte, at) => byte !== object.bytes[at] && byte !== (after[at] ?? 0));
      assert.not(isTorn, `object ${objectId} has bytes that nobody wrote`);
      object.bytes = found;
    }
  }
}

function outcomeOf(work: () => void): unknown {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
}

/** One life: work, die, be opened again, and hold what was acknowledged, with or without the command that was interrupted. */
async function crash(directory: string, copy: string, random: SeededRandom): Promise<number> {
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
  const seed = random.uint32();
  const count = await runAndKill(directory, seed, 1 + random.below(LOAD_MS_MAX));
  const [acknowledged, interrupted] = expectations(copy, seed, count);
  const store = openObjectStore({ directory, limits: laneLimits, capacityBytes: null });
  try {
    if (outcomeOf(() => interrupted.check(store)) !== null) {
      settleBytes(store, acknowledged, interrupted);
      acknowledged.check(store);
    }
  } finally {
    store.close();
  }
  return count;
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\bdata\.\d+\b/.test(entry.parentPath))
    .map(({ name }) => name);
}

test(`an object store that is killed ${CRASH_COUNT} times holds what it acknowledged, and leaves no files behind`, async () => {
  process.stdout.write(`LUNLOOM_SEED=${SEED} LUNLOOM_CRASHES=${CRASH_COUNT}\n`);
  const random = seededRandom(SEED);
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-object-crash-'));
  const directory = join(folder, 'store');
  openObjectStore({ directory, limits: laneLimits, capacityBytes: null }).close();
  let count = 0;
  for (let cycle = 0; cycle < CRASH_COUNT; cycle++) count += await crash(directory, join(folder, 'copy'), random);
  const store = openObjectStore({ directory, limits: laneLimits, capacityBytes: null });
  const files = filesOf(directory).length;
  for (const partitionId of idsOf((from) => store.listPartitions({ from, countMax: 10 }))) store.removePartition(partitionId, { force: true });
  assert.is(store.information({ partitionId: 0n, objectId: 0n }).usedBytes, 0n);
  store.close();
  assert.equal(filesOf(directory), [], 'no file without an object');
  process.stdout.write(`${count} commands acknowledged, ${files} files at the end\n`);
  rmSync(folder, { recursive: true });
});

test.run();
