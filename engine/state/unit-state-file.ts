import { join } from 'node:path';
import { TargetError } from '../errors.js';
import { replaceFile } from './replace-file.js';
import { encodeStateFile, type KeptValue, stateFileNameOf, type UnitName } from './state-file.js';
import type { StateIo } from './state-io.js';

interface PendingSave {
  readonly section: string;
  /** A copy: the caller's own may change before it is written. */
  readonly value: KeptValue;
  readonly resolve: () => void;
  readonly reject: (error: TargetError) => void;
}

export interface UnitStateFileOptions {
  readonly directory: string;
  readonly name: UnitName;
  /** What is on stable storage. */
  readonly sections: ReadonlyMap<string, KeptValue>;
  readonly lengthBytesMax: number;
  readonly io: StateIo;
}

/**
 * The file of one logical unit. Saves are done in order; those that come while one is being written go into the next file together, so that a burst of
 * them costs two writes and not one each.
 */
export class UnitStateFile {
  readonly isKept = true;
  readonly path: string;
  readonly #options: UnitStateFileOptions;
  /** What is on stable storage: a save that failed has changed nothing here, and later ones do not bring it back. */
  #sections: ReadonlyMap<string, KeptValue>;
  #pending: PendingSave[] = [];
  #writing: Promise<void> | null = null;

  constructor(options: UnitStateFileOptions) {
    this.#options = options;
    this.#sections = options.sections;
    this.path = join(options.directory, stateFileNameOf(options.name));
  }

  load(section: string): KeptValue | undefined {
    return this.#sections.get(section);
  }

  /** Resolves when the value is on stable storage. Rejects with `TargetError` `STATE_SAVE_FAILED` or `STATE_TOO_LARGE`. `null` removes the section. */
  save(section: string, value: KeptValue): Promise<void> {
    const copy = JSON.parse(JSON.stringify(value)) as KeptValue;
    return new Promise((resolve, reject) => {
      this.#pending.push({ section, value: copy, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Resolves when nothing waits to be written any more. */
  async settled(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** Never rejects: who asked for a save is told. */
  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#writeBatch(batch);
    }
    this.#writing = null;
  }

  async #writeBatch(batch: readonly PendingSave[]): Promise<void> {
    let sections = this.#sections;
    let bytes = this.#encode(sections);
    const fitting: PendingSave[] = [];
    for (const save of batch) {
      const next = withSection(sections, save);
      const nextBytes = this.#encode(next);
      // One that is too large must not take the others with it.
      if (nextBytes.length > this.#options.lengthBytesMax) {
        save.reject(tooLarge(this.path, nextBytes.length, this.#options.lengthBytesMax));
        continue;
      }
      sections = next;
      bytes = nextBytes;
      fitting.push(save);
    }
    if (fitting.length === 0) return;
    try {
      await replaceFile(this.#options.io, this.path, bytes);
    } catch (error) {
      for (const save of fitting) save.reject(saveFailed(this.path, error));
      return;
    }
    this.#sections = sections;
    for (const save of fitting) save.resolve();
  }

  #encode(sections: ReadonlyMap<string, KeptValue>): Buffer {
    return encodeStateFile({ ...this.#options.name, sections });
  }
}

function withSection(sections: ReadonlyMap<string, KeptValue>, { section, value }: PendingSave): ReadonlyMap<string, KeptValue> {
  const next = new Map(sections);
  if (value === null) next.delete(section);
  else next.set(section, value);
  return next;
}

function tooLarge(path: string, lengthBytes: number, lengthBytesMax: number): TargetError {
  return new TargetError('STATE_TOO_LARGE', `${path} would have ${lengthBytes} bytes, more than limits.stateFileBytesMax (${lengthBytesMax}) allows`);
}

function saveFailed(path: string, error: unknown): TargetError {
  return new TargetError('STATE_SAVE_FAILED', `${path} could not be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
