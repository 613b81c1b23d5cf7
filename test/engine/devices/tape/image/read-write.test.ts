import { closeSync, existsSync, ftruncateSync, openSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { TapeFacts } from '../../../../../engine/devices/tape/image/tape-service.js';
import { blockOf, contentsOf, loadedDrive, MIB, newDrive, readNext, tapeSuite, writeBlock, writeMarks } from './tape-fixture.js';

const test = tapeSuite('tape image: reading and writing');

test('blocks of any length and marks come back in order, before and after a load', ({ path }) => {
  const drive = loadedDrive(path);
  const blocks = [blockOf(0, 1), blockOf(1, 7), blockOf(2, 4096), blockOf(3, 65535)];
  for (const block of blocks) writeBlock(drive, block);
  writeMarks(drive, 2);
  writeBlock(drive, blockOf(4));
  const expected = [...blocks.map((block) => block.toString('latin1')), 'filemark', 'filemark', blockOf(4).toString('latin1')];
  assert.equal(contentsOf(drive), expected);
  assert.equal(drive.unload(), { fault: null });
  assert.not.ok(existsSync(`${path}.lock`));
  const again = newDrive();
  const { wasCreated, wasRecovered, notices, facts } = again.load({ path, readOnly: false, create: null });
  assert.equal({ wasCreated, wasRecovered, notices, loadCount: facts.loadCount }, { wasCreated: false, wasRecovered: false, notices: [], loadCount: 2 });
  assert.equal(contentsOf(again), expected);
  again.unload();
});

test('a block that is longer or shorter than the target is told in its true length, and its beginning is read', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0, 300));
  drive.rewind();
  const target = new Uint8Array(new SharedArrayBuffer(100));
  const long = drive.readBlock(target);
  assert.equal([long.stop, long.blockLengthBytes, long.transferredBytes, long.blockCount], ['done', 300, 100, 1]);
  assert.equal(Buffer.from(target), blockOf(0, 300).subarray(0, 100));
  assert.is(drive.position().objectNumber, 1);
  drive.rewind();
  const wide = new Uint8Array(500);
  const short = drive.readBlock(wide);
  assert.equal([short.blockLengthBytes, short.transferredBytes], [300, 300]);
});

test('fixed blocks are many objects, and stop behind one of another length, a mark and the end', ({ path }) => {
  const drive = loadedDrive(path);
  const source = new Uint8Array(new SharedArrayBuffer(5 * 512));
  for (const at of source.keys()) source[at] = at >> 3;
  const written = drive.writeBlocks(source, 512);
  assert.equal([written.stop, written.count, written.position.objectNumber], ['done', 5, 5]);
  writeBlock(drive, blockOf(5, 100));
  writeBlock(drive, blockOf(6, 512));
  writeMarks(drive);
  drive.rewind();
  const target = new Uint8Array(8 * 512);
  const all = drive.readBlocks(target, 512, 3);
  assert.equal([all.stop, all.blockCount, all.transferredBytes], ['done', 3, 1536]);
  assert.equal(target.subarray(0, 1536), new Uint8Array(source.slice(0, 1536)));
  const length = drive.readBlocks(target, 512, 8);
  assert.equal([length.stop, length.blockCount, length.transferredBytes, length.blockLengthBytes], ['length', 2, 1024, 100]);
  assert.is(length.position.objectNumber, 6, 'it stands behind the block of another length');
  const mark = drive.readBlocks(target, 512, 8);
  assert.equal([mark.stop, mark.blockCount, mark.position.objectNumber, mark.position.fileNumber], ['filemark', 1, 8, 1]);
  const end = drive.readBlocks(target, 512, 8);
  assert.equal([end.stop, end.blockCount, end.position.isEndOfData], ['endOfData', 0, true]);
});

test('what is written in the midst takes everything behind it away, over a load too', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 10; i++) writeBlock(drive, blockOf(i));
  drive.locate({ partition: null, to: 'object', number: 3 });
  writeBlock(drive, blockOf(33));
  const expected = [0, 1, 2, 33].map((i) => blockOf(i).toString('latin1'));
  assert.equal(contentsOf(drive), expected);
  drive.unload();
  assert.equal(contentsOf(loadedDrive(path)), expected);
});

test('verify finds the first byte that differs, over several blocks', ({ path }) => {
  const drive = loadedDrive(path);
  const source = Buffer.alloc(4 * 256, 'abcdefg');
  drive.writeBlocks(source, 256);
  drive.rewind();
  assert.is(drive.verifyBlocks(256, 4, null).stop, 'done');
  drive.rewind();
  assert.is(drive.verifyBlocks(256, 4, source).stop, 'done');
  drive.rewind();
  const wrong = Buffer.from(source);
  wrong[600] = 0;
  const { stop, miscompareAtBytes, blockCount, position } = drive.verifyBlocks(256, 4, wrong);
  assert.equal({ stop, miscompareAtBytes, blockCount, at: position.objectNumber }, { stop: 'miscompare', miscompareAtBytes: 600, blockCount: 2, at: 3 });
  drive.rewind();
  assert.is(drive.verifyBlock(256, source).stop, 'done');
  drive.locate({ partition: null, to: 'object', number: 2 });
  assert.is(drive.verifyBlock(256, wrong.subarray(512)).miscompareAtBytes, 88);
});

