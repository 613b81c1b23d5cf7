import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { TapeService } from '../../../../../engine/devices/tape/image/tape-service.js';
import { crc32c } from '../../../../../engine/pdu/digest.js';
import { seededRandom } from '../../../../support/random.js';
import { assertCode, blockOf, contentsOf, loadedDrive, newDrive, tapeSuite, writeBlock, writeMarks } from './tape-fixture.js';

const test = tapeSuite('tape image: damage');
const DATA_OFFSET = 65536;
const HEADER_BYTES = 88;
/** Of a block of 100 bytes. */
const RECORD_BYTES = 192;
const text = (number: number) => blockOf(number).toString('latin1');

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(path, bytes);
}

/** Ten blocks of 100 bytes, closed. */
function tenBlocks(path: string): void {
  const drive = loadedDrive(path);
  for (let i = 0; i < 10; i++) writeBlock(drive, blockOf(i));
  assert.is(drive.unload().fault, null);
}

function reload(path: string): { drive: TapeService; notices: readonly string[]; wasRecovered: boolean } {
  const drive = newDrive();
  return { drive, ...drive.load({ path, readOnly: false, create: null }) };
}

test('a flipped bit of a block is a medium error of that block; those behind it are read', ({ path }) => {
  tenBlocks(path);
  flip(path, DATA_OFFSET + 3 * RECORD_BYTES + HEADER_BYTES + 50);
  const { drive } = reload(path);
  assert.equal(
    contentsOf(drive),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => (i === 3 ? 'fault medium' : text(i))),
  );
  drive.locate({ partition: null, to: 'object', number: 3 });
  const { fault, blockLengthBytes, position } = drive.readBlock(new Uint8Array(10));
  assert.equal([fault, blockLengthBytes, position.objectNumber], [{ kind: 'medium', objectNumber: 3 }, 100, 4]);
});

for (const object of [0, 3, 6, 9]) {
  test(`a flipped bit in the header of object ${object} of ten costs that object, wherever one comes from`, ({ path }) => {
    tenBlocks(path);
    flip(path, DATA_OFFSET + object * RECORD_BYTES + 30);
    const { drive } = reload(path);
    const expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => (i === object ? 'fault medium' : text(i)));
    assert.equal(contentsOf(drive), expected);
    for (let i = 10; i >= 0; i--) {
      drive.locate({ partition: null, to: 'object', number: i });
      assert.is(drive.position().objectNumber, i);
      if (i < 10) assert.is(drive.readBlock(new Uint8Array(100)).stop, i === object ? 'fault' : 'done', `object ${i}`);
    }
    drive.space('endOfData', 0);
    for (let i = 9; i >= 0; i--) assert.is(drive.space('blocks', -1).position.objectNumber, i);
    // What is written over the damage and behind it is whole again.
    drive.locate({ partition: null, to: 'object', number: object });
    for (let i = object; i < 12; i++) writeBlock(drive, blockOf(100 + i));
    const renewed = [...expected.slice(0, object), ...Array.from({ length: 12 - object }, (_, i) => text(100 + object + i))];
    assert.equal(contentsOf(drive), renewed);
    drive.unload();
    assert.equal(contentsOf(reload(path).drive), renewed);
  });
}

test('several lost records in a row are so many objects, and a lost mark is known from the count behind it', ({ path }) => {
  const drive = loadedDrive(path);
  for (const number of [0, 1, 2]) writeBlock(drive, blockOf(number));
  writeMarks(drive);
  writeBlock(drive, blockOf(4));
  drive.unload();
  const whole = readFileSync(path);
  flip(path, DATA_OFFSET + 3 * RECORD_BYTES + 20);
  const mark = reload(path).drive;
  assert.equal(contentsOf(mark), [text(0), text(1), text(2), 'filemark', text(4)]);
  assert.is(mark.locate({ partition: null, to: 'file', number: 1 }).position.objectNumber, 4);
  mark.unload();
  writeFileSync(path, whole);
  for (const object of [1, 2, 3]) flip(path, DATA_OFFSET + object * RECORD_BYTES + 20);
  const lost = reload(path).drive;
  assert.equal(contentsOf(lost), [text(0), 'fault medium', 'fault medium', 'fault medium', text(4)]);
  lost.locate({ partition: null, to: 'object', number: 2 });
  writeBlock(lost, blockOf(7));
  assert.equal(contentsOf(lost), [text(0), 'fault medium', text(7)], 'in the midst of what is lost one can begin anew');
  lost.unload();
  assert.equal(contentsOf(reload(path).drive), [text(0), 'fault medium', text(7)]);
});

test('a file that was cut ends at its last good record and says so; the rest of it stays as it was', ({ path }) => {
  tenBlocks(path);
  const whole = readFileSync(path);
  for (let records = 0; records <= 9; records++) {
    for (const rest of [0, 40, HEADER_BYTES + 50]) {
      writeFileSync(path, whole);
      truncateSync(path, DATA_OFFSET + records * RECORD_BYTES + rest);
      const cut = readFileSync(path);
      const { drive, notices } = reload(path);
      assert.is(contentsOf(drive).length, records);
      assert.equal(notices, [`partition 0 ends at object ${records}: ${10 - records} behind it are gone, the file is cut or torn`]);
      drive.unload();
      assert.equal(readFileSync(path), cut, 'to look at it changes nothing');
    }
  }
  const { drive } = reload(path);
  drive.space('endOfData', 0);
  writeBlock(drive, blockOf(70));
  drive.unload();
  const { drive: again, notices } = reload(path);
  assert.equal(notices, []);
  assert.equal(contentsOf(again), [...Array.from({ length: 9 }, (_, i) => text(i)), text(70)]);
});

