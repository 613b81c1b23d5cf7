import type { DataFiles } from './data-files.js';
import type { FileAccounts } from './file-accounts.js';
import type { Metadata } from './metadata.js';
import type { ObjectRecord } from './object-record.js';
import type { DataExtent } from './object-store-data.js';
import { ObjectStoreFault } from './object-store-fault.js';
import type { ObjectName } from './object-types.js';
import type { Records } from './records.js';
import { inBlocks, type SpaceCheck } from './space-check.js';

export interface ObjectDataOptions {
  readonly metadata: Metadata;
  readonly records: Records;
  readonly files: DataFiles;
  readonly accounts: FileAccounts;
  readonly space: SpaceCheck;
  readonly listCountMax: number;
}

/**
 * Bytes of user objects. A file holds what was written and may be longer than its object: what lies behind the logical length is left of a write that was
 * undone or of a cut whose time has not come, and is cut off before the object grows over it. Those that change run in a transaction.
 */
export class ObjectData {
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #files: DataFiles;
  readonly #accounts: FileAccounts;
  readonly #space: SpaceCheck;
  readonly #listCountMax: number;

  constructor({ metadata, records, files, accounts, space, listCountMax }: ObjectDataOptions) {
    this.#metadata = metadata;
    this.#records = records;
    this.#files = files;
    this.#accounts = accounts;
    this.#space = space;
    this.#listCountMax = listCountMax;
  }

  read(name: ObjectName, offsetBytes: bigint, into: Uint8Array): number {
    const { fileId, logicalLengthBytes } = this.#user(name);
    const length = offsetBytes >= BigInt(logicalLengthBytes) ? 0 : Math.min(into.length, logicalLengthBytes - Number(offsetBytes));
    if (fileId !== 0 && length > 0) this.#files.read(fileId, Number(offsetBytes), into.subarray(0, length));
    into.fill(0, fileId === 0 ? 0 : length);
    return length;
  }

  write(name: ObjectName, offsetBytes: bigint, data: Uint8Array): void {
    const record = this.#records.change(name, this.#user(name));
    this.#records.dataModified(record);
    if (data.length === 0) return;
    const offset = this.#reach(record, name, offsetBytes, BigInt(data.length));
    this.#admit(name, record, offset, data.length);
    if (record.fileId === 0) record.fileId = this.#accounts.allocate(name);
    else this.#accounts.written(record.fileId, name);
    if (offset > record.logicalLengthBytes) this.#cutBehindEnd(name, record);
    this.#files.write(record.fileId, offset, data);
    record.logicalLengthBytes = Math.max(record.logicalLengthBytes, offset + data.length);
    this.#account(name, record);
  }

