import type { DataFiles } from './data-files.js';
import type { Metadata } from './metadata.js';
import { lastU64, numberKey, pairKey } from './object-keys.js';
import type { ObjectName } from './object-types.js';
import type { Records } from './records.js';

const NEXT_FILE_ID = Buffer.from('nextFileId');
const NEW = 1;
const ROWS_PER_STEP = 256;

interface Dirty {
  /** Since the last flush: its name is not on stable storage yet. */
  readonly isNew: boolean;
  readonly name: ObjectName;
}

export interface FileAccountsOptions {
  readonly metadata: Metadata;
  readonly files: DataFiles;
  readonly records: Records;
  readonly dirtyCountMax: number;
  readonly freedCountMax: number;
}

/**
 * What is known of the files of data besides the objects they belong to: which were written since they were flushed (`dirty`), which are to be removed or
 * cut once the metadata that say so are on stable storage (`cleanup`), and which number comes next.
 */
export class FileAccounts {
  readonly #metadata: Metadata;
  readonly #files: DataFiles;
  readonly #records: Records;
  readonly #dirtyCountMax: number;
  readonly #freedCountMax: number;
  readonly #dirty = new Map<number, Dirty>();
  /** Files whose objects were cut in the running transaction, which may yet be undone. */
  readonly #cut = new Set<number>();
  #freedCount = 0;

  constructor({ metadata, files, records, dirtyCountMax, freedCountMax }: FileAccountsOptions) {
    this.#metadata = metadata;
    this.#files = files;
    this.#records = records;
    this.#dirtyCountMax = dirtyCountMax;
    this.#freedCountMax = freedCountMax;
  }

  /** What a process that ended left. */
  recover(): void {
    const { dirty, cleanup } = this.#metadata.tables;
    for (const { key, value } of dirty.getRange({ start: Buffer.of(0) })) {
      const fileId = Number(lastU64(key));
      this.#dirty.set(fileId, { isNew: value[0] === NEW, name: nameOf(value.subarray(1)) });
      if (value[0] === NEW) this.#files.createMissing(fileId);
    }
    for (const _ of cleanup.getKeys({ start: Buffer.of(0) })) this.#freedCount++;
    this.#files.removeFrom(this.#nextFileId());
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  get freedCount(): number {
    return this.#freedCount;
  }

  /** A new empty file, which is gone again when the transaction is undone. */
  allocate(name: ObjectName): number {
    const fileId = this.#nextFileId();
    this.#files.create(fileId);
    this.#metadata.onRollback(() => this.#files.remove(fileId));
    this.#metadata.tables.system.putSync(NEXT_FILE_ID, numberKey(fileId + 1));
    this.#putDirty(fileId, { isNew: true, name });
    return fileId;
  }

  /** Bytes of the file change in this transaction. */
  written(fileId: number, name: ObjectName): void {
    if (!this.#dirty.has(fileId)) this.#putDirty(fileId, { isNew: false, name });
  }

  /** The file no longer agrees with what the transaction says of its object: it is longer, or its object has another or is gone. */
  freed(fileId: number, name: ObjectName): void {
    this.#metadata.tables.cleanup.putSync(numberKey(fileId), pairKey(name.partitionId, name.objectId));
    this.#cut.add(fileId);
    this.#metadata.onRollback(() => this.#cut.delete(fileId));
    this.#metadata.onCommit(() => {
      this.#freedCount++;
      this.#cut.delete(fileId);
    });
  }

  /** Whether what the file has behind the length of its object may be needed again, were the running transaction undone. */
  isCutInTransaction(fileId: number): boolean {
    return this.#cut.has(fileId);
  }

  /** The bytes of files whose objects are concerned. In no transaction. */
  flush(concerns: (name: ObjectName) => boolean): void {
    const flushed: number[] = [];
    for (const [fileId, { isNew, name }] of this.#dirty) {
      if (!concerns(name)) continue;
      this.#files.sync(fileId, isNew);
      flushed.push(fileId);
    }
    if (flushed.length > 0) this.#metadata.transaction(() => this.#removeDirty(flushed));
  }

  /** Keeps what waits within its bounds. Behind each transaction. */
  settle(): void {
    if (this.#dirty.size >= this.#dirtyCountMax) this.flush(() => true);
    if (this.#freedCount >= this.#freedCountMax) this.cleanUpAll();
  }

  /** Makes some files agree with their objects; answers whether there are more. The metadata are on stable storage first, so that no file is missed. */
  cleanUp(): boolean {
    if (this.#freedCount === 0) return false;
    this.#metadata.sync();
    const rows = [...this.#metadata.tables.cleanup.getRange({ start: Buffer.of(0), limit: ROWS_PER_STEP })];
    this.#reconcile(rows.map(({ key, value }) => ({ fileId: Number(lastU64(key)), name: nameOf(value) })));
    this.#metadata.transaction(() => {
      for (const { key } of rows) this.#metadata.tables.cleanup.removeSync(key);
    });
    this.#freedCount = rows.length < ROWS_PER_STEP ? 0 : Math.max(1, this.#freedCount - rows.length);
    return this.#freedCount > 0;
  }

  cleanUpAll(): void {
    while (this.cleanUp());
  }

  /** FORMAT OSD: in its transaction the tables were emptied. */
  forgetAll(): void {
    this.#dirty.clear();
    this.#freedCount = 0;
  }

  #reconcile(rows: readonly { readonly fileId: number; readonly name: ObjectName }[]): void {
    const unowned: number[] = [];
    for (const { fileId, name } of rows) {
      const record = this.#records.find('user', name);
      if (record?.fileId === fileId) this.#files.cut(fileId, record.logicalLengthBytes);
      else unowned.push(fileId);
    }
    // A file that is named as written must be there.
    if (unowned.some((fileId) => this.#dirty.has(fileId))) this.#metadata.transaction(() => this.#removeDirty(unowned));
    for (const fileId of unowned) this.#files.remove(fileId);
  }

  #putDirty(fileId: number, dirty: Dirty): void {
    const row = Buffer.concat([Buffer.of(dirty.isNew ? NEW : 0), pairKey(dirty.name.partitionId, dirty.name.objectId)]);
    this.#metadata.tables.dirty.putSync(numberKey(fileId), row);
    this.#dirty.set(fileId, dirty);
    this.#metadata.onRollback(() => this.#dirty.delete(fileId));
  }

  #removeDirty(fileIds: readonly number[]): void {
    for (const fileId of fileIds) this.#metadata.tables.dirty.removeSync(numberKey(fileId));
    this.#metadata.onCommit(() => {
      for (const fileId of fileIds) this.#dirty.delete(fileId);
    });
  }

  #nextFileId(): number {
    const bytes = this.#metadata.tables.system.getBinary(NEXT_FILE_ID);
    return bytes === undefined ? 1 : Number(bytes.readBigUInt64BE());
  }
}

function nameOf(value: Uint8Array): ObjectName {
  const bytes = Buffer.from(value);
  return { partitionId: bytes.readBigUInt64BE(0), objectId: bytes.readBigUInt64BE(8) };
}
