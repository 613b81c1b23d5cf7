import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateAligned } from '../../../engine/store/aligned-memory.js';
import { openFileStore } from '../../../engine/store/open-file-store.js';
import { attachLoopDevice, detachLoopDevice, loopDevicesMissing } from './loop-device.js';
import { assertRefused, checkAgainstModel, hostTest, temporaryFolder } from './store-kit.js';

const folder = temporaryFolder();
const KIB = 1024;
const SIZE_BYTES = 256 * KIB;
const missing = loopDevicesMissing(join(folder, 'probe.img'));

function withLoopDevice(name: string, sectorBytes: number, handler: (path: string) => void): void {
  const path = attachLoopDevice(join(folder, name), SIZE_BYTES, sectorBytes);
  try {
    handler(path);
  } finally {
    detachLoopDevice(path);
  }
}

hostTest('a block device has the size that sysfs tells, and keeps bytes', missing, () => {
  withLoopDevice('plain.img', 512, (path) => {
    const store = openFileStore({ path, direct: false, readOnly: false });
    assert.is(store.sizeBytes, SIZE_BYTES);
    assert.is(store.durability, 'power-loss');
    checkAgainstModel(store, { seed: 1, roundCount: 60, unitBytes: 512, lengthUnitsMax: 32 });
    store.close();
    assertRefused(() => openFileStore({ path, sizeBytes: 2 * SIZE_BYTES, direct: false, readOnly: false }), 'STORE_SIZE_MISMATCH', path);
  });
});

hostTest('a block device is claimed: nobody else may claim or mount it until it is closed', missing, () => {
  withLoopDevice('claimed.img', 512, (path) => {
    const options = { path, direct: false, readOnly: false };
    const store = openFileStore(options);
    assertRefused(() => openFileStore(options), 'STORE_BUSY', path);
    openFileStore({ ...options, readOnly: true }).close();
    store.close();
    openFileStore(options).close();
  });
});

hostTest('sectors of 4096 bytes are refused to blocks of 512 with direct, and served to blocks of 4096', missing, () => {
  withLoopDevice('sectors.img', 4096, (path) => {
    const options = { path, direct: true, readOnly: false };
    assertRefused(() => openFileStore(options), 'STORE_ALIGNMENT', path, '4096', '512');
    assertRefused(() => openFileStore({ ...options, blockLengthBytes: 512 }), 'STORE_ALIGNMENT', path);
    const store = openFileStore({ ...options, blockLengthBytes: 4096 });
    assert.is(store.alignmentBytes, 4096);
    checkAgainstModel(store, { seed: 2, roundCount: 40, unitBytes: 4096, lengthUnitsMax: 8, memory: allocateAligned(SIZE_BYTES) });
    store.close();
    const buffered = openFileStore({ ...options, direct: false, blockLengthBytes: 512 });
    assert.is(buffered.alignmentBytes, 1);
    buffered.close();
  });
});

hostTest('a buffer that begins at no sector address is found out by EINVAL and bounced', missing, () => {
  withLoopDevice('misaligned.img', 512, (path) => {
    const store = openFileStore({ path, direct: true, readOnly: false });
    // The allocator puts its own header before the bytes, so offsets that look aligned are not; loop devices insist on it.
    checkAgainstModel(store, { seed: 3, roundCount: 40, unitBytes: 512, lengthUnitsMax: 64, memory: new Uint8Array(SIZE_BYTES) });
    store.close();
  });
});

test.run();
