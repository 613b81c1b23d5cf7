import { assert } from '../errors.js';
import { allocateAligned } from './aligned-memory.js';
import { readAt, systemErrorCode, writeAt } from './file-io.js';
import { FileStore, type FileStoreDescriptor } from './file-store.js';

/** A bigger request on unaligned memory goes in pieces of this size. */
const BOUNCE_BYTES = 1024 * 1024;

/** One a thread, made when first needed: store calls are synchronous, so no two can want it at once. */
let bounceMemory: Uint8Array | null = null;

function bounce(): Uint8Array {
  bounceMemory ??= allocateAligned(BOUNCE_BYTES);
  return bounceMemory;
}

/** Buffers that turned out to begin at no aligned address (EINVAL, where a bounced transfer succeeds): offsets into them say nothing. */
const misalignedBuffers = new WeakSet<ArrayBufferLike>();

/**
 * A file or block device opened with O_DIRECT.
 *
 * Position and length must be multiples of `alignmentBytes`. `openFileStore` refuses logical blocks smaller than that,
 * so no request ever has an edge inside a sector; merging edges here would race with the neighbouring block on another
 * thread. Only the memory address can be wrong, and then the bytes go through a bounce buffer.
 */
export class DirectFileStore extends FileStore {
  protected override successor(descriptor: FileStoreDescriptor): FileStore {
    return new DirectFileStore(descriptor, true);
  }

  protected override transferIn(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    this.#assertAligned(lengthBytes, positionBytes);
    const looksAligned = this.#looksAligned(target, targetOffset);
    if (looksAligned) {
      try {
        return readAt(this.descriptor.fd, target, targetOffset, lengthBytes, positionBytes, this.alignmentBytes);
      } catch (error) {
        if (systemErrorCode(error) !== 'EINVAL') throw error;
      }
    }
    const count = this.#readBounced(target, targetOffset, lengthBytes, positionBytes);
    if (looksAligned) misalignedBuffers.add(target.buffer);
    return count;
  }

  protected override transferOut(fd: number, source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
    assert(sourceOffset + lengthBytes <= source.length, 'the source holds what is to be written');
    this.#assertAligned(lengthBytes, positionBytes);
    const looksAligned = this.#looksAligned(source, sourceOffset);
    if (looksAligned) {
      try {
        return writeAt(fd, source, sourceOffset, lengthBytes, positionBytes);
      } catch (error) {
        if (systemErrorCode(error) !== 'EINVAL') throw error;
      }
    }
    const count = this.#writeBounced(fd, source, sourceOffset, lengthBytes, positionBytes);
    if (looksAligned) misalignedBuffers.add(source.buffer);
    return count;
  }

  #assertAligned(lengthBytes: number, positionBytes: number): void {
    const alignment = this.alignmentBytes;
    assert(positionBytes % alignment === 0 && lengthBytes % alignment === 0, 'direct I/O moves whole aligned blocks');
  }

  #looksAligned(memory: Uint8Array, offset: number): boolean {
    return (memory.byteOffset + offset) % this.alignmentBytes === 0 && !misalignedBuffers.has(memory.buffer);
  }

  #readBounced(target: Uint8Array, targetOffset: number, lengthBytes: number, positionBytes: number): number {
    const memory = bounce();
    let done = 0;
    while (done < lengthBytes) {
      const want = Math.min(memory.length, lengthBytes - done);
      const count = readAt(this.descriptor.fd, memory, 0, want, positionBytes + done, this.alignmentBytes);
      target.set(memory.subarray(0, count), targetOffset + done);
      done += count;
      if (count < want) break;
    }
    return done;
  }

  #writeBounced(fd: number, source: Uint8Array, sourceOffset: number, lengthBytes: number, positionBytes: number): number {
    const memory = bounce();
    let done = 0;
    while (done < lengthBytes) {
      const want = Math.min(memory.length, lengthBytes - done);
      memory.set(source.subarray(sourceOffset + done, sourceOffset + done + want), 0);
      const count = writeAt(fd, memory, 0, want, positionBytes + done);
      done += count;
      if (count < want) break;
    }
    return done;
  }
}
