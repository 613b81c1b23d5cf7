import { allocateAligned } from './aligned-memory.js';
import { faultOf, systemErrorCode } from './file-io.js';
import { FileSpace, type FileSpaceShape, occupiedBytes } from './file-space.js';
import { type NativeCalls, nativeCalls } from './native.js';
import type { Provisioning, StoreExtent } from './provisioning.js';
import { type BackingStore, StoreFault } from './store.js';

/** Zeros are written, and what is there is written again, in pieces of this size. */
const PIECE_BYTES = 256 * 1024;
/** The file system or the device does not do it: then it is done by writing. */
const unsupportedCodes: ReadonlySet<string | undefined> = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

/** One a thread each, made when first needed; page-aligned for O_DIRECT. */
let zeroMemory: Uint8Array | null = null;
let copyMemory: Uint8Array | null = null;

export interface FileProvisioningParts {
  readonly store: Pick<BackingStore, 'read' | 'write' | 'flush' | 'readOnly' | 'sizeBytes'>;
  readonly fd: number;
  readonly shape: FileSpaceShape;
  /** The numbers of closed descriptors may be those of other files by now. */
  readonly isClosed: () => boolean;
}

/**
 * The space of a file, as the file system keeps it: holes are punched into it and asked for. Without native calls, and where the
 * file system has no holes, zeros are written instead and all counts as allocated.
 */
export class FileProvisioning implements Provisioning {
  readonly granularityBytes: number;
  readonly spaceBytes: number | null;
  /** Null without a bound. */
  readonly space: FileSpace | null;
  readonly #parts: FileProvisioningParts;
  #canPunch: boolean;
  #canAllocate = true;
  #canMap: boolean | null = null;

  constructor(parts: FileProvisioningParts) {
    const { shape, fd } = parts;
    this.#parts = parts;
    this.granularityBytes = shape.granularityBytes;
    this.spaceBytes = shape.spaceBytes;
    this.space = shape.spaceBytes === null ? null : new FileSpace(fd, shape, shape.spaceBytes, (position, length) => this.#missingBytes(position, length));
    this.#canPunch = shape.punchable;
  }

  /** One fstat(2), a few microseconds: to be asked once a second or so and not per command. A device does not tell: all of it. */
  get usedBytes(): number {
    const { store, fd, shape, isClosed } = this.#parts;
    if (isClosed()) return 0;
    return shape.isBlockDevice ? store.sizeBytes : Math.min(occupiedBytes(fd), store.sizeBytes);
  }

  unmap(positionBytes: number, lengthBytes: number, durable: boolean): number {
    const { store, isClosed } = this.#parts;
    if (store.readOnly) return StoreFault.readOnly;
    if (isClosed()) return StoreFault.io;
    if (lengthBytes === 0) return 0;
    const fault = this.#punchOrZero(positionBytes, lengthBytes);
    // The hole is metadata that a later read depends on, so fdatasync(2) takes it to stable storage.
    return fault === 0 && durable ? store.flush() : fault;
  }

  #punchOrZero(positionBytes: number, lengthBytes: number): number {
    const native = nativeCalls();
    if (native === null || !this.#canPunch) return this.#writeZeros(positionBytes, lengthBytes);
    const { shape, fd } = this.#parts;
    // A file system zeroes the edges by itself; a device takes only whole sectors.
    const unitBytes = shape.isBlockDevice ? shape.granularityBytes : 1;
    const endBytes = positionBytes + lengthBytes;
    const startWhole = positionBytes + ((unitBytes - (positionBytes % unitBytes)) % unitBytes);
    const endWhole = endBytes - (endBytes % unitBytes);
    if (startWhole >= endWhole) return this.#writeZeros(positionBytes, lengthBytes);
    try {
      native.punchHole(fd, startWhole, endWhole - startWhole);
    } catch (error) {
      if (!unsupportedCodes.has(systemErrorCode(error))) return faultOf(error, false);
      this.#canPunch = false;
      return this.#writeZeros(positionBytes, lengthBytes);
    }
    const fault = this.#writeZeros(positionBytes, startWhole - positionBytes);
    return fault !== 0 ? fault : this.#writeZeros(endWhole, endBytes - endWhole);
  }

  #writeZeros(positionBytes: number, lengthBytes: number): number {
    zeroMemory ??= allocateAligned(PIECE_BYTES);
    return this.#inPieces(positionBytes, lengthBytes, (position, length) => this.#parts.store.write(zeroMemory as Uint8Array, 0, length, position, false));
  }

