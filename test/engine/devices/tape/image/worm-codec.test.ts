import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { encodeBlock } from '../../../../../engine/devices/tape/image/block-codec.js';
import { RecordFlag } from '../../../../../engine/devices/tape/image/record-header.js';
import type { TapeEncryption, TapeService } from '../../../../../engine/devices/tape/image/tape-service.js';
import { blockOf, contentsOf, loadedDrive, MIB, newDrive, readNext, tapeSuite, writeBlock, writeMarks } from './tape-fixture.js';

const test = tapeSuite('tape image: WORM, compression, encryption');
const violation = { kind: 'wormViolation' };

test('WORM: blocks are appended and nothing is replaced', ({ path }) => {
  const drive = loadedDrive(path, { worm: true });
  writeBlock(drive, blockOf(0));
  writeMarks(drive);
  writeBlock(drive, blockOf(2));
  for (const number of [0, 1, 2]) {
    drive.locate({ partition: null, to: 'object', number });
    assert.equal(drive.writeBlock(blockOf(9)).fault, violation, `at ${number}`);
    assert.equal(drive.writeFilemarks(1, true).fault, violation);
    assert.equal(drive.erase(false).fault, violation);
  }
  assert.equal(drive.formatMedium([MIB]).fault, violation);
  assert.equal(drive.setCapacity(65535).fault, violation);
  drive.space('endOfData', 0);
  assert.is(drive.erase(false).fault, null, 'there is nothing to be erased at the end of data');
  writeBlock(drive, blockOf(3));
  assert.is(contentsOf(drive).length, 4);
  drive.unload();
  assert.is(newDrive().load({ path, readOnly: false, create: null }).facts.worm, true);
});

test('WORM: marks at the end of data may be written over, but not the first mark of the tape', ({ path }) => {
  const drive = loadedDrive(path, { worm: true });
  writeBlock(drive, blockOf(0));
  writeMarks(drive);
  drive.space('filemarks', -1);
  assert.equal(drive.writeBlock(blockOf(9)).fault, violation, 'it closes the label');
  drive.space('endOfData', 0);
  writeBlock(drive, blockOf(2));
  writeMarks(drive, 2);
  drive.space('filemarks', -1);
  writeBlock(drive, blockOf(4));
  assert.equal(contentsOf(drive), [blockOf(0), 'filemark', blockOf(2), 'filemark', blockOf(4)].map(String));
  drive.unload();
});

test('WORM: an empty one can be formatted', ({ path }) => {
  assert.is(loadedDrive(path, { worm: true }).formatMedium([MIB, MIB]).fault, null);
});

