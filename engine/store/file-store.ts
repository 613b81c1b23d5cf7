import { closeSync, fdatasyncSync } from 'node:fs';
import { assert } from '../errors.js';
import { faultOf, readAt, writeAt } from './file-io.js';
import { FileProvisioning } from './file-provisioning.js';
import { resizeFile } from './file-resize.js';
import type { FileSpace } from './file-space.js';
import { assertRange } from './range.js';
import { RedoWrites } from './redo-writes.js';
import { type AtomicWrites, type BackingStore, type Durability, type StoreDescriptor, StoreFault, type StoreView } from './store.js';

export type FileStoreDescriptor = Extract<StoreDescriptor, { kind: 'file' }>;

/**
 * A raw image or a block device through the page cache. `DirectFileStore` is the one that goes around it.
 *
 * Durability: a durable write goes through a descriptor opened with O_DSYNC, so it waits for its own bytes and not
 * for those of others; a flush is fdatasync. The image is created at its full size and both file and directory are
 * synced then, so neither needs to touch more than the data.
 */
export class FileStore implements BackingStore {
  readonly kind = 'file';
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly provisioning: FileProvisioning | null;
  readonly sparse: boolean;
  readonly atomicWrites: AtomicWrites | undefined;
  readonly durability: Durability;
  readonly alignmentBytes: number;
  readonly blocking = true;
  readonly descriptor: FileStoreDescriptor;
  readonly #flushFault: Int32Array;
  readonly #space: FileSpace | null;
  #owner: boolean;
  #closed = false;

  /** With `owner` (the main thread), `close` closes the descriptors; a worker's store leaves them alone. */
  constructor(descriptor: FileStoreDescriptor, owner: boolean) {
    this.descriptor = descriptor;
    this.sizeBytes = descriptor.sizeBytes;
    this.readOnly = descriptor.readOnly;
    this.durability = descriptor.durability;
    this.alignmentBytes = descriptor.alignmentBytes;
    this.#owner = owner;
    this.#flushFault = new Int32Array(descriptor.flushFault);
    const { fd, space: shape } = descriptor;
    this.sparse = shape.sparse;
    // A device that takes no requests for zeros would have them written, which is no way to free space.
    const hasProvisioning = !shape.isBlockDevice || shape.punchable;
    this.provisioning = hasProvisioning ? new FileProvisioning({ store: this, fd, shape, isClosed: () => this.#closed }) : null;
    this.#space = this.provisioning?.space ?? null;
    this.atomicWrites = RedoWrites.of(this, shape.isBlockDevice);
  }

  read(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    assertRange(positionBytes, lengthBytes, this.sizeBytes);
    if (this.#closed) return StoreFault.io;
    try {
      const count = this.transferIn(target, targetOffset, lengthBytes, positionBytes);
      return count === lengthBytes ? count : StoreFault.shortRead;
    } catch (error) {
      // EBADF on a read says nothing about writing, so it is no read-only fault.
      return faultOf(error, false);
    }
  }

  write(source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number, durable: boolean): number {
    assertRange(positionBytes, lengthBytes, this.sizeBytes);
    if (this.readOnly) return StoreFault.readOnly;
    if (this.#closed) return StoreFault.io;
    if (this.#space !== null) {
      const refused = this.#space.admit(positionBytes, lengthBytes);
      if (refused !== 0) return refused;
    }
    const fd = durable ? this.descriptor.durableFd : this.descriptor.fd;
    try {
      const count = this.transferOut(fd, source, sourceOffset, lengthBytes, positionBytes);
      return count === lengthBytes ? count : StoreFault.io;
    } catch (error) {
      return faultOf(error, this.readOnly);
    }
  }

  /**
   * Once a flush has failed, all later ones fail as well until the store is opened anew. The kernel has dropped the
   * pages it could not write and tells so once; a second fdatasync would succeed and bless data that is gone.
   */
  flush(): number {
    if (this.readOnly) return 0;
    if (this.#closed) return StoreFault.io;
    let fault: number = 0;
    try {
      fdatasyncSync(this.descriptor.fd);
    } catch (error) {
      fault = faultOf(error, this.readOnly);
      Atomics.compareExchange(this.#flushFault, 0, 0, fault);
    }
    // Read after the sync: another thread may have been told of a loss while this one was not.
    return fault !== 0 ? fault : Atomics.load(this.#flushFault, 0);
  }

  /** A file's bytes lie in the page cache, where no other thread can see them. */
  view(_positionBytes: number, _lengthBytes: number): StoreView | null {
    return null;
  }

  /**
   * The owner calls this when every worker has stopped using the store: the numbers of closed descriptors are given to
   * the next file or socket.
   */
  close(): void {
    if (this.#closed || !this.#owner) return;
    this.#closed = true;
    closeSync(this.descriptor.fd);
    if (this.descriptor.durableFd !== this.descriptor.fd) closeSync(this.descriptor.durableFd);
  }

  /** Throws what `resizeFile` throws. */
  resized(sizeBytes: number, blockLengthBytes?: number): FileStore {
    assert(this.#owner && !this.#closed, 'only the owner of open descriptors hands them over');
    resizeFile(this.descriptor, sizeBytes, blockLengthBytes);
    const successor = this.successor({ ...this.descriptor, sizeBytes });
    this.#owner = false;
    return successor;
  }

  protected successor(descriptor: FileStoreDescriptor): FileStore {
    return new FileStore(descriptor, true);
  }

  /** Answers the bytes read, fewer at the end of the file. */
  protected transferIn(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    return readAt(this.descriptor.fd, target, targetOffset, lengthBytes, positionBytes, 1);
  }

  protected transferOut(fd: number, source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
    assert(sourceOffset + lengthBytes <= source.length, 'the source holds what is to be written');
    return writeAt(fd, source, sourceOffset, lengthBytes, positionBytes);
  }
}
