import { join } from 'node:path';
import { assert, TargetError } from '../../../errors.js';
import type { Limits } from '../../../limits.js';
import { AttributeTable } from './attribute-table.js';
import { DataFiles, removeStep, staleFolders } from './data-files.js';
import { FileAccounts } from './file-accounts.js';
import { KeyTable } from './key-table.js';
import { Listing } from './listing.js';
import { MembershipTable } from './membership-table.js';
import { Metadata } from './metadata.js';
import { ObjectData } from './object-data.js';
import { objectInformation } from './object-information.js';
import { u64 } from './object-keys.js';
import { ObjectLifecycle } from './object-lifecycle.js';
import { hasQuota, newRecord, type ObjectRecord } from './object-record.js';
import type {
  AttributeEntry,
  AttributePosition,
  DataExtent,
  FlushScope,
  IdPage,
  Membership,
  ObjectInformation,
  ObjectKind,
  ObjectName,
  ObjectStore,
  ObjectTimes,
  PageRequest,
  QueryRequest,
  QueryStep,
  Quotas,
} from './object-store.js';
import { ObjectStoreFault } from './object-store-fault.js';
import { ASSIGNED_ID_MIN, ROOT_NAME } from './object-types.js';
import { Records } from './records.js';
import { SpaceCheck } from './space-check.js';
import { METADATA_FOLDER, type ObjectStoreClaim } from './store-directory.js';
import { asStoreFault } from './store-faults.js';

export interface DirectoryStoreOptions {
  readonly directory: string;
  readonly limits: Limits;
  readonly capacityBytes: bigint | null;
  readonly readOnly?: boolean;
  readonly nowMs: () => number;
  readonly boot: string;
  readonly claim: ObjectStoreClaim | null;
}

/** Pages that were freed can be used again only behind a flush. */
const UNSYNCED_COUNT_MAX_WHEN_LOW = 1;
const GENERATION = Buffer.from('generation');

/** The parts of the store put together: each method checks what it is asked for, and runs in a transaction when it changes something. */
export class DirectoryStore implements ObjectStore {
  readonly #directory: string;
  readonly #limits: Limits;
  readonly #claim: ObjectStoreClaim | null;
  readonly #isReadOnly: boolean;
  readonly #metadata: Metadata;
  readonly #records: Records;
  readonly #files: DataFiles;
  readonly #accounts: FileAccounts;
  readonly #attributes: AttributeTable;
  readonly #memberships: MembershipTable;
  readonly #lifecycle: ObjectLifecycle;
  readonly #data: ObjectData;
  readonly #listing: Listing;
  readonly #keys: KeyTable;
  readonly #space: SpaceCheck;
  #generation: number;
  #stale: string[] = [];

  constructor({ directory, limits, capacityBytes, readOnly = false, nowMs, boot, claim }: DirectoryStoreOptions) {
    this.#directory = directory;
    this.#limits = limits;
    this.#claim = claim;
    this.#isReadOnly = readOnly;
    const metadata = new Metadata({ directory: join(directory, METADATA_FOLDER), readOnly, mapBytes: limits.osdMetadataMapBytes, boot });
    this.#metadata = metadata;
    const records = new Records(metadata, nowMs, limits.osdAccessTimeCountMax);
    this.#records = records;
    try {
      this.#generation = this.#readGeneration();
      this.#files = new DataFiles({ storeDirectory: directory, generation: this.#generation, openCountMax: limits.osdOpenFileCountMax, readOnly });
      const files = this.#files;
      this.#accounts = new FileAccounts({ metadata, files, records, dirtyCountMax: limits.osdDirtyFileCountMax, freedCountMax: limits.osdFreedFileCountMax });
      this.#recover();
    } catch (error) {
      metadata.close();
      throw error;
    }
    const accounts = this.#accounts;
    this.#attributes = new AttributeTable(metadata, records, limits);
    this.#memberships = new MembershipTable(metadata, records, limits);
    this.#lifecycle = new ObjectLifecycle({ metadata, records, attributes: this.#attributes, memberships: this.#memberships, accounts, limits });
    this.#space = new SpaceCheck({ records, directory, capacityBytes, reserveBytes: limits.osdReserveBytes, unusedBytes: () => metadata.unusedBytes() });
    this.#data = new ObjectData({ metadata, records, files: this.#files, accounts, space: this.#space, listCountMax: limits.osdListCountMax });
    const informationOf = (name: ObjectName) => this.information(name);
    this.#listing = new Listing({ metadata, records, attributes: this.#attributes, limits, informationOf });
    this.#keys = new KeyTable(metadata, limits);
  }

