import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import type { MediumKind } from './model.js';

/** Memory as a file system: for targets without a store of memory a file here is the nearest to one. */
export const MEMORY_FOLDER = '/dev/shm';

/** The files of one contender: they go when it is told to go, and when this process ends. */
export class BenchFiles {
  /** For sockets, configuration and logs. */
  readonly folder: string;
  readonly #images: string[] = [];
  readonly #remove = (): void => this.remove();

  constructor(label: string) {
    this.folder = mkdtempSync(join(tmpdir(), `lunloom-bench-${label}-`));
    process.once('exit', this.#remove);
  }

  /** An image of zeros, in memory or in the folder. Throws `TargetError` `BENCH_CONTENDER` without room for all of it. */
  createImage(kind: MediumKind, sizeBytes: number): string {
    const folder = kind === 'memory' ? MEMORY_FOLDER : this.folder;
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < sizeBytes) throw new TargetError('BENCH_CONTENDER', `${folder} has ${bavail * bsize} bytes left, and ${sizeBytes} are needed`);
    const path = join(folder, `lunloom-bench-${process.pid}-${this.folder.slice(-6)}.img`);
    writeFileSync(path, '', { flag: 'wx' });
    this.#images.push(path);
    truncateSync(path, sizeBytes);
    return path;
  }

  remove(): void {
    for (const image of this.#images.splice(0)) rmSync(image, { force: true });
    rmSync(this.folder, { recursive: true, force: true });
    process.off('exit', this.#remove);
  }
}
