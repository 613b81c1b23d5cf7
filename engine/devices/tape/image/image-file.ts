import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { readAt, systemErrorCode, writeAt } from '../../../store/file-io.js';
import { nativeCalls } from '../../../store/native.js';
import type { TapeFault } from './tape-service.js';

const WINDOW_BYTES = 256 * 1024;
/** What the window reads when blocks are so long that they are read past it. */
const SMALL_WINDOW_BYTES = 4096;
const ZERO_BYTES = 1024 * 1024;

/** The file of an image: positional reads and writes, and a window of what was read last for what is read piece by piece. */
export class ImageFile {
  readonly #fd: number;
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES);
  #windowOffset = 0;
  #windowLength = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Throws what `node:fs` throws. */
  static open(path: string, readOnly: boolean): ImageFile {
    return new ImageFile(openSync(path, readOnly ? constants.O_RDONLY : constants.O_RDWR));
  }

  get sizeBytes(): number {
    return fstatSync(this.#fd).size;
  }

  /** Answers how many bytes there were: fewer where the file ends, or where it cannot be read. */
  read(target: Uint8Array, at: number, lengthBytes: number, offset: number): number {
    try {
      return readAt(this.#fd, target, at, lengthBytes, offset, 1);
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      return 0;
    }
  }

  /** A view of these bytes that holds until the next call; shorter where the file ends. At most 64 KiB. */
  peek(offset: number, lengthBytes: number, readsFar: boolean): Uint8Array {
    if (offset < this.#windowOffset || offset + lengthBytes > this.#windowOffset + this.#windowLength) {
      this.#windowOffset = offset;
      this.#windowLength = this.read(this.#window, 0, readsFar ? WINDOW_BYTES : Math.max(lengthBytes, SMALL_WINDOW_BYTES), offset);
    }
    const from = offset - this.#windowOffset;
    return this.#window.subarray(from, Math.min(from + lengthBytes, this.#windowLength));
  }

  /** What of these bytes the window has, if it has all of them. */
  peekWhole(offset: number, lengthBytes: number): Uint8Array | null {
    if (offset < this.#windowOffset || offset + lengthBytes > this.#windowOffset + this.#windowLength) return null;
    return this.#window.subarray(offset - this.#windowOffset, offset - this.#windowOffset + lengthBytes);
  }

  write(source: Uint8Array, at: number, lengthBytes: number, offset: number): TapeFault | null {
    this.#windowLength = 0;
    return faultIn(() => {
      if (writeAt(this.#fd, source, at, lengthBytes, offset) < lengthBytes) return { kind: 'hostIo', systemCode: 'EIO' };
      return null;
    });
  }

  sync(): TapeFault | null {
    return faultIn(() => {
      fdatasyncSync(this.#fd);
      return null;
    });
  }

  /** Cuts the file, unless it is shorter already. */
  truncate(sizeBytes: number): TapeFault | null {
    this.#windowLength = 0;
    return faultIn(() => {
      if (this.sizeBytes > sizeBytes) ftruncateSync(this.#fd, sizeBytes);
      return null;
    });
  }

  /** These bytes read as zeros: as a hole where the system can make one, else they are written. Nothing behind the end of the file. */
  wipe(offset: number, end: number): TapeFault | null {
    this.#windowLength = 0;
    const until = Math.min(end, this.sizeBytes);
    if (offset >= until) return null;
    return faultIn(() => {
      try {
        const native = nativeCalls();
        if (native !== null) {
          native.punchHole(this.#fd, offset, until - offset);
          return null;
        }
      } catch (error) {
        // A file system without holes: EOPNOTSUPP. Whatever else it was shows again in writing.
        if (systemErrorCode(error) === undefined) throw error;
      }
      const zeros = Buffer.alloc(Math.min(ZERO_BYTES, until - offset));
      for (let at = offset; at < until; at += zeros.length) writeAt(this.#fd, zeros, 0, Math.min(zeros.length, until - at), at);
      return null;
    });
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function faultIn(action: () => TapeFault | null): TapeFault | null {
  try {
    return action();
  } catch (error) {
    const systemCode = systemErrorCode(error);
    if (systemCode === undefined) throw error;
    return systemCode === 'ENOSPC' || systemCode === 'EDQUOT' || systemCode === 'EFBIG' ? { kind: 'hostNoSpace' } : { kind: 'hostIo', systemCode };
  }
}