  append(name: ObjectName, data: Uint8Array): bigint {
    const offsetBytes = BigInt(this.#user(name).logicalLengthBytes);
    this.write(name, offsetBytes, data);
    return offsetBytes;
  }

  clear(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void {
    const record = this.#records.change(name, this.#user(name));
    this.#records.dataModified(record);
    if (lengthBytes === 0n) return;
    const offset = this.#reach(record, name, offsetBytes, lengthBytes);
    const end = offset + Number(lengthBytes);
    if (record.fileId !== 0) {
      this.#accounts.written(record.fileId, name);
      if (end > record.logicalLengthBytes) this.#cutBehindEnd(name, record);
      this.#files.zero(record.fileId, offset, end - offset);
    }
    record.logicalLengthBytes = Math.max(record.logicalLengthBytes, end);
    this.#account(name, record);
  }

  punch(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void {
    const record = this.#records.change(name, this.#user(name));
    const before = record.logicalLengthBytes;
    if (offsetBytes >= BigInt(before) && lengthBytes > 0n) throw beyondEnd();
    if (offsetBytes > BigInt(before)) throw beyondEnd();
    this.#records.dataModified(record);
    if (lengthBytes === 0n) return;
    const offset = Number(offsetBytes);
    const behind = lengthBytes >= BigInt(before - offset) ? before : offset + Number(lengthBytes);
    record.logicalLengthBytes = before - (behind - offset);
    if (record.fileId !== 0) {
      this.#accounts.freed(record.fileId, name);
      if (behind < before) this.#joinInNewFile(name, record, { offset, behind, end: before });
    }
    this.#account(name, record);
  }

  setLogicalLength(name: ObjectName, lengthBytes: bigint): void {
    const record = this.#records.change(name, this.#user(name));
    this.#records.dataModified(record);
    const length = this.#reach(record, name, lengthBytes, 0n);
    const before = record.logicalLengthBytes;
    if (record.fileId !== 0 && length !== before) {
      if (length > before) {
        this.#accounts.written(record.fileId, name);
        this.#cutBehindEnd(name, record);
      } else {
        // Cut when the metadata that say so are on stable storage: until then they could come back with the old length.
        this.#accounts.freed(record.fileId, name);
      }
    }
    record.logicalLengthBytes = length;
    this.#account(name, record);
  }

  map(name: ObjectName, offsetBytes: bigint, countMax: number): { extents: DataExtent[]; next: bigint | null } {
    const { fileId, logicalLengthBytes: end } = this.#user(name);
    if (offsetBytes > BigInt(end)) throw beyondEnd();
    const limit = Math.max(1, Math.min(countMax, this.#listCountMax));
    const extents: DataExtent[] = [];
    for (let at = Number(offsetBytes); at < end; ) {
      if (extents.length >= limit) return { extents, next: BigInt(at) };
      const data = fileId === 0 ? null : this.#files.nextData(fileId, at);
      const isWritten = data !== null && data.startBytes <= at;
      const until = Math.min(end, data === null ? end : isWritten ? data.endBytes : data.startBytes);
      extents.push({ kind: isWritten ? 'written' : 'hole', offsetBytes: BigInt(at), lengthBytes: BigInt(until - at) });
      at = until;
    }
    return { extents, next: null };
  }

  #user(name: ObjectName): ObjectRecord {
    const record = this.#records.find('user', name);
    if (record !== null) return record;
    if (this.#records.findAny(name) !== null) throw new ObjectStoreFault('wrong-kind', 'only user objects have data');
    throw new ObjectStoreFault('not-found', 'there is no such user object');
  }

  /** The offset as a number, when the object may reach to the end of the range. */
  #reach(record: ObjectRecord, name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): number {
    const endBytes = offsetBytes + lengthBytes;
    if (endBytes > BigInt(record.logicalLengthBytes)) {
      const quota = record.objectLengthBytesMax ?? this.#records.partition(name.partitionId).objectLengthBytesMax ?? this.#records.root().objectLengthBytesMax;
      if (quota !== null && endBytes > quota) throw new ObjectStoreFault('quota-length', 'the object would become longer than its quota');
      if (endBytes > BigInt(Number.MAX_SAFE_INTEGER)) throw new ObjectStoreFault('too-long', 'objects have at most 2^53 - 1 bytes');
    }
    return Number(offsetBytes);
  }

  #admit(name: ObjectName, { fileId, logicalLengthBytes }: ObjectRecord, offset: number, length: number): void {
    const hasRoom = this.#space.hasRoom(length);
    if (hasRoom && !this.#space.isBounded(name.partitionId)) return;
    // Space behind the logical length is nobody's and is not counted in what is used, so that it counts as missing.
    const insideLength = Math.max(0, Math.min(offset + length, inBlocks(logicalLengthBytes)) - offset);
    const missing = fileId === 0 ? length : length - insideLength + this.#files.missingBytes(fileId, offset, insideLength);
    if (missing === 0) return;
    if (!hasRoom) this.#space.admitGrowth(inBlocks(missing));
    this.#space.admit(name.partitionId, inBlocks(missing));
  }

  /** Before the object grows over what its file has behind the end. */
  #cutBehindEnd(name: ObjectName, record: ObjectRecord): void {
    const { fileId, logicalLengthBytes } = record;
    if (!this.#accounts.isCutInTransaction(fileId)) this.#files.cut(fileId, logicalLengthBytes);
    else this.#joinInNewFile(name, record, { offset: logicalLengthBytes, behind: logicalLengthBytes, end: logicalLengthBytes });
  }

  /** What lies before `offset`, and what lies from `behind` to `end`. */
  #joinInNewFile(name: ObjectName, record: ObjectRecord, { offset, behind, end }: { offset: number; behind: number; end: number }): void {
    const oldId = record.fileId;
    const newId = this.#accounts.allocate(name);
    this.#files.copy(oldId, 0, newId, 0, offset);
    this.#files.copy(oldId, behind, newId, offset, end - behind);
    record.fileId = newId;
  }

  /** What the object takes now, in itself and all that it is in. What lies behind its length will be cut off and is not its. */
  #account(name: ObjectName, record: ObjectRecord): void {
    const dataBytes = record.fileId === 0 ? 0 : Math.min(this.#files.occupiedBytes(record.fileId), inBlocks(record.logicalLengthBytes));
    this.#records.addUsed(name, dataBytes - record.dataBytes);
    record.dataBytes = dataBytes;
  }

  /** What its file takes is known for sure once it was flushed. Not in a transaction. */
  accountAgain(name: ObjectName): void {
    const { fileId, dataBytes, logicalLengthBytes } = this.#user(name);
    if (fileId === 0 || dataBytes === Math.min(this.#files.occupiedBytes(fileId), inBlocks(logicalLengthBytes))) return;
    this.#metadata.transaction(() => this.#account(name, this.#records.change(name, this.#records.require('user', name))));
  }
}

function beyondEnd(): ObjectStoreFault {
  return new ObjectStoreFault('beyond-end', 'the offset lies behind the end of the object');
}
