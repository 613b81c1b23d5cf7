// test-timeout: 900 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AttributeCriterion, ObjectStore } from '../../engine/devices/osd/store/object-store.js';
import { openObjectStore } from '../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../engine/limits.js';

/** A million in the long run: LUNLOOM_OBJECTS=1000000. */
const OBJECT_COUNT = Number(process.env['LUNLOOM_OBJECTS'] ?? 20_000);
const CREATE_COUNT = 1000;
const P = 0x10000n;
const HEAP_GROWTH_BYTES_MAX = 32 * 1024 * 1024;
/** Of one step, whatever the number of objects: what keeps the device from other commands. */
const STEP_MS_MAX = 250;

const numberText = (index: number) => Buffer.from(String(index).padStart(12, '0'));

/** Runs step after step; answers milliseconds in all, of the longest step, and the most heap that was in use. */
function timed(step: () => boolean): { totalMs: number; longestMs: number; heapBytes: number } {
  let [longestMs, heapBytes] = [0, 0];
  const start = performance.now();
  for (let goesOn = true; goesOn; ) {
    const begin = performance.now();
    goesOn = step();
    longestMs = Math.max(longestMs, performance.now() - begin);
    heapBytes = Math.max(heapBytes, process.memoryUsage().heapUsed);
  }
  return { totalMs: performance.now() - start, longestMs, heapBytes };
}

function fill(store: ObjectStore, collectionId: bigint): () => boolean {
  let index = 0;
  return () => {
    store.transaction(() => {
      const first = store.createUserObjects(P, null, CREATE_COUNT);
      for (let at = 0; at < CREATE_COUNT; at++, index++) {
        const name = { partitionId: P, objectId: first + BigInt(at) };
        store.setAttribute(name, 0x10000, 1, numberText(index));
        store.join(name, collectionId);
      }
    });
    return index < OBJECT_COUNT;
  };
}

test(`${OBJECT_COUNT} objects are listed and queried by attribute in steps, and the heap stays flat`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-object-scale-'));
  let store = openObjectStore({ directory: join(folder, 'store'), limits: defaultLimits, capacityBytes: null });
  store.createPartition(P);
  const collectionId = store.createCollection(P, null);
  const collection = { partitionId: P, objectId: collectionId };
  const report = (what: string, { totalMs, longestMs, heapBytes }: ReturnType<typeof timed>) => {
    const text = `${what}: ${((totalMs * 1000) / OBJECT_COUNT).toFixed(2)} µs an object, longest step ${longestMs.toFixed(1)} ms`;
    process.stdout.write(`${text}, heap ${(heapBytes / 2 ** 20).toFixed(0)} MiB\n`);
    return { longestMs, heapBytes };
  };
  report('create with an attribute and a membership', timed(fill(store, collectionId)));
  const openedAt = performance.now();
  store.close();
  store = openObjectStore({ directory: join(folder, 'store'), limits: defaultLimits, capacityBytes: null });
  process.stdout.write(`close and open: ${(performance.now() - openedAt).toFixed(0)} ms\n`);
  const heapBefore = process.memoryUsage().heapUsed;
  const steps: ReturnType<typeof report>[] = [];

  let listed = 0;
  let next: bigint | null = 0n;
  const list = timed(() => {
    const page: ReturnType<ObjectStore['listUserObjects']> = store.listUserObjects(P, { from: next as bigint, countMax: 1000 });
    listed += page.ids.length;
    next = page.next;
    return next !== null;
  });
  steps.push(report('list', list));
  assert.is(listed, OBJECT_COUNT);

  let withAttribute = 0;
  next = 0n;
  const listAttributes = timed(() => {
    const page: ReturnType<ObjectStore['listMembers']> = store.listMembers(collection, { from: next as bigint, countMax: 1000 });
    for (const objectId of page.ids) if (store.attribute({ partitionId: P, objectId }, 0x10000, 1) !== null) withAttribute++;
    next = page.next;
    return next !== null;
  });
  steps.push(report('list members with an attribute', listAttributes));
  assert.is(withAttribute, OBJECT_COUNT);

  const [low, high] = [numberText(Math.floor(OBJECT_COUNT / 2)), numberText(Math.floor(OBJECT_COUNT / 2) + 99)];
  const criterion: AttributeCriterion = {
    pageNumber: 0x10000,
    attributeNumber: 1,
    matches: (value) => value !== null && Buffer.compare(low, value) <= 0 && Buffer.compare(value, high) <= 0,
  };
  let matched = 0;
  next = 0n;
  const query = timed(() => {
    const from = next as bigint;
    const request = { partitionId: P, collectionId, from, criteria: [criterion], mode: 'all', countMax: 1000, examinedCountMax: 1000 } as const;
    const step: ReturnType<ObjectStore['query']> = store.query(request);
    matched += step.matches.length;
    next = step.next;
    return next !== null;
  });
  steps.push(report('query', query));
  assert.is(matched, 100);

  const information = timed(() => store.information({ partitionId: P, objectId: 0n }).userObjectCount !== BigInt(OBJECT_COUNT));
  assert.ok(information.totalMs < STEP_MS_MAX, 'counts are kept, not counted');
  for (const { longestMs, heapBytes } of steps) {
    assert.ok(longestMs < STEP_MS_MAX, `a step took ${longestMs} ms`);
    assert.ok(heapBytes - heapBefore < HEAP_GROWTH_BYTES_MAX, `the heap grew by ${heapBytes - heapBefore} bytes`);
  }
  const formatAt = performance.now();
  store.format();
  process.stdout.write(`format: ${(performance.now() - formatAt).toFixed(0)} ms\n`);
  assert.is(store.information({ partitionId: 0n, objectId: 0n }).userObjectCount, 0n);
  store.close();
  rmSync(folder, { recursive: true });
});

test.run();