  /** Calls `move` for one piece after another until one fails. Answers 0 or its `StoreFault`. */
  #inPieces(positionBytes: number, lengthBytes: number, move: (positionBytes: number, lengthBytes: number) => number): number {
    for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
      const result = move(positionBytes + done, Math.min(PIECE_BYTES, lengthBytes - done));
      if (result < 0) return result;
    }
    return 0;
  }

  /** Where the file system lists its extents. Asked for the first time it costs a system call. */
  get tellsAnchored(): boolean {
    return this.#canAllocate && this.#mapsExtents();
  }

  /** tmpfs and most network file systems have no FIEMAP, and a device has no extents. */
  #mapsExtents(): boolean {
    const { fd, shape, isClosed } = this.#parts;
    if (this.#canMap !== null) return this.#canMap;
    if (isClosed()) return false;
    const native = nativeCalls();
    try {
      if (native !== null && !shape.isBlockDevice) native.firstExtent(fd, 0, 1, false);
      this.#canMap = native !== null && !shape.isBlockDevice;
    } catch {
      this.#canMap = false;
    }
    return this.#canMap;
  }

  anchor(positionBytes: number, lengthBytes: number): number {
    const { store, fd, isClosed } = this.#parts;
    if (store.readOnly) return StoreFault.readOnly;
    if (isClosed()) return StoreFault.io;
    if (lengthBytes === 0) return 0;
    const native = nativeCalls();
    if (native === null || !this.#canAllocate) return this.#writeAgain(positionBytes, lengthBytes);
    const refused = this.space?.admit(positionBytes, lengthBytes) ?? 0;
    if (refused !== 0) return refused;
    try {
      native.allocate(fd, positionBytes, lengthBytes);
      return 0;
    } catch (error) {
      if (!unsupportedCodes.has(systemErrorCode(error))) return faultOf(error, false);
      this.#canAllocate = false;
      return this.#writeAgain(positionBytes, lengthBytes);
    }
  }

  /** What has been written has space. The caller holds the range, so nothing changes between reading and writing. */
  #writeAgain(positionBytes: number, lengthBytes: number): number {
    const { store } = this.#parts;
    copyMemory ??= allocateAligned(PIECE_BYTES);
    const memory = copyMemory;
    return this.#inPieces(positionBytes, lengthBytes, (position, length) => {
      const count = store.read(memory, 0, length, position);
      return count < 0 ? count : store.write(memory, 0, length, position, false);
    });
  }

  /**
   * What the file system tells by SEEK_DATA and SEEK_HOLE, lseek(2), in whole blocks of its own, and by FIEMAP of what is anchored, which lseek(2) calls a
   * hole. A device is all data.
   */
  extentAt(positionBytes: number, lengthBytes: number, tellAnchored = false): StoreExtent {
    const { fd, shape, isClosed } = this.#parts;
    const native = nativeCalls();
    const whole = { allocated: true, lengthBytes };
    if (native === null || shape.isBlockDevice || isClosed()) return whole;
    try {
      const dataBytes = native.seekData(fd, positionBytes);
      if (dataBytes !== positionBytes) {
        const holeBytes = dataBytes === null ? lengthBytes : Math.min(lengthBytes, dataBytes - positionBytes);
        return this.#mapsExtents() ? holeOrAnchored(native, fd, positionBytes, holeBytes) : { allocated: false, lengthBytes: holeBytes };
      }
      const foundBytes = Math.min(lengthBytes, native.seekHole(fd, positionBytes) - positionBytes);
      if (!tellAnchored || !this.#mapsExtents()) return { allocated: true, lengthBytes: foundBytes };
      return writtenOrAnchored(native, fd, positionBytes, foundBytes);
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      return whole;
    }
  }

  /** How much a write would add at most. Without native calls all that is written may add. */
  #missingBytes(positionBytes: number, lengthBytes: number): number {
    if (nativeCalls() === null) return lengthBytes;
    const granuleBytes = this.granularityBytes;
    const endBytes = positionBytes + lengthBytes;
    let missingBytes = 0;
    for (let at = positionBytes; at < endBytes; ) {
      const extent = this.extentAt(at, endBytes - at);
      if (!extent.allocated) missingBytes += Math.ceil(((at % granuleBytes) + extent.lengthBytes) / granuleBytes) * granuleBytes;
      at += Math.max(1, extent.lengthBytes);
    }
    return missingBytes;
  }
}

/** Of what lseek(2) calls a hole. */
function holeOrAnchored(native: NativeCalls, fd: number, positionBytes: number, lengthBytes: number): StoreExtent {
  const extent = native.firstExtent(fd, positionBytes, lengthBytes, false);
  if (extent === null) return { allocated: false, lengthBytes };
  if (extent.offsetBytes > 0) return { allocated: false, lengthBytes: extent.offsetBytes };
  // Written between the two questions when it is not unwritten any more.
  return { allocated: true, anchored: extent.unwritten, lengthBytes: extent.endOffsetBytes };
}

/**
 * Of what lseek(2) calls data: it does so too of anchored space with pages in the cache, and those may have been read only. What has been written
 * there loses its mark when it reaches the disk, so the file system is told to write before it is asked again.
 */
function writtenOrAnchored(native: NativeCalls, fd: number, positionBytes: number, lengthBytes: number): StoreExtent {
  let extent = native.firstExtent(fd, positionBytes, lengthBytes, false);
  if (extent?.unwritten === true && extent.offsetBytes === 0) extent = native.firstExtent(fd, positionBytes, lengthBytes, true);
  if (extent === null) return { allocated: true, lengthBytes };
  if (extent.offsetBytes > 0) return { allocated: true, lengthBytes: extent.offsetBytes };
  return { allocated: true, anchored: extent.unwritten, lengthBytes: extent.endOffsetBytes };
}