test('a block of no bytes and one beyond the limit are refused and nothing is written', ({ path }) => {
  const drive = loadedDrive(path, {}, { tapeBlockLengthBytesMax: 64 * 1024 });
  writeBlock(drive, blockOf(0));
  drive.rewind();
  for (const length of [0, 64 * 1024 + 1]) assert.equal(drive.writeBlock(new Uint8Array(length)).fault, { kind: 'blockLength' });
  assert.equal(drive.writeBlocks(new Uint8Array(100), 64).fault, { kind: 'blockLength' }, 'no whole number of blocks');
  assert.equal(contentsOf(drive).length, 1);
});

test('marks are buffered, or on stable storage with all before them', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  const buffered = drive.writeFilemarks(2, false).position;
  assert.is(buffered.bufferedObjectCount, 3);
  assert.ok(buffered.bufferedBytes > 300);
  assert.is(drive.writeFilemarks(0, false).position.bufferedObjectCount, 3);
  assert.is(drive.writeFilemarks(0, true).position.bufferedObjectCount, 0);
  writeBlock(drive, blockOf(1));
  assert.is(drive.position().bufferedObjectCount, 1);
  assert.is(drive.flush().position.bufferedObjectCount, 0);
  writeBlock(drive, blockOf(1));
  assert.is(drive.writeFilemarks(1, true).position.bufferedObjectCount, 0);
});

test('a limit of unflushed bytes makes them stable', ({ path }) => {
  const drive = loadedDrive(path, {}, { tapeCheckpointBytes: 64 * 1024 });
  for (let i = 0; i < 20; i++) writeBlock(drive, blockOf(i, 10_000));
  assert.ok(drive.position().bufferedBytes < 64 * 1024);
});

test('early warning, its programmable herald and the end of the partition', ({ path }) => {
  const drive = loadedDrive(path, { capacityBytes: MIB });
  drive.setProgrammableEarlyWarning(128 * 1024);
  const { earlyWarningAtBytes } = drive.facts()?.partitions[0] ?? { earlyWarningAtBytes: 0 };
  assert.is(earlyWarningAtBytes, MIB - 64 * 1024);
  const events: string[] = [];
  const block = blockOf(1, 16 * 1024);
  for (let i = 0; ; i++) {
    const { stop, crossedEarlyWarning, crossedProgrammableEarlyWarning, position, count } = drive.writeBlock(block);
    if (crossedProgrammableEarlyWarning) events.push(`PEW ${i}`);
    if (crossedEarlyWarning) events.push(`EW ${i}`);
    if (stop === 'endOfPartition') {
      events.push(`end ${i}`);
      assert.is(count, 0);
      assert.ok(position.isBeyondEarlyWarning && position.isBeyondProgrammableEarlyWarning);
      drive.setProgrammableEarlyWarning(0);
      assert.is(drive.position().isBeyondProgrammableEarlyWarning, false, 'without a distance there is none to be beyond of');
      break;
    }
    assert.is(stop, 'done');
  }
  assert.equal(events, ['PEW 51', 'EW 59', 'end 63']);
  // A short one still fits.
  writeBlock(drive, blockOf(2));
  assert.is(drive.position().objectNumber, 64);
  const many = drive.writeBlocks(Buffer.alloc(8 * 4096), 4096);
  assert.equal([many.stop, many.count], ['endOfPartition', 2], 'blocks of a command that fit are written');
  for (;;) if (drive.writeFilemarks(1, false).stop === 'endOfPartition') break;
  assert.is(readNext(drive), 'endOfPartition');
  assert.is(contentsOf(drive)[63], blockOf(2).toString('latin1'));
});

test('what the file lost while it was open is a medium error', ({ path }) => {
  const drive = loadedDrive(path);
  for (let i = 0; i < 3; i++) writeBlock(drive, blockOf(i));
  drive.flush();
  const fd = openSync(path, 'r+');
  ftruncateSync(fd, 65536 + 250);
  closeSync(fd);
  assert.equal(contentsOf(drive), [blockOf(0).toString('latin1'), 'fault medium', 'fault medium']);
  assert.is(drive.facts()?.sinceLoad.readErrorCount, 2);
});

test('facts count what went over', ({ path }) => {
  const drive = loadedDrive(path, { barcode: 'LNL001L8', densityCode: 0x5e });
  drive.setCompression(true);
  writeBlock(drive, Buffer.alloc(10_000));
  writeMarks(drive, 3);
  contentsOf(drive);
  drive.unload();
  const facts = loadedDrive(path).facts() as TapeFacts;
  assert.equal([facts.barcode, facts.densityCode, facts.loadCount], ['LNL001L8', 0x5e, 2]);
  const { writtenBytes, writtenStoredBytes, writtenBlockCount, readBytes, readBlockCount, filemarkCount } = facts.lifetime;
  assert.equal(
    { writtenBytes, writtenBlockCount, readBytes, readBlockCount, filemarkCount },
    {
      writtenBytes: 10_000,
      writtenBlockCount: 1,
      readBytes: 10_000,
      readBlockCount: 1,
      filemarkCount: 3,
    },
  );
  assert.ok(writtenStoredBytes < 200);
  assert.is(facts.sinceLoad.writtenBytes, 0);
  const [partition] = facts.partitions ?? [];
  assert.equal([partition?.objectCount, partition?.filemarkCount], [4, 3]);
  assert.is((partition?.usedBytes ?? 0) + (partition?.remainingBytes ?? 0), partition?.capacityBytes);
});

test('answers are plain values', ({ path }) => {
  const drive = loadedDrive(path);
  const answers = [drive.facts(), drive.position(), drive.writeBlock(blockOf(0)), drive.writeFilemarks(1, true), drive.rewind(), drive.nextObject()];
  for (const answer of answers) assert.equal(structuredClone(answer), answer);
});

test.run();
