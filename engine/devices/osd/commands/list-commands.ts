import { isPageOf } from '../attributes/attribute-page.js';
import { encodeObjectAttributes } from '../protocol/attribute-list.js';
import { type AttributeName, invalidCdbField } from '../protocol/command-failure.js';
import { isAssignable } from '../protocol/object-id.js';
import { AttributesFormat, CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import type { IdPage, ObjectKind, ObjectName } from '../store/object-store.js';
import { getAttributes, listedAttributes, noteAccess, setAttributes } from './attribute-functions.js';
import type { CommandDefinition } from './definition.js';
import type { ListSource } from './list-identifiers.js';
import { theCollection, thePartition, theRoot } from './objects.js';
import { RunningCommand } from './running-command.js';

const LIST_ATTR_BIT = 0x40;
const LIST_ATTR_BIT_NUMBER = 6;
const SORT_ORDER_MASK = 0x0f;
const SORT_ORDER_BIT = 3;
const ALLOCATION_LENGTH = [CDB.length, 8] as const;
const INITIAL_OBJECT_ID = [CDB.startingByte, 8] as const;
const LIST_IDENTIFIER = [CDB.listIdentifier, 4] as const;
const ID_LENGTH = 8;

/*
 * LIST and LIST COLLECTION parameter data, OSD-2 "LIST command".
 *
 *      0| Additional Length (8)                                                         |
 *      8| Continuation Object ID (8)                                                    |
 *     16| List Identifier (4)                 | Reserved (3) | Format (6) . LSTCHG . 0  |
 *     24/ Object descriptors                                                            /
 */
const HEADER_LENGTH = 24;
const LSTCHG_BIT = 0x02;
const FORMAT_SHIFT = 2;
/** OBJECT DESCRIPTOR FORMAT of numbers alone; one more when attributes are with them. */
const descriptorFormat = { partition: 0x01, collection: 0x11, user: 0x21 } as const;
/** Steps in which the store is asked: bounded, however much room there is. */
const STEP_COUNT_MAX = 1024;

/** What is listed, and how the store is asked for it. */
interface Listing {
  readonly source: ListSource;
  readonly kind: 'partition' | 'collection' | 'user';
  next(from: bigint, countMax: number): IdPage;
}

function listingOf(command: RunningCommand): Listing {
  const { cdb, store } = command;
  const { partitionId, objectId } = cdb;
  if (cdb.serviceAction === ServiceAction.list) {
    const source = { partitionId, collectionId: null };
    if (partitionId === 0n) return { source, kind: 'partition', next: (from, countMax) => store.listPartitions({ from, countMax }) };
    return { source, kind: 'user', next: (from, countMax) => store.listUserObjects(partitionId, { from, countMax }) };
  }
  const source = { partitionId, collectionId: objectId };
  if (objectId === 0n) return { source, kind: 'collection', next: (from, countMax) => store.listCollections(partitionId, { from, countMax }) };
  return { source, kind: 'user', next: (from, countMax) => store.listMembers({ partitionId, objectId }, { from, countMax }) };
}

function list(command: RunningCommand): void {
  const { cdb } = command;
  const wantsAttributes = (cdb.specific & LIST_ATTR_BIT) !== 0;
  const listing = listingOf(command);
  const names = wantsAttributes ? namesOf(command, listing.kind) : null;
  writeList(command, listing, names === null ? null : names.ofListed);
  noteAccess(command, command.target);
  setAttributes(command);
  if (names === null) getAttributes(command);
  else getAttributes(withNames(command, names.ofTarget));
}

/** Attributes in the list are those of the kind that is listed; the others are the target's own, and are returned as with any command. */
function namesOf(command: RunningCommand, kind: ObjectKind): { readonly ofListed: readonly AttributeName[]; readonly ofTarget: readonly AttributeName[] } {
  const { get } = command.attributes;
  const names = get === null || 'page' in get ? [] : get.names;
  return { ofListed: names.filter(({ page }) => isPageOf(kind, page)), ofTarget: names.filter(({ page }) => !isPageOf(kind, page)) };
}

function withNames(command: RunningCommand, names: readonly AttributeName[]): RunningCommand {
  const attributes = { ...command.attributes, get: names.length === 0 ? null : { names } };
  const { environment, cdb, descriptors, data, dataIn, validated, target, kind } = command;
  return new RunningCommand({ environment, cdb, attributes, descriptors, data, dataIn, validated, target, kind });
}

function writeList(command: RunningCommand, listing: Listing, names: readonly AttributeName[] | null): void {
  const { cdb, environment } = command;
  const open = cdb.listIdentifier === 0 ? null : environment.lists.find(cdb.listIdentifier, listing.source);
  if (cdb.listIdentifier !== 0 && open === null) throw invalidCdbField(CDB.listIdentifier);
  const room = command.dataIn.room(cdb.length).length;
  if (room < HEADER_LENGTH) return;
  const { descriptors, lengthBytes, next } = collect(command, listing, names, room - HEADER_LENGTH);
  let identifier = cdb.listIdentifier;
  if (next === null && identifier !== 0) environment.lists.end(identifier);
  if (next === null) identifier = 0;
  else if (identifier === 0) identifier = environment.lists.begin(listing.source);
  const header = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(HEADER_LENGTH - ID_LENGTH + lengthBytes));
  view.setBigUint64(8, next ?? 0n);
  view.setUint32(16, identifier);
  const format = descriptorFormat[listing.kind] + (names === null ? 0 : 1);
  header[23] = (format << FORMAT_SHIFT) | (open?.hasChanged === true ? LSTCHG_BIT : 0);
  command.dataIn.setData(Buffer.concat([header, ...descriptors]), cdb.length);
}

