import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import * as assert from 'uvu/assert';
import type { TapeService, TapeSpaceUnit } from '../../../../../engine/devices/tape/image/tape-service.js';
import { blockOf, loadedDrive, MIB, newDrive, tapeSuite, writeBlock, writeMarks } from './tape-fixture.js';

const test = tapeSuite('tape image: motion');

/** Objects 0 1 | 3 | | 6 7: blocks by their numbers, marks 2, 4, 5. */
function threeMarks(path: string): TapeService {
  const drive = loadedDrive(path);
  for (const number of [0, 1]) writeBlock(drive, blockOf(number));
  writeMarks(drive);
  writeBlock(drive, blockOf(3));
  writeMarks(drive, 2);
  for (const number of [6, 7]) writeBlock(drive, blockOf(number));
  return drive;
}

const cases: readonly (readonly [from: number, what: TapeSpaceUnit, count: number, stop: string, residual: number, to: number])[] = [
  [0, 'blocks', 2, 'done', 0, 2],
  [0, 'blocks', 5, 'filemark', 3, 3],
  [0, 'blocks', 0, 'done', 0, 0],
  [6, 'blocks', 3, 'endOfData', 1, 8],
  [8, 'blocks', -2, 'done', 0, 6],
  [8, 'blocks', -3, 'filemark', 1, 5],
  [2, 'blocks', -3, 'beginningOfPartition', 1, 0],
  [0, 'filemarks', 1, 'done', 0, 3],
  [0, 'filemarks', 3, 'done', 0, 6],
  [3, 'filemarks', 5, 'endOfData', 3, 8],
  [8, 'filemarks', -1, 'done', 0, 5],
  [8, 'filemarks', -3, 'done', 0, 2],
  [8, 'filemarks', -4, 'beginningOfPartition', 1, 0],
  [0, 'sequentialFilemarks', 2, 'done', 0, 6],
  [0, 'sequentialFilemarks', 3, 'endOfData', 3, 8],
  [8, 'sequentialFilemarks', -2, 'done', 0, 4],
  [8, 'sequentialFilemarks', -3, 'beginningOfPartition', 3, 0],
  [1, 'endOfData', 0, 'done', 0, 8],
];

for (const [from, what, count, stop, residualCount, to] of cases) {
  test(`SPACE ${count} ${what} from ${from}: ${stop} at ${to}, ${residualCount} not done`, ({ path }) => {
    const drive = threeMarks(path);
    drive.locate({ partition: null, to: 'object', number: from });
    const outcome = drive.space(what, count);
    assert.equal([outcome.stop, outcome.residualCount, outcome.position.objectNumber], [stop, residualCount, to]);
    assert.is(outcome.position.fileNumber, [2, 4, 5].filter((mark) => mark < to).length);
  });
}

test('LOCATE by object, by file and to the end of data', ({ path }) => {
  const drive = threeMarks(path);
  const locate = (to: 'object' | 'file' | 'endOfData', number: number) => {
    const { stop, position } = drive.locate({ partition: null, to, number });
    return `${stop} ${position.objectNumber}`;
  };
  for (let i = 0; i <= 8; i++) assert.is(locate('object', i), `done ${i}`);
  assert.is(locate('object', 9), 'endOfData 8');
  assert.equal(
    [0, 1, 2, 3, 4].map((file) => locate('file', file)),
    ['done 0', 'done 3', 'done 5', 'done 6', 'endOfData 8'],
  );
  assert.is(locate('endOfData', 0), 'done 8');
});

test('the position tells the beginning and the end of data', ({ path }) => {
  const drive = threeMarks(path);
  const end = drive.position();
  assert.equal([end.isBeginning, end.isEndOfData, end.setNumber, end.partition], [false, true, 0, 0]);
  const start = drive.rewind().position;
  assert.equal([start.isBeginning, start.isEndOfData, start.bufferedObjectCount], [true, false, 0]);
});

