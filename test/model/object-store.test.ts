// test-timeout: 300 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import { openObjectStore } from '../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../engine/limits.js';
import { seededRandom } from '../support/random.js';
import { isFault, randomOperation, Undo } from './object-operations.js';
import { ReferenceObjects } from './reference-objects.js';
import { givenSeed } from './sequence-search.js';

const SECONDS = Number(process.env['LUNLOOM_MODEL_SECONDS'] ?? 4);
const SEQUENCE_LENGTH = 400;
const CHECK_EVERY = 25;
/** Small ones, so that what waits is settled often. */
const limits = { ...defaultLimits, osdOpenFileCountMax: 8, osdDirtyFileCountMax: 6, osdFreedFileCountMax: 5, osdAccessTimeCountMax: 4 };

function runSequence(seed: number): void {
  const random = seededRandom(seed);
  const directory = join(mkdtempSync(join(tmpdir(), 'lunloom-objects-')), 'store');
  const open = () => openObjectStore({ directory, limits, capacityBytes: null });
  const done: string[] = [];
  let store = open();
  let reference = new ReferenceObjects();
  const undone = () => {
    const before = reference.copy();
    try {
      // Bytes of objects that were there before are not undone; what the model does to them in here would have to be known.
      store.transaction(() => {
        const partitionId = store.createPartition(null);
        reference.partitions.set(partitionId, { attributes: new Map(), objects: new Map() });
        const scratch = new ReferenceObjects(new Map([[partitionId, reference.partitions.get(partitionId) as never]]));
        for (let count = random.below(10); count >= 0; count--) if (scratch.partitions.has(partitionId)) randomOperation(store, scratch, random);
        throw new Undo('the model undoes it');
      });
    } catch (error) {
      // The scratch model knows of no other partitions, so that it may ask for the id of one.
      if (!(error instanceof Undo) && !isFault('exists')(error)) throw error;
    }
    reference = before;
    return 'undone transaction';
  };
  const reopened = () => {
    store.close();
    store = open();
    return 'reopen';
  };
  const flushed = () => {
    store.flush({ kind: 'all' });
    return 'flush';
  };
  const formatted = () => {
    store.format();
    reference = new ReferenceObjects();
    return 'format';
  };
  const rare = [undone, undone, reopened, () => String(store.maintain()), flushed];
  try {
    for (let index = 1; index <= SEQUENCE_LENGTH; index++) {
      const kind = random.below(100);
      if (kind === 0 && random.below(4) === 0) done.push(formatted());
      else if (kind < 8) done.push((rare[random.below(rare.length)] as () => string)());
      else if (kind < 20) done.push(store.transaction(() => `${randomOperation(store, reference, random)} + ${randomOperation(store, reference, random)}`));
      else done.push(randomOperation(store, reference, random));
      if (index % CHECK_EVERY === 0) reference.check(store);
    }
    reopened();
    reference.check(store);
    store.close();
  } catch (error) {
    process.stdout.write(`LUNLOOM_SEED=${seed}, after ${done.length}: ${done.slice(-12).join(', ')}\n`);
    throw error;
  }
  rmSync(join(directory, '..'), { recursive: true });
}

test('the object store is a map of bytes and attributes, through transactions that are undone, restarts and formats', () => {
  const first = givenSeed ?? Date.now() % 2 ** 32;
  const endMs = Date.now() + SECONDS * 1000;
  let count = 0;
  do runSequence(first + count++);
  while (givenSeed === null && Date.now() < endMs);
  process.stdout.write(`${count} sequences of ${SEQUENCE_LENGTH} operations, the first of seed ${first}\n`);
});

test.run();
