import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { SeededRandom } from '../support/random.js';

type FileEvent = { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer } | { readonly kind: 'truncate'; readonly sizeBytes: number };

/** A disk writes a sector whole or not at all; nothing promises more. */
const SECTOR_BYTES = 512;

/**
 * Watches what this process writes to one file and when it makes it stable, so that it can tell what a power cut could have left of the file: all that
 * was written before the last sync, and of each sector that was written later the old or the new.
 */
export class PowerCutWatch {
  readonly #path: string;
  readonly #original = { writeSync: fs.writeSync, fdatasyncSync: fs.fdatasyncSync, ftruncateSync: fs.ftruncateSync };
  #stable = Buffer.alloc(0);
  #events: FileEvent[] = [];
  /** What is to be captured when so many events have come. */
  #captureAfter = 0;
  #captureWith: SeededRandom | null = null;
  captured: Buffer | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Everything in the file is stable now. */
  begin(): void {
    this.#stable = fs.readFileSync(this.#path);
    this.#events = [];
    const { writeSync, ftruncateSync } = this.#original;
    Object.assign(fs, {
      writeSync: (fd: number, source: Uint8Array, at: number, length: number, offset: number) => {
        const written = writeSync(fd, source, at, length, offset);
        this.#note({ kind: 'write', offset, bytes: Buffer.from(source.subarray(at, at + written)) });
        return written;
      },
      ftruncateSync: (fd: number, sizeBytes: number) => {
        ftruncateSync(fd, sizeBytes);
        this.#note({ kind: 'truncate', sizeBytes });
      },
      // It takes milliseconds, and nobody pulls the plug of this machine.
      fdatasyncSync: () => {
        this.#countDown();
        this.#stable = fs.readFileSync(this.#path);
        this.#events = [];
      },
    });
    syncBuiltinESMExports();
  }

  end(): void {
    Object.assign(fs, this.#original);
    syncBuiltinESMExports();
  }

  /** The power goes so many writes and syncs from now; `captured` is what is left then. */
  cutAfter(eventCount: number, random: SeededRandom): void {
    this.captured = null;
    this.#captureAfter = eventCount;
    this.#captureWith = random;
  }

  /** The power goes now, unless it went before. */
  cut(random: SeededRandom): Buffer {
    this.#captureWith = null;
    return this.captured ?? this.#left(random);
  }

  #note(event: FileEvent): void {
    this.#events.push(event);
    this.#countDown();
  }

  #countDown(): void {
    if (this.#captureWith === null || --this.#captureAfter > 0) return;
    this.captured = this.#left(this.#captureWith);
    this.#captureWith = null;
  }

  #left(random: SeededRandom): Buffer {
    let image = Buffer.from(this.#stable);
    for (const event of this.#events) {
      if (event.kind === 'truncate') {
        if (random.boolean() && event.sizeBytes < image.length) image = image.subarray(0, event.sizeBytes);
        continue;
      }
      const end = event.offset + event.bytes.length;
      for (let from = event.offset; from < end; ) {
        const until = Math.min(end, (Math.floor(from / SECTOR_BYTES) + 1) * SECTOR_BYTES);
        if (random.below(4) !== 0) image = patched(image, from, event.bytes.subarray(from - event.offset, until - event.offset));
        from = until;
      }
    }
    return image;
  }
}

function patched(image: Buffer<ArrayBuffer>, offset: number, bytes: Buffer): Buffer<ArrayBuffer> {
  const end = offset + bytes.length;
  const wide = end <= image.length ? image : Buffer.concat([image, Buffer.alloc(end - image.length)]);
  bytes.copy(wide, offset);
  return wide;
}
