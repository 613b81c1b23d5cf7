import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TargetError } from '../../../engine/errors.js';
import type { FileStore } from '../../../engine/store/file-store.js';
import { openFileStore } from '../../../engine/store/open-file-store.js';
import { RedoWrites } from '../../../engine/store/redo-writes.js';
import { type AtomicWrites, StoreFault } from '../../../engine/store/store.js';
import { temporaryFolder } from './store-kit.js';

const parent = temporaryFolder();
const newFolder = () => mkdtempSync(join(parent, 'case-'));
const SIZE_BYTES = 64 * 1024;
const POSITION = 4096;
const LENGTH = 16 * 1024;
const data = new Uint8Array(LENGTH).fill(0xa6);

function open(path: string, readOnly = false): FileStore {
  return openFileStore({ path, sizeBytes: SIZE_BYTES, direct: false, readOnly });
}

/** A folder with an image, and in `redo` the file that an atomic write had when it was in the middle of its work. */
function interrupted(): { readonly folder: string; readonly image: string; readonly redo: string } {
  const folder = newFolder();
  const image = join(folder, 'disk.img');
  const store = open(image);
  let redo = '';
  /** Dies, as it were, when half of the data is in place. */
  const dying = {
    descriptor: store.descriptor,
    readOnly: false,
    write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
      redo = readdirSync(folder).find((name) => name !== 'disk.img') as string;
      copyFileSync(join(folder, redo), join(folder, 'kept'));
      return store.write(source, sourceOffset, lengthBytes / 2, positionBytes, false);
    },
  } as unknown as FileStore;
  (RedoWrites.of(dying, false) as AtomicWrites).write(data, 0, LENGTH, POSITION);
  store.close();
  renameSync(join(folder, 'kept'), join(folder, redo));
  return { folder, image, redo: join(folder, redo) };
}

const contentOf = (image: string) => readFileSync(image).subarray(POSITION, POSITION + LENGTH);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as TargetError).code;
  }
  return 'nothing was thrown';
}

test('an atomic write is there, durable, and leaves nothing beside the image', () => {
  const folder = newFolder();
  const image = join(folder, 'disk.img');
  const store = open(image);
  const shared = new Uint8Array(new SharedArrayBuffer(LENGTH + 7)).fill(0xa6);
  assert.is(store.atomicWrites?.write(shared, 7, LENGTH, POSITION), LENGTH);
  store.close();
  assert.ok(contentOf(image).every((byte) => byte === 0xa6));
  assert.equal(readdirSync(folder), ['disk.img']);
});

test('one that was interrupted is done when the image is opened again', () => {
  const { folder, image } = interrupted();
  assert.not(contentOf(image).every((byte) => byte === 0xa6));
  open(image).close();
  assert.ok(contentOf(image).every((byte) => byte === 0xa6));
  assert.equal(readdirSync(folder), ['disk.img']);
});

test('it is found by whichever name the image is opened', () => {
  const { folder, image } = interrupted();
  const link = join(newFolder(), 'link');
  symlinkSync(image, link);
  open(link).close();
  assert.ok(contentOf(image).every((byte) => byte === 0xa6));
  assert.equal(readdirSync(folder), ['disk.img']);
});

test('one that is torn itself has not begun in place: it goes, and the image stays as it is', () => {
  const changes: readonly ((redo: string) => void)[] = [
    (redo) => truncateSync(redo, 100),
    (redo) => truncateSync(redo, 0),
    (redo) => {
      const bytes = readFileSync(redo);
      bytes[bytes.length - 1] = 0;
      writeFileSync(redo, bytes);
    },
  ];
  for (const change of changes) {
    const { folder, image, redo } = interrupted();
    change(redo);
    const before = readFileSync(image);
    open(image).close();
    assert.ok(readFileSync(image).equals(before));
    assert.equal(readdirSync(folder), ['disk.img']);
  }
});

test('one of another file is not taken for its own: it is told, and both stay as they are', () => {
  const { folder, image, redo } = interrupted();
  renameSync(image, join(folder, 'former'));
  writeFileSync(image, Buffer.alloc(SIZE_BYTES));
  assert.is(
    codeOf(() => open(image)),
    'STORE_REDO_FOREIGN',
  );
  assert.ok(readFileSync(redo).length > LENGTH);
  assert.ok(readFileSync(image).every((byte) => byte === 0));
});

test('an image that is only read is not served torn', () => {
  const { image } = interrupted();
  assert.is(
    codeOf(() => open(image, true)),
    'STORE_REDO_PENDING',
  );
  open(image).close();
  open(image, true).close();
});

test('a fault before it has begun in place leaves the image as it was', () => {
  const { folder, image, redo } = interrupted();
  const store = open(image);
  writeFileSync(redo, 'in the way');
  assert.is(store.atomicWrites?.write(new Uint8Array(LENGTH), 0, LENGTH, POSITION), StoreFault.io);
  store.close();
  assert.ok(contentOf(image).every((byte) => byte === 0xa6));
  assert.equal(readdirSync(folder).length, 2);
});

test.run();