test('compression is used for what gets shorter, block by block', ({ path }) => {
  const drive = loadedDrive(path);
  drive.setCompression(true);
  const random = Buffer.from(Array.from({ length: 5000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 0xff));
  writeBlock(drive, blockOf(0, 20_000));
  const afterFirst = drive.facts()?.partitions[0]?.usedBytes ?? 0;
  assert.ok(afterFirst < 1000);
  writeBlock(drive, random);
  drive.setCompression(false);
  writeBlock(drive, blockOf(2, 20_000));
  drive.rewind();
  const kinds = [0, 1, 2].map(() => {
    const next = drive.nextObject();
    readNext(drive);
    return next.kind === 'block' && next.isCompressed;
  });
  assert.equal([kinds[0], kinds[2]], [true, false]);
  assert.equal(
    contentsOf(drive),
    [blockOf(0, 20_000), random, blockOf(2, 20_000)].map((block) => block.toString('latin1')),
  );
  drive.rewind();
  const target = new Uint8Array(50);
  const { blockLengthBytes, transferredBytes } = drive.readBlock(target);
  assert.equal([blockLengthBytes, transferredBytes, Buffer.from(target)], [20_000, 50, blockOf(0, 50)]);
});

function settings(key: string, changes: Partial<TapeEncryption> = {}): TapeEncryption {
  return { encrypt: true, decrypt: 'mixed', key: Buffer.alloc(32, key), ukad: Buffer.from('ukad'), akad: Buffer.from('akad'), algorithmIndex: 1, ...changes };
}

/** In the clear, with key A, with key B. */
function threeKinds(path: string): TapeService {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  drive.setEncryption(settings('A'));
  drive.setCompression(true);
  writeBlock(drive, blockOf(1, 3000));
  drive.setEncryption(settings('B', { ukad: new Uint8Array(0) }));
  writeBlock(drive, blockOf(2));
  return drive;
}

const reads: readonly (readonly [string, TapeEncryption | null, readonly string[]])[] = [
  ['without settings', null, ['block', 'noKey', 'noKey']],
  ['with decryption off', settings('A', { decrypt: 'off' }), ['block', 'noKey', 'noKey']],
  ['with key A, mixed', settings('A'), ['block', 'block', 'wrongKey']],
  ['with key A, encrypted only', settings('A', { decrypt: 'encryptedOnly' }), ['unencrypted', 'block', 'wrongKey']],
  ['with key B', settings('B'), ['block', 'wrongKey', 'block']],
];

for (const [name, given, expected] of reads) {
  test(`encrypted blocks ${name}: ${expected.join(', ')}`, ({ path }) => {
    const drive = threeKinds(path);
    drive.setEncryption(given);
    drive.rewind();
    const found = expected.map((_, objectNumber) => {
      const next = drive.nextObject();
      const { stop, fault, position, transferredBytes } = drive.readBlock(new Uint8Array(4000));
      assert.is(position.objectNumber, objectNumber + 1, 'it stands behind the block in any case');
      if (stop === 'done') return 'block';
      assert.is(transferredBytes, 0);
      if (fault?.kind !== 'encryption') return fault?.kind;
      if (fault.reason !== 'unencrypted') assert.is(next.kind === 'block' && next.encryption?.isReadable, false);
      return fault.reason;
    });
    assert.equal(found, expected);
  });
}

test('compression of long blocks is left out where a sample of them does not get shorter', () => {
  const settings = { compression: true, encryption: null };
  const identity = { imageId: new Uint8Array(16), partition: 0, objectNumber: 0 };
  const isCompressed = (block: Uint8Array) => (encodeBlock(block, settings, identity).flags & RecordFlag.compressed) !== 0;
  const length = 64 * 1024;
  const random = randomBytes(length);
  assert.is(isCompressed(random), false);
  assert.is(isCompressed(Buffer.concat([random.subarray(0, length / 2), Buffer.alloc(length / 2)])), true, 'half of it is zeros');
  assert.is(isCompressed(blockOf(0, length)), true);
  // What tells that the sample has decided: zeros everywhere but in it.
  const disguised = Buffer.alloc(length);
  for (let piece = 0; piece < 4; piece++) random.copy(disguised, piece * 21504, piece * 1024, (piece + 1) * 1024);
  assert.is(isCompressed(disguised), false);
  assert.is(isCompressed(random.subarray(0, 16 * 1024)), false, 'a short one is tried as a whole');
});

test('the next object tells the descriptors of its key without moving', ({ path }) => {
  const drive = threeKinds(path);
  drive.setEncryption(settings('A'));
  drive.rewind();
  const clear = drive.nextObject();
  assert.equal(clear, { kind: 'block', lengthBytes: 100, isCompressed: false, encryption: null });
  drive.space('blocks', 1);
  const sealed = drive.nextObject();
  assert.is(drive.position().objectNumber, 1);
  assert.ok(sealed.kind === 'block' && sealed.encryption !== null && sealed.isCompressed);
  const { ukad, akad, algorithmIndex, isReadable } = sealed.encryption;
  assert.equal([Buffer.from(ukad).toString(), Buffer.from(akad).toString(), algorithmIndex, isReadable], ['ukad', 'akad', 1, true]);
  drive.space('endOfData', 0);
  assert.equal(drive.nextObject(), { kind: 'endOfData' });
});

test('neither keys nor contents are in the file', ({ path }) => {
  const drive = loadedDrive(path);
  drive.setEncryption(settings('K'));
  writeBlock(drive, blockOf(7, 5000));
  drive.unload();
  const file = readFileSync(path);
  assert.is(file.indexOf('KKKKKKKK'), -1);
  assert.is(file.indexOf('block 7'), -1);
  assert.ok(file.indexOf('ukad') > 0);
});

test('damage to an encrypted block is a medium error and no wrong key', ({ path }) => {
  const drive = loadedDrive(path);
  drive.setEncryption(settings('A'));
  writeBlock(drive, blockOf(0));
  drive.unload();
  const bytes = readFileSync(path);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
  writeFileSync(path, bytes);
  drive.load({ path, readOnly: false, create: null });
  assert.is(readNext(drive), 'fault medium');
});

test('blocks longer than a mebibyte, in the clear and encrypted', ({ path }) => {
  const drive = loadedDrive(path, { capacityBytes: 64 * MIB });
  const long = Buffer.alloc(3 * MIB + 13, 'long block ');
  writeBlock(drive, blockOf(0));
  writeBlock(drive, long);
  drive.setEncryption(settings('A'));
  writeBlock(drive, long);
  writeBlock(drive, blockOf(3));
  const target = Buffer.from(new SharedArrayBuffer(4 * MIB));
  drive.rewind();
  const lengths = [0, 1, 2, 3].map(() => {
    const { stop, blockLengthBytes } = drive.readBlock(target);
    assert.is(stop, 'done');
    if (blockLengthBytes > MIB) assert.ok(target.subarray(0, blockLengthBytes).equals(long));
    return blockLengthBytes;
  });
  assert.equal(lengths, [100, long.length, long.length, 100]);
  assert.is(drive.readBlock(target).stop, 'endOfData');
});

test.run();