test('partitions have contents and a position of their own, and going to another makes the first stable', ({ path }) => {
  const drive = loadedDrive(path);
  assert.is(drive.formatMedium([MIB, 2 * MIB, MIB / 2]).fault, null);
  assert.equal(
    drive.facts()?.partitions.map(({ capacityBytes }) => capacityBytes),
    [MIB, 2 * MIB, MIB / 2],
  );
  for (const partition of [0, 1, 2]) {
    const { stop, position } = drive.locate({ partition, to: 'object', number: 0 });
    assert.equal([stop, position.partition, position.bufferedObjectCount], ['done', partition, 0]);
    for (let i = 0; i <= partition; i++) writeBlock(drive, blockOf(10 * partition + i));
    assert.is(drive.position().bufferedObjectCount, partition + 1);
  }
  assert.is(drive.locate({ partition: 0, to: 'object', number: 0 }).position.bufferedObjectCount, 0);
  assert.is(drive.locate({ partition: 1, to: 'object', number: 0 }).position.bufferedObjectCount, 0);
  assert.is(drive.locate({ partition: 2, to: 'object', number: 0 }).position.bufferedObjectCount, 0);
  assert.is(drive.rewind().position.partition, 2, 'a rewind stays in the partition');
  drive.unload();
  const again = newDrive();
  assert.is(again.load({ path, readOnly: false, create: null }).facts.partitions.length, 3);
  const counts = [0, 1, 2].map((partition) => again.locate({ partition, to: 'endOfData', number: 0 }).position.objectNumber);
  assert.equal(counts, [1, 2, 3]);
});

test('FORMAT MEDIUM and SET CAPACITY empty the medium; sizes that do not fit leave it', ({ path }) => {
  const drive = threeMarks(path);
  drive.rewind();
  for (const sizes of [[], [1000], [4 * MIB, MIB], [MIB, MIB, MIB, MIB / 2, MIB / 2], [MIB + 0.5]]) {
    assert.equal(drive.formatMedium(sizes).fault, { kind: 'partitions' });
  }
  assert.is(drive.facts()?.partitions[0]?.objectCount, 8);
  assert.equal(drive.setCapacity(32768).fault, null);
  const half = drive.facts();
  assert.is(half?.capacityBytes, Math.floor((4 * MIB * 32768) / 65535));
  assert.equal([half?.partitions.length, half?.partitions[0]?.objectCount, half?.nativeCapacityBytes], [1, 0, 4 * MIB]);
  assert.is(drive.setCapacity(0).fault, null);
  assert.is(drive.facts()?.capacityBytes, 64 * 1024);
  assert.is(drive.formatMedium([2 * MIB, 2 * MIB]).fault, null, 'a format has all of the native capacity');
});

test('ERASE takes what is behind the position, and long gives the bytes away', ({ path }) => {
  const drive = threeMarks(path);
  drive.locate({ partition: null, to: 'object', number: 6 });
  const { fault, position } = drive.erase(false);
  assert.equal([fault, position.objectNumber, position.isEndOfData], [null, 6, true]);
  drive.rewind();
  assert.is(drive.erase(true).fault, null);
  assert.is(drive.space('endOfData', 0).position.objectNumber, 0);
  drive.unload();
  assert.is(newDrive().load({ path, readOnly: false, create: null }).facts.partitions[0]?.usedBytes, 0);
});

test('a long ERASE of one partition leaves the others', ({ path }) => {
  const drive = loadedDrive(path);
  drive.formatMedium([MIB, MIB]);
  writeBlock(drive, blockOf(0));
  drive.locate({ partition: 1, to: 'object', number: 0 });
  writeBlock(drive, blockOf(1));
  drive.locate({ partition: 0, to: 'object', number: 0 });
  assert.is(drive.erase(true).fault, null);
  drive.locate({ partition: 1, to: 'object', number: 0 });
  assert.is(drive.verifyBlock(100, blockOf(1)).stop, 'done');
});

/** Calls of `readSync` while `action` runs. */
function readsOf(action: () => void): number {
  const { readSync } = fs;
  let count = 0;
  Object.assign(fs, {
    readSync: (...values: Parameters<typeof readSync>) => {
      count++;
      return readSync(...values);
    },
  });
  syncBuiltinESMExports();
  try {
    action();
  } finally {
    Object.assign(fs, { readSync });
    syncBuiltinESMExports();
  }
  return count;
}

test('far objects and marks among a hundred thousand are found, by a few dozen reads', ({ path }) => {
  const drive = loadedDrive(path, { capacityBytes: 64 * MIB });
  const blocks = Buffer.alloc(1000, 'x');
  for (let i = 0; i < 100; i++) {
    drive.writeBlocks(blocks, 1);
    drive.writeFilemarks(1, false);
  }
  for (const number of [0, 1, 1000, 1001, 50_000, 99_999, 100_099]) {
    const reads = readsOf(() => {
      const { position } = drive.locate({ partition: null, to: 'object', number });
      assert.equal([position.objectNumber, position.fileNumber], [number, Math.floor(number / 1001)]);
    });
    assert.ok(reads < 100, `${reads} reads`);
  }
  assert.ok(readsOf(() => void drive.locate({ partition: null, to: 'file', number: 31 })) < 100);
  for (const number of [0, 1, 50, 99, 100]) assert.is(drive.locate({ partition: null, to: 'file', number }).position.objectNumber, number * 1001);
});

test.run();