  get generation(): number {
    return this.#generation;
  }

  transaction<T>(work: () => T): T {
    if (this.#metadata.isInTransaction) return work();
    if (this.#space.isLow && !this.#isReadOnly) this.#metadata.read(() => this.#cleanUpStep());
    try {
      return this.#metadata.transaction(work);
    } catch (error) {
      // Behind a flush LMDB may use again the pages that were freed, and files of removed objects go: the next command may find room.
      if (error instanceof ObjectStoreFault && error.fault === 'no-space') this.#freeSpace();
      throw error;
    } finally {
      this.#settle();
    }
  }

  format({ keepKey = () => false }: { readonly keepKey?: (keyName: string) => boolean } = {}): void {
    const generation = this.#generation + 1;
    this.transaction(() => {
      // Before the metadata name it; one that is not needed in the end is a stale folder.
      this.#files.makeDirectory(generation);
      const { system, objects, attributes, members, memberships, dirty, cleanup } = this.#metadata.tables;
      for (const table of [objects, attributes, members, memberships, dirty, cleanup]) table.clearSync();
      this.#keys.removeUnless(keepKey);
      this.#records.forgetAll();
      this.#records.add(ROOT_NAME, newRecord('root', this.#records.nowMs, ASSIGNED_ID_MIN));
      system.putSync(GENERATION, u64(BigInt(generation)));
      this.#metadata.onCommit(() => {
        this.#generation = generation;
        this.#accounts.forgetAll();
        this.#files.switchTo(generation);
        // Files of the old generation go only when no loss of power can bring it back.
        this.#metadata.sync();
        this.#stale = staleFolders(this.#directory, generation);
      });
    });
  }

  capacity(): { totalBytes: bigint; usedBytes: bigint; freeBytes: bigint } {
    return this.#metadata.read(() => this.#space.capacity());
  }

  key(keyName: string): Uint8Array | null {
    return this.#metadata.read(() => this.#keys.get(keyName));
  }

  setKey(keyName: string, value: Uint8Array | null): void {
    this.transaction(() => {
      this.#keys.set(keyName, value);
      this.#metadata.onCommit(() => this.#metadata.sync());
    });
  }

  keyNames(): readonly string[] {
    return this.#metadata.read(() => this.#keys.names());
  }

  createPartition(requestedId: bigint | null): bigint {
    return this.#grow(() => this.#lifecycle.createPartition(requestedId));
  }

  createCollection(partitionId: bigint, requestedId: bigint | null): bigint {
    return this.#grow(() => this.#lifecycle.createCollection(partitionId, requestedId));
  }

  createUserObjects(partitionId: bigint, requestedId: bigint | null, count: number): bigint {
    assert(Number.isInteger(count) && count >= 1, 'at least one object is created');
    return this.#grow(() => this.#lifecycle.createUserObjects(partitionId, requestedId, count));
  }

  removeUserObject(name: ObjectName): void {
    this.transaction(() => this.#lifecycle.removeUserObject(name));
  }

  removeCollection(name: ObjectName, { force = false }: { readonly force?: boolean } = {}): void {
    this.transaction(() => this.#lifecycle.removeCollection(name, force));
  }

  removePartition(partitionId: bigint, { force = false }: { readonly force?: boolean } = {}): void {
    this.transaction(() => this.#lifecycle.removePartition(partitionId, force));
  }

  kindOf(name: ObjectName): ObjectKind | null {
    return this.#metadata.read(() => this.#records.findAny(name)?.kind ?? null);
  }

  information(name: ObjectName): ObjectInformation {
    return this.#metadata.read(() => {
      const record = this.#records.requireAny(name);
      return objectInformation(name, this.#records.withAccesses(name, record), this.#attributes.spaceOf(record));
    });
  }

  setQuotas(name: ObjectName, quotas: Partial<Quotas>): void {
    this.#change(name, (record) => {
      for (const [quota, value] of Object.entries(quotas) as [keyof Quotas, bigint | null][]) {
        if (!hasQuota(record.kind, quota)) throw new ObjectStoreFault('wrong-kind', `a ${record.kind} has no quota ${quota}`);
        record[quota] = value;
      }
    });
  }