/** As many object descriptors as have room, and where the list goes on. */
function collect(command: RunningCommand, listing: Listing, names: readonly AttributeName[] | null, room: number) {
  const descriptors: Uint8Array[] = [];
  let lengthBytes = 0;
  let from: bigint | null = command.cdb.initialObjectId;
  while (from !== null) {
    const page: IdPage = listing.next(from, Math.max(1, Math.min(STEP_COUNT_MAX, Math.floor((room - lengthBytes) / ID_LENGTH))));
    for (const id of page.ids) {
      const descriptor = describe(command, listing, id, names, room);
      if (lengthBytes + descriptor.length > room) return { descriptors, lengthBytes, next: id };
      descriptors.push(descriptor);
      lengthBytes += descriptor.length;
    }
    from = page.next;
  }
  return { descriptors, lengthBytes, next: null };
}

function describe(command: RunningCommand, { kind, source }: Listing, id: bigint, names: readonly AttributeName[] | null, room: number): Uint8Array {
  const name: ObjectName = kind === 'partition' ? { partitionId: id, objectId: 0n } : { partitionId: source.partitionId, objectId: id };
  if (names !== null) return encodeObjectAttributes(listedAttributes(command, name, kind, names, room));
  const bytes = new Uint8Array(ID_LENGTH);
  new DataView(bytes.buffer).setBigUint64(0, id);
  return bytes;
}

function checkList(cdb: OsdCdb): void {
  if ((cdb.specific & SORT_ORDER_MASK) !== 0) throw invalidCdbField(CDB.specific, SORT_ORDER_BIT);
  // A page as a whole has no place in a list.
  if ((cdb.specific & LIST_ATTR_BIT) !== 0 && cdb.attributesFormat !== AttributesFormat.list) throw invalidCdbField(CDB.specific, LIST_ATTR_BIT_NUMBER);
  if (cdb.length !== 0 && cdb.length < HEADER_LENGTH) throw invalidCdbField(CDB.length);
}

export const listCommands: readonly CommandDefinition[] = [
  {
    serviceAction: ServiceAction.list,
    name: 'LIST',
    specificMask: LIST_ATTR_BIT | SORT_ORDER_MASK,
    fields: [[CDB.partitionId, 8], ALLOCATION_LENGTH, INITIAL_OBJECT_ID, LIST_IDENTIFIER],
    changes: false,
    attributeFunctions: 'never',
    check: checkList,
    dataInLength: (cdb) => cdb.length,
    object: (cdb, store) => (cdb.partitionId === 0n ? theRoot() : thePartition(cdb, store)),
    permissions: () => Permission.read,
    run: list,
  },
  {
    serviceAction: ServiceAction.listCollection,
    name: 'LIST COLLECTION',
    specificMask: LIST_ATTR_BIT,
    fields: [[CDB.partitionId, 16], ALLOCATION_LENGTH, INITIAL_OBJECT_ID, LIST_IDENTIFIER],
    changes: false,
    attributeFunctions: 'never',
    check: checkList,
    dataInLength: (cdb) => cdb.length,
    object: (cdb, store) => (isAssignable(cdb.objectId) ? theCollection(cdb, store) : ofPartition(cdb, thePartition(cdb, store))),
    permissions: () => Permission.read,
    run: list,
  },
];

/** Collection 0 stands for the collections of the partition. */
function ofPartition<T>(cdb: OsdCdb, partition: T): T {
  if (cdb.objectId !== 0n) throw invalidCdbField(CDB.objectId);
  return partition;
}