test('a record that was torn by a crash is dropped and said', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 4; i++) writeBlock(drive, blockOf(i));
  drive.flush();
  for (let i = 4; i < 7; i++) writeBlock(drive, blockOf(i));
  // Not closed.
  flip(path, DATA_OFFSET + 5 * RECORD_BYTES + HEADER_BYTES + 10);
  const { drive: again, notices, wasRecovered } = reload(path);
  assert.is(wasRecovered, true);
  assert.equal(notices, ['partition 0 ends at object 5: the one behind it was not written whole']);
  assert.equal(contentsOf(again), [0, 1, 2, 3, 4].map(text));
  // What is written now meets remains of the same length behind it, which are none of it.
  writeBlock(again, blockOf(55));
  const { drive: third, notices: none } = reload(path);
  assert.equal(none, []);
  assert.equal(contentsOf(third), [...[0, 1, 2, 3, 4].map(text), text(55)]);
});

test('what a mark made stable is no tail: damage to it is a medium error after a crash too', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 4; i++) writeBlock(drive, blockOf(i));
  writeMarks(drive);
  writeBlock(drive, blockOf(5));
  for (const at of [HEADER_BYTES + 10, 20]) {
    flip(path, DATA_OFFSET + 2 * RECORD_BYTES + at);
    const { drive: again } = reload(path);
    assert.equal(contentsOf(again), [text(0), text(1), 'fault medium', text(3), 'filemark', text(5)]);
  }
});

test('one superblock may be damaged, whichever it is; two may not', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 3; i++) writeBlock(drive, blockOf(i));
  drive.locate({ partition: null, to: 'object', number: 1 });
  writeBlock(drive, blockOf(11));
  drive.unload();
  const whole = readFileSync(path);
  for (const offset of [4096, 8192]) {
    writeFileSync(path, whole);
    flip(path, offset + 60);
    const { drive: again, notices } = reload(path);
    assert.match(notices.join(), 'a superblock is damaged');
    assert.equal(contentsOf(again), [text(0), text(11)]);
    again.space('endOfData', 0);
    writeBlock(again, blockOf(12));
    again.unload();
    const { drive: third, notices: none } = reload(path);
    assert.equal(none, []);
    assert.equal(contentsOf(third), [text(0), text(11), text(12)]);
    third.unload();
  }
  flip(path, 4096 + 60);
  flip(path, 8192 + 60);
  const torn = readFileSync(path);
  assertCode(() => reload(path), 'TAPE_IMAGE_DAMAGED', /superblocks/);
  assert.equal(readFileSync(path), torn);
});

test('what was overwritten does not come back when the file is put together from old and new', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 10; i++) writeBlock(drive, blockOf(i));
  drive.flush();
  const old = readFileSync(path);
  drive.locate({ partition: null, to: 'object', number: 4 });
  writeBlock(drive, blockOf(44));
  writeBlock(drive, blockOf(45));
  const current = readFileSync(path);
  // The power went when the superblock was stable, the second block was, and the first was not.
  old.copy(current, DATA_OFFSET + 4 * RECORD_BYTES, DATA_OFFSET + 4 * RECORD_BYTES, DATA_OFFSET + 5 * RECORD_BYTES);
  writeFileSync(path, current);
  assert.equal(contentsOf(reload(path).drive), [0, 1, 2, 3].map(text));
});

test('contents that look like records are none', ({ path }) => {
  tenBlocks(path);
  const image = readFileSync(path);
  const drive = loadedDrive(`${path}.2`);
  writeBlock(drive, image.subarray(DATA_OFFSET, DATA_OFFSET + 1920));
  writeBlock(drive, blockOf(1));
  drive.unload();
  flip(`${path}.2`, DATA_OFFSET + 20);
  assert.equal(contentsOf(reload(`${path}.2`).drive), ['fault medium', text(1)]);
});

test('a superblock that claims more objects than its partition has room for is none, although its CRC is right', ({ path }) => {
  tenBlocks(path);
  const bytes = readFileSync(path);
  for (const offset of [4096, 8192]) {
    const superblock = bytes.subarray(offset, offset + 4096);
    superblock.writeBigUInt64BE(2n ** 50n, 128 + 6 * 8);
    superblock.writeUInt32BE(crc32c(superblock, 8, superblock.length), 4);
  }
  writeFileSync(path, bytes);
  assertCode(() => reload(path), 'TAPE_IMAGE_DAMAGED');
});

test('random bytes anywhere never make more than a TargetError of it', ({ path }) => {
  tenBlocks(path);
  const whole = readFileSync(path);
  const random = seededRandom(7);
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(whole);
    for (let i = 0; i < 1 + random.below(20); i++)
      bytes[random.below(4) === 0 ? random.below(bytes.length) : DATA_OFFSET + random.below(1920)] = random.below(256);
    writeFileSync(path, bytes.subarray(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length));
    try {
      const { drive } = reload(path);
      const found = contentsOf(drive);
      assert.ok(found.every((each) => each === 'fault medium' || each === 'filemark' || each.startsWith('block ')));
      drive.space('blocks', -3);
      drive.unload();
    } catch (error) {
      assert.match((error as { code: string }).code, /^TAPE_IMAGE_/);
    }
  }
});

test.run();
