import type { FileHandle } from 'node:fs/promises';
import { assert, TargetError } from '../../../errors.js';
import type { StateLock } from '../../../state/state-lock.js';
import type { BackingStore } from '../../../store/store.js';
import { BLOCK_LENGTH_BYTES, type DiscProfile } from './profile.js';
import type { Recording } from './recording.js';
import { writeSidecar } from './sidecar-file.js';

/** What a recordable disc is written through. */
export interface DiscWriter {
  readonly handle: FileHandle;
  readonly sidecarPath: string;
  /** Keeps other drives out until the disc is closed. */
  readonly lock: StateLock;
}

export interface DiscParts {
  readonly path: string;
  readonly profile: DiscProfile;
  /** Blocks that the disc has, some of which may be missing in the image. */
  readonly blockCount: number;
  /** For reading, on any thread. */
  readonly store: BackingStore;
  /** Null for a disc that is pressed. */
  readonly recording: Recording | null;
  /** Null where nothing may be written. */
  readonly writer: DiscWriter | null;
}

const ZEROS_BYTES = 1024 * 1024;

/** An image that is a disc in a drive. Its data is on stable storage before its record says that it is there. */
export class Disc {
  readonly path: string;
  readonly profile: DiscProfile;
  readonly blockCount: number;
  readonly store: BackingStore;
  readonly recording: Recording | null;
  readonly #writer: DiscWriter | null;
  /** The kernel forgets what it could not write, and a later flush succeeds: none may from then on. */
  #hasLost = false;
  #saved: Promise<void> = Promise.resolve();
  #writes: Promise<unknown> = Promise.resolve();
  #savedState: unknown;

  constructor(parts: DiscParts) {
    this.path = parts.path;
    this.profile = parts.profile;
    this.blockCount = parts.blockCount;
    this.store = parts.store;
    this.recording = parts.recording;
    this.#writer = parts.writer;
    this.#savedState = parts.recording?.state;
  }

  get isWritable(): boolean {
    return this.#writer !== null;
  }

  /** Whole blocks of the image: what lies behind them is missing. */
  get storedBlocks(): number {
    return Math.floor(this.store.sizeBytes / BLOCK_LENGTH_BYTES);
  }

  /** What READ CAPACITY and the table of contents tell. */
  get recordedBlocks(): number {
    return this.recording === null ? this.blockCount : this.recording.recordedBlocks;
  }

  /** How many blocks from `lba` on, of `count`, can be read. */
  readableCount(lba: number, count: number): number {
    const recorded = this.recording === null ? Math.min(count, this.blockCount - lba) : this.recording.readableCount(lba, count);
    return Math.max(0, Math.min(recorded, this.storedBlocks - lba));
  }

  /** Where reading is out of range, and not only of blocks that were not written. */
  get lbaEnd(): number {
    return this.blockCount;
  }

  /** Reads whole blocks, for commands that run on the main thread; false when they cannot be read. */
  read(target: Uint8Array, lba: number, blockCount: number): boolean {
    return this.store.read(target, 0, blockCount * BLOCK_LENGTH_BYTES, lba * BLOCK_LENGTH_BYTES) >= 0;
  }

  /** Writes whole blocks; they are part of the recording when this has resolved. Rejects as `node:fs/promises` does. */
  write(source: Uint8Array, sourceStart: number, lengthBytes: number, lba: number): Promise<void> {
    const written = this.#write(source, sourceStart, lengthBytes, lba);
    this.#writes = written.catch(() => undefined);
    return written;
  }

  /** Resolves when no write is under way; commands are done one after the other. */
  async idle(): Promise<void> {
    await this.#writes;
  }

  async #write(source: Uint8Array, sourceStart: number, lengthBytes: number, lba: number): Promise<void> {
    const { handle } = this.#open;
    for (let done = 0; done < lengthBytes; ) {
      const { bytesWritten } = await handle.write(source, sourceStart + done, lengthBytes - done, lba * BLOCK_LENGTH_BYTES + done);
      done += bytesWritten;
    }
    this.recording?.written(lba, lengthBytes / BLOCK_LENGTH_BYTES);
  }

  /** Makes blocks zeros that have not been written: an attempt that a crash ended may have left something there. */
  async zero(lba: number, blockCount: number): Promise<void> {
    const { handle } = this.#open;
    const found = Buffer.alloc(Math.min(ZEROS_BYTES, blockCount * BLOCK_LENGTH_BYTES));
    const zeros = Buffer.alloc(found.length);
    for (let done = 0; done < blockCount; ) {
      // Holes stay holes, and a reserved track may be a whole disc of them.
      const holeBlocks = this.#holeBlocks(lba + done, blockCount - done);
      done += holeBlocks;
      if (holeBlocks > 0) continue;
      const lengthBytes = Math.min(found.length, (blockCount - done) * BLOCK_LENGTH_BYTES);
      const positionBytes = (lba + done) * BLOCK_LENGTH_BYTES;
      await handle.read(found, 0, lengthBytes, positionBytes);
      if (found.compare(zeros, 0, lengthBytes, 0, lengthBytes) !== 0) await handle.write(zeros, 0, lengthBytes, positionBytes);
      done += lengthBytes / BLOCK_LENGTH_BYTES;
    }
  }

  /** Whole blocks from `lba` on that take no space, as far as the file system tells. */
  #holeBlocks(lba: number, blockCount: number): number {
    const extent = this.store.provisioning?.extentAt(lba * BLOCK_LENGTH_BYTES, blockCount * BLOCK_LENGTH_BYTES);
    return extent === undefined || extent.allocated ? 0 : Math.floor(extent.lengthBytes / BLOCK_LENGTH_BYTES);
  }

  /** Forgets all data. What the record says has to be saved before. */
  async erase(): Promise<void> {
    const { handle } = this.#open;
    await handle.truncate(0);
    await handle.truncate(this.blockCount * BLOCK_LENGTH_BYTES);
  }

  /** Resolves when all that was written and what is known of it are on stable storage. Rejects when they may not be. */
  sync(): Promise<void> {
    const saved = this.#saved.catch(() => undefined).then(() => this.#sync());
    this.#saved = saved;
    return saved;
  }

  /** Lets go of the files; `sync` is the caller's. */
  async close(): Promise<void> {
    await this.#writes;
    await this.#saved.catch(() => undefined);
    this.store.close();
    try {
      await this.#writer?.handle.close();
    } finally {
      this.#writer?.lock.release();
    }
  }

  get #open(): DiscWriter {
    assert(this.#writer !== null, 'only a disc that can be written is written');
    return this.#writer;
  }

  async #sync(): Promise<void> {
    const writer = this.#writer;
    if (writer === null || this.recording === null) return;
    // Commands may go on meanwhile: what they record is part of the next save.
    const { state } = this.recording;
    if (this.#hasLost) throw new TargetError('MEDIUM_FLUSH_FAILED', `${this.path} has lost writes: it cannot be told to be whole`);
    try {
      await writer.handle.datasync();
    } catch (error) {
      this.#hasLost = true;
      throw error;
    }
    if (state === this.#savedState) return;
    await writeSidecar(writer.sidecarPath, state);
    this.#savedState = state;
  }
}
