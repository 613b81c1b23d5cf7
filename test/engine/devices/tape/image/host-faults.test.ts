import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import * as assert from 'uvu/assert';
import { blockOf, contentsOf, loadedDrive, newDrive, tapeSuite, writeBlock } from './tape-fixture.js';

const test = tapeSuite('tape image: faults of the host');
const original = { writeSync: fs.writeSync, readSync: fs.readSync, fdatasyncSync: fs.fdatasyncSync };

test.after.each(() => install(original));

function install(calls: object): void {
  Object.assign(fs, calls);
  syncBuiltinESMExports();
}

/** As `node:fs` throws it. */
function failing(syscall: string, code: string): () => never {
  return () => {
    throw Object.assign(new TypeError(`${code}: ${syscall}`), { syscall, code });
  };
}

/** The file system has room for so many more bytes; what does not fit is written in part. */
function roomFor(bytes: number): void {
  let left = bytes;
  const writeSync = (fd: number, source: Uint8Array, at: number, length: number, offset: number): number => {
    if (left === 0) return failing('write', 'ENOSPC')();
    const written = original.writeSync(fd, source, at, Math.min(left, length), offset);
    left -= written;
    return written;
  };
  install({ writeSync });
}

test('a full file system: nothing of the write counts, and it goes on when there is room again', ({ path }) => {
  const drive = loadedDrive(path);
  for (const number of [0, 1]) writeBlock(drive, blockOf(number));
  // One of three blocks has room, and half of the next.
  roomFor(300);
  const { stop, count, fault, position } = drive.writeBlocks(Buffer.alloc(300, 'y'), 100);
  assert.equal([stop, count, fault, position.objectNumber], ['fault', 0, { kind: 'hostNoSpace' }, 2]);
  assert.is(drive.facts()?.sinceLoad.writeErrorCount, 1);
  install(original);
  writeBlock(drive, blockOf(2));
  const expected = [0, 1, 2].map((number) => blockOf(number).toString('latin1'));
  assert.equal(contentsOf(drive), expected);
  // Not closed: the remains of the write that failed are behind the end, and are none of it.
  const again = newDrive();
  again.load({ path, readOnly: false, create: null });
  assert.equal(contentsOf(again), expected);
});

test('no room for a superblock: what would be overwritten is still there', ({ path }) => {
  const drive = loadedDrive(path);
  for (const number of [0, 1]) writeBlock(drive, blockOf(number));
  drive.rewind();
  roomFor(0);
  assert.equal(drive.writeBlock(blockOf(9)).fault, { kind: 'hostNoSpace' });
  assert.equal(drive.erase(false).fault, { kind: 'hostNoSpace' });
  install(original);
  assert.equal(
    contentsOf(drive),
    [0, 1].map((number) => blockOf(number).toString('latin1')),
  );
});

test('data that did not become stable: nothing more is written until the image is loaded again', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  drive.flush();
  writeBlock(drive, blockOf(1));
  install({ fdatasyncSync: failing('fdatasync', 'EIO') });
  const fault = { kind: 'hostIo', systemCode: 'EIO' };
  assert.equal(drive.writeFilemarks(1, true).fault, fault);
  install(original);
  assert.equal(drive.flush().fault, fault, 'the next success of the kernel would be none');
  assert.equal(drive.writeBlock(blockOf(2)).fault, fault);
  assert.is(drive.facts()?.writesFailed, true);
  assert.is(contentsOf(drive).length, 2, 'it is still read');
  assert.equal(drive.unload().fault, fault);
  assert.is(drive.load({ path, readOnly: false, create: null }).facts.writesFailed, false);
  drive.space('endOfData', 0);
  writeBlock(drive, blockOf(3));
  assert.is(drive.unload().fault, null);
});

test('what the host cannot read is a medium error', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  drive.rewind();
  install({ readSync: failing('read', 'EIO') });
  assert.equal(drive.readBlock(new Uint8Array(100)).fault, { kind: 'medium', objectNumber: 0 });
});

test.run();