  setVersionTag(name: ObjectName, versionTag: bigint): void {
    this.#change(name, (record) => {
      record.versionTag = versionTag;
    });
  }

  setTimes(name: ObjectName, times: Partial<ObjectTimes>): void {
    this.#change(name, (record) => void Object.assign(record, times));
  }

  noteAccess(name: ObjectName, what: 'attributes' | 'data'): void {
    if (this.#isReadOnly) return;
    this.#metadata.read(() => this.#records.noteAccess(name, this.#records.requireAny(name), what));
  }

  bypassTimestamps(): void {
    this.#records.bypassTimes();
  }

  attribute(name: ObjectName, pageNumber: number, attributeNumber: number): Uint8Array | null {
    return this.#metadata.read(() => {
      const value = this.#attributes.get(name, pageNumber, attributeNumber);
      if (value === null) this.#records.requireAny(name);
      return value;
    });
  }

  setAttribute(name: ObjectName, pageNumber: number, attributeNumber: number, value: Uint8Array | null): void {
    this.transaction(() => {
      const takenBytes = this.#attributes.set(name, this.#records.requireAny(name), { pageNumber, attributeNumber }, value);
      if (takenBytes > 0) this.#space.admitGrowth(0);
      this.#space.admit(name.partitionId, takenBytes);
      this.#records.addUsed(name, takenBytes);
    });
  }

  attributes(
    name: ObjectName,
    { from = { pageNumber: 0, attributeNumber: 0 }, pageNumber, countMax }: { from?: AttributePosition; pageNumber?: number; countMax: number },
  ): { entries: AttributeEntry[]; next: AttributePosition | null } {
    return this.#metadata.read(() => {
      this.#records.requireAny(name);
      return this.#attributes.page(name, from, pageNumber ?? null, countMax);
    });
  }

  attributePages(name: ObjectName, from: number, countMax: number): { pageNumbers: number[]; next: number | null } {
    return this.#metadata.read(() => {
      this.#records.requireAny(name);
      return this.#attributes.pages(name, from, countMax);
    });
  }

  memberships(name: ObjectName): Membership[] {
    return this.#metadata.read(() => {
      this.#records.require('user', name);
      return this.#memberships.of(name);
    });
  }

  setMembership(name: ObjectName, attributeNumber: number, collectionId: bigint | null): void {
    this.transaction(() => this.#memberships.set(name, attributeNumber, collectionId));
  }

  join(name: ObjectName, collectionId: bigint): number {
    return this.#grow(() => this.#memberships.join(name, collectionId));
  }

  leave(name: ObjectName, collectionId: bigint): boolean {
    return this.transaction(() => {
      const number = this.#memberships.numberOf(name, collectionId);
      if (number !== null) this.#memberships.set(name, number, null);
      else this.#records.require('user', name);
      return number !== null;
    });
  }

  isMember(name: ObjectName, collectionId: bigint): boolean {
    return this.#metadata.read(() => this.#memberships.numberOf(name, collectionId) !== null);
  }

  read(name: ObjectName, offsetBytes: bigint, into: Uint8Array): number {
    return this.#metadata.read(() => this.#data.read(name, offsetBytes, into));
  }

  write(name: ObjectName, offsetBytes: bigint, data: Uint8Array): void {
    this.transaction(() => this.#data.write(name, offsetBytes, data));
  }

  append(name: ObjectName, data: Uint8Array): bigint {
    return this.transaction(() => this.#data.append(name, data));
  }

  clear(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void {
    this.transaction(() => this.#data.clear(name, offsetBytes, lengthBytes));
  }

  punch(name: ObjectName, offsetBytes: bigint, lengthBytes: bigint): void {
    this.transaction(() => this.#data.punch(name, offsetBytes, lengthBytes));
  }

  setLogicalLength(name: ObjectName, lengthBytes: bigint): void {
    this.transaction(() => this.#data.setLogicalLength(name, lengthBytes));
  }

  map(name: ObjectName, offsetBytes: bigint, countMax: number): { extents: DataExtent[]; next: bigint | null } {
    return this.#metadata.read(() => this.#data.map(name, offsetBytes, countMax));
  }

  flush(scope: FlushScope): void {
    assert(!this.#metadata.isInTransaction, 'a flush stands behind its transaction');
    if (this.#isReadOnly) return;
    this.#metadata.read(() => {
      this.#records.writeAccesses();
      this.#flushData(scope);
      this.#metadata.sync();
    });
  }

  listPartitions(request: PageRequest): IdPage {
    return this.#metadata.read(() => this.#listing.partitions(request));
  }

  listCollections(partitionId: bigint, request: PageRequest): IdPage {
    return this.#metadata.read(() => this.#listing.ofPartition('collection', partitionId, request));
  }

  listUserObjects(partitionId: bigint, request: PageRequest): IdPage {
    return this.#metadata.read(() => this.#listing.ofPartition('user', partitionId, request));
  }

  listMembers(collection: ObjectName, request: PageRequest): IdPage {
    return this.#metadata.read(() => this.#listing.members(collection, request));
  }

  query(request: QueryRequest): QueryStep {
    return this.#metadata.read(() => this.#listing.query(request));
  }

  maintain(): boolean {
    if (this.#isReadOnly) return false;
    return this.#metadata.read(() => {
      this.#records.writeAccesses();
      if (this.#cleanUpStep()) return true;
      this.#metadata.sync();
      return false;
    });
  }

  close(): void {
    try {
      this.flush({ kind: 'all' });
      if (!this.#isReadOnly) this.#metadata.read(() => this.#accounts.cleanUpAll());
    } finally {
      this.#files.closeAll();
      this.#metadata.close();
      this.#claim?.release();
    }
  }

  #change(name: ObjectName, edit: (record: ObjectRecord) => void): void {
    this.transaction(() => edit(this.#records.change(name, this.#records.requireAny(name))));
  }

  #flushData(scope: FlushScope): void {
    if (scope.kind === 'all') {
      this.#accounts.flush(() => true);
    } else if (scope.kind === 'partition') {
      this.#records.partition(scope.partitionId);
      if (scope.data) this.#accounts.flush((name) => name.partitionId === scope.partitionId);
    } else if (scope.kind === 'collection') {
      const { partitionId, objectId } = scope.name;
      this.#records.require('collection', scope.name);
      if (scope.members) this.#accounts.flush((name) => name.partitionId === partitionId && this.#memberships.numberOf(name, objectId) !== null);
    } else if (this.#records.requireAny(scope.name).kind === 'user' && scope.data) {
      this.#accounts.flush((name) => name.objectId === scope.name.objectId && name.partitionId === scope.name.partitionId);
      this.#data.accountAgain(scope.name);
    }
  }

  /** Some files that are nobody's any more; answers whether there may be more. */
  #cleanUpStep(): boolean {
    if (this.#accounts.cleanUp()) return true;
    const [stale] = this.#stale;
    if (stale === undefined) return false;
    if (!removeStep(this.#directory, stale)) this.#stale.shift();
    return true;
  }

  #grow<T>(work: () => T): T {
    return this.transaction(() => {
      this.#space.admitGrowth(0);
      return work();
    });
  }

  #freeSpace(): void {
    try {
      this.#metadata.sync();
      this.#accounts.cleanUpAll();
    } catch (error) {
      if (!(asStoreFault(error) instanceof ObjectStoreFault)) throw error;
      // The fault that led here is the one to be told.
    }
  }

  #settle(): void {
    this.#metadata.read(() => {
      this.#accounts.settle();
      // Removing takes space too, until the next flush.
      this.#space.look();
      const unsyncedCountMax = this.#space.isLow ? UNSYNCED_COUNT_MAX_WHEN_LOW : this.#limits.osdUnsyncedCommitCountMax;
      if (this.#metadata.unsyncedCount >= unsyncedCountMax) this.#metadata.sync();
    });
  }

  #readGeneration(): number {
    const bytes = this.#metadata.tables.system.getBinary(GENERATION);
    if (bytes !== undefined) return Number(bytes.readBigUInt64BE());
    if (this.#isReadOnly) throw new TargetError('OSD_NOT_A_STORE', `the object store ${this.#directory} was never finished, and may only be read`);
    this.#metadata.transaction(() => {
      this.#metadata.tables.system.putSync(GENERATION, u64(1n));
      this.#records.add(ROOT_NAME, newRecord('root', this.#records.nowMs, ASSIGNED_ID_MIN));
    });
    return 1;
  }

  #recover(): void {
    if (this.#isReadOnly) return;
    this.#files.makeDirectory(this.#generation);
    this.#accounts.recover();
    this.#stale = staleFolders(this.#directory, this.#generation);
    this.#metadata.sync();
  }
}
