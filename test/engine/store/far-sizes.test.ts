import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeCalls } from '../../../engine/store/native.js';
import { openNullStore } from '../../../engine/store/null-store.js';
import { openStore } from '../../../engine/store/open-store.js';
import { sizeBytesMaxOf } from '../../../engine/store/range.js';
import type { BackingStore } from '../../../engine/store/store.js';
import { provisioningOf } from './provisioning-kit.js';
import { assertRefused, assertSame, hostTest, temporaryFolder } from './store-kit.js';

/** tmpfs takes files of 2^63 - 1 bytes. */
const memoryFolder = existsSync('/dev/shm') ? temporaryFolder('/dev/shm') : temporaryFolder();
const missing = nativeCalls() === null ? 'koffi is not installed' : null;

function open(name: string, sizeBytes: number | undefined, blockLengthBytes: number, readOnly = false): BackingStore {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return openStore({ kind: 'file', path: join(memoryFolder, name), direct: false, ...size }, { readOnly, blockLengthBytes });
}

test('the largest size is that at which the position of each block is still exact', () => {
  assert.is(sizeBytesMaxOf(512), 2 ** 62);
  assert.is(sizeBytesMaxOf(520), 2 ** 56);
  assert.is(sizeBytesMaxOf(4096), 2 ** 63 - 4096);
  for (const blockLengthBytes of [512, 520, 528, 4096, 4160]) {
    const blockCount = Math.floor(sizeBytesMaxOf(blockLengthBytes) / blockLengthBytes);
    for (const lba of [blockCount - 1, blockCount - 2, Math.floor(blockCount / 3)]) {
      assert.is(BigInt(lba * blockLengthBytes), BigInt(lba) * BigInt(blockLengthBytes), `block ${lba} of ${blockLengthBytes} bytes`);
    }
  }
});

test('a size beyond it is refused, and the way out named', () => {
  for (const kind of ['ram', 'null'] as const) {
    const use = { readOnly: false, blockLengthBytes: 512 };
    assertRefused(() => openStore({ kind, sizeBytes: 2 ** 62 + 1024 }, use), 'STORE_SIZE_INVALID', 'use larger blocks', '512');
    assertRefused(() => openStore({ kind, sizeBytes: 2 ** 63 }, { ...use, blockLengthBytes: 4096 }), 'STORE_SIZE_INVALID', '4096');
  }
  assertRefused(() => open('beyond.img', 2 ** 62 + 1024, 512), 'STORE_SIZE_INVALID', 'use larger blocks', 'beyond.img');
  assertRefused(() => open('uneven.img', 2 ** 55 + 512, 4096), 'STORE_SIZE_INVALID', 'whole blocks');
  assert.not.ok(existsSync(join(memoryFolder, 'beyond.img')));
});

for (const [blockLengthBytes, sizeBytes] of [
  [512, 2 ** 62],
  [520, 520 * 2 ** 46],
  [4096, 2 ** 63 - 4096],
] as const) {
  hostTest(`a sparse file of ${sizeBytes} bytes keeps its last block of ${blockLengthBytes} bytes, and those around 2^53`, missing, () => {
    const name = `far-${blockLengthBytes}.img`;
    const store = open(name, sizeBytes, blockLengthBytes);
    const { size } = statSync(join(memoryFolder, name), { bigint: true });
    assert.is(size, BigInt(sizeBytes));
    const lbaCount = sizeBytes / blockLengthBytes;
    const lbas = [lbaCount - 1, lbaCount - 2, Math.floor(2 ** 53 / blockLengthBytes) - 1, Math.floor(2 ** 53 / blockLengthBytes) + 1, 0];
    const block = (lba: number) => new Uint8Array(new SharedArrayBuffer(blockLengthBytes)).fill(1 + (lba % 251));
    for (const [index, lba] of lbas.entries()) {
      assert.is(store.write(block(lba), 0, blockLengthBytes, lba * blockLengthBytes, index % 2 === 0), blockLengthBytes);
    }
    const bytes = new Uint8Array(blockLengthBytes);
    for (const lba of lbas) {
      assert.is(store.read(bytes, 0, blockLengthBytes, lba * blockLengthBytes), blockLengthBytes);
      assertSame(bytes, block(lba), `block ${lba}`);
    }
    checkProvisioningFar(store, sizeBytes);
    store.close();
    const again = open(name, undefined, blockLengthBytes, true);
    assert.is(again.sizeBytes, sizeBytes);
    again.close();
  });
}

function checkProvisioningFar(store: BackingStore, sizeBytes: number): void {
  const provisioning = provisioningOf(store);
  const { granularityBytes } = provisioning;
  const middle = 2 ** 54;
  const hole = provisioning.extentAt(middle, sizeBytes - middle);
  assert.is(hole.allocated, false);
  const lastPiece = Math.ceil(sizeBytes / granularityBytes - 1) * granularityBytes;
  assert.ok(middle + hole.lengthBytes <= lastPiece && middle + hole.lengthBytes >= lastPiece - granularityBytes);
  assert.is(provisioning.unmap(middle, sizeBytes - middle, true), 0);
  assert.equal(provisioning.extentAt(middle, sizeBytes - middle), { allocated: false, lengthBytes: sizeBytes - middle });
}

hostTest('a write over 2^53 goes on behind it', missing, () => {
  const store = open('across.img', 2 ** 54, 512);
  const data = new Uint8Array(4096).map((_, index) => index % 253);
  assert.is(store.write(data, 0, 4096, 2 ** 53 - 2048, false), 4096);
  const bytes = new Uint8Array(4096);
  assert.is(store.read(bytes, 0, 4096, 2 ** 53 - 2048), 4096);
  assertSame(bytes, data, 'across 2^53');
  store.close();
});

test('a null store is as large', () => {
  const store = openNullStore({ sizeBytes: 2 ** 63 - 4096, blockLengthBytes: 4096 });
  assert.is(store.write(new Uint8Array(4096), 0, 4096, 2 ** 63 - 8192, false), 4096);
  assert.is(store.read(new Uint8Array(4096), 0, 4096, 2 ** 63 - 8192), 4096);
});

test('without native calls a file beyond 2^53 is refused for writing, with the remedy, and can be read', () => {
  const url = JSON.stringify(new URL('../../../engine/store/open-store.js', import.meta.url).href);
  const path = join(memoryFolder, 'refused.img');
  if (nativeCalls() !== null) open('refused.img', 2 ** 60, 4096).close();
  const script = `
    const { openStore } = await import(${url});
    const attempt = (sizeBytes, readOnly) => {
      try {
        const store = openStore({ kind: 'file', path: ${JSON.stringify(path)}, direct: false, ...sizeBytes }, { readOnly, blockLengthBytes: 4096 });
        return store.read(new Uint8Array(4096), 0, 4096, store.sizeBytes - 4096);
      } catch (error) { return error.code + (error.message.includes('koffi') ? ' names koffi' : ''); }
    };
    console.log(JSON.stringify([attempt({ sizeBytes: 2 ** 60 }, false), attempt({}, true)]));`;
  const env = { ...process.env, LUNLOOM_NO_NATIVE: '1' };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000, env });
  const read = nativeCalls() === null ? 'STORE_NOT_FOUND' : 4096;
  assert.is(child.stdout.trim(), JSON.stringify(['STORE_SIZE_UNSUPPORTED names koffi', read]), child.stderr);
});

test.run();
