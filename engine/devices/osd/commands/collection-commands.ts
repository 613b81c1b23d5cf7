import { isPageOf } from '../attributes/attribute-page.js';
import { ObjectAttributes } from '../attributes/object-attributes.js';
import { encodeMultiObjectList, type ObjectAttributes as ListedAttributes } from '../protocol/attribute-list.js';
import { invalidCdbField, invalidListField } from '../protocol/command-failure.js';
import { DescriptorType, parseQueryList, type QueryCriterion } from '../protocol/continuation.js';
import { isAssignable } from '../protocol/object-id.js';
import { AttributesFormat, CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import type { AttributeCriterion, ObjectName, ObjectStore } from '../store/object-store.js';
import { listedAttributes, setAttributesOf } from './attribute-functions.js';
import type { CommandDefinition } from './definition.js';
import { theCollection, thePartition } from './objects.js';
import type { RunningCommand } from './running-command.js';

const OBJECT = [CDB.partitionId, 16] as const;
const MATCHES_COLLECTION_ID_AT = CDB.startingByte;
const ID_LENGTH = 8;
const MEMBER_STEP_COUNT = 1024;
const FORMAT_BIT = 5;

/*
 * QUERY parameter data, OSD-2 "QUERY command".
 *
 *      0| Additional Length (8)                       |
 *      8| Reserved (3) | Object Descriptor Format . 0 |
 *     12/ User object IDs                             /
 */
const QUERY_HEADER_LENGTH = 12;
const USER_OBJECT_FORMAT = 0x21 << 2;
const QUERY_STEP_EXAMINED = 4096;

function query(command: RunningCommand): void {
  const { cdb, store, descriptors, environment } = command;
  const listDescriptor = descriptors.find(({ type }) => type === DescriptorType.queryList);
  // Without conditions there is nothing to ask.
  if (listDescriptor === undefined) throw invalidCdbField(CDB.continuationLength);
  const { mode, criteria } = parseQueryList(listDescriptor);
  for (const { page } of criteria) if (!isPageOf('user', page)) throw invalidListField(listDescriptor.at);
  const matchesCollectionId = cdb.view.getBigUint64(MATCHES_COLLECTION_ID_AT);
  if (matchesCollectionId !== 0n && store.kindOf({ partitionId: cdb.partitionId, objectId: matchesCollectionId }) !== 'collection')
    throw invalidCdbField(MATCHES_COLLECTION_ID_AT);
  const room = Math.floor((command.dataIn.room(cdb.length).length - QUERY_HEADER_LENGTH) / ID_LENGTH);
  const ids: bigint[] = [];
  let matchCount = 0;
  for (let from: bigint | null = 0n; from !== null; ) {
    const step: ReturnType<ObjectStore['query']> = store.query({
      partitionId: cdb.partitionId,
      collectionId: cdb.objectId === 0n ? null : cdb.objectId,
      from,
      criteria: criteria.map(criterionOf),
      mode,
      countMax: MEMBER_STEP_COUNT,
      examinedCountMax: QUERY_STEP_EXAMINED,
      computed: (name, page, number) => standardValue(store, environment.facts, name, page, number),
    });
    for (const id of step.matches) {
      if (ids.length < room) ids.push(id);
      if (matchesCollectionId !== 0n) store.join({ partitionId: cdb.partitionId, objectId: id }, matchesCollectionId);
    }
    matchCount += step.matches.length;
    from = step.next;
  }
  if (matchesCollectionId !== 0n && matchCount > 0) environment.lists.noteChange(cdb.partitionId);
  command.dataIn.setData(queryData(ids, matchCount), cdb.length);
}

function queryData(ids: readonly bigint[], matchCount: number): Uint8Array {
  const bytes = new Uint8Array(QUERY_HEADER_LENGTH + ids.length * ID_LENGTH);
  const view = new DataView(bytes.buffer);
  // Of all matches, also of those that had no room.
  view.setBigUint64(0, BigInt(QUERY_HEADER_LENGTH - ID_LENGTH + matchCount * ID_LENGTH));
  bytes[11] = USER_OBJECT_FORMAT;
  for (const [index, id] of ids.entries()) view.setBigUint64(QUERY_HEADER_LENGTH + index * ID_LENGTH, id);
  return bytes;
}

/** Values are compared as strings of bytes; an attribute that is not there matches nothing. */
function criterionOf({ page, number, min, max }: QueryCriterion): AttributeCriterion {
  return {
    pageNumber: page,
    attributeNumber: number,
    matches: (value) => value !== null && (min.length === 0 || Buffer.compare(value, min) >= 0) && (max.length === 0 || Buffer.compare(value, max) <= 0),
  };
}

const STANDARD_PAGE_MAX = 0x7f;
function standardValue(store: ObjectStore, facts: ObjectAttributes['facts'], name: ObjectName, page: number, number: number): Uint8Array | null | undefined {
  return page > STANDARD_PAGE_MAX ? undefined : new ObjectAttributes(store, facts, name, 'user').get(page, number);
}

/** The user objects in the collection of the command. They are collected before anything is changed: what is done to them may take them out of it. */
function membersOf({ store, target }: RunningCommand): ObjectName[] {
  const members: ObjectName[] = [];
  for (let from: bigint | null = 0n; from !== null; ) {
    const page: ReturnType<ObjectStore['listMembers']> = store.listMembers(target, { from, countMax: MEMBER_STEP_COUNT });
    for (const objectId of page.ids) members.push({ partitionId: target.partitionId, objectId });
    from = page.next;
  }
  return members;
}

/** Attributes of the collection first, when some were asked for, then those of each member. */
function getMemberAttributes(command: RunningCommand): void {
  const { get, retrieved } = command.attributes;
  if (get === null || 'page' in get || retrieved === null) return;
  const ofCollection = get.names.filter(({ page }) => isPageOf('collection', page));
  const ofMembers = get.names.filter(({ page }) => isPageOf('user', page));
  const stray = get.names.find(({ page }) => !isPageOf('collection', page) && !isPageOf('user', page));
  if (stray !== undefined) throw invalidListField(0, [stray]);
  const room = retrieved.lengthBytes;
  const objects: ListedAttributes[] = [];
  if (ofCollection.length > 0) objects.push(listedAttributes(command, command.target, 'collection', ofCollection, room));
  let lengthBytes = 0;
  for (const member of membersOf(command)) {
    if (ofMembers.length === 0 || lengthBytes > room) break;
    const listed = listedAttributes(command, member, 'user', ofMembers, room);
    lengthBytes += listed.entries.reduce((sum, { value }) => sum + ID_LENGTH * 2 + (value?.length ?? 0), ID_LENGTH * 2);
    objects.push(listed);
  }
  command.dataIn.setRetrieved(encodeMultiObjectList(objects), retrieved);
}

function setMemberAttributes(command: RunningCommand): void {
  const { sets } = command.attributes;
  const ofCollection = sets.filter(({ page }) => isPageOf('collection', page));
  const ofMembers = sets.filter(({ page }) => !isPageOf('collection', page));
  if (ofCollection.length > 0) setAttributesOf(command, command.target, 'collection', ofCollection);
  if (ofMembers.length > 0) for (const member of membersOf(command)) setAttributesOf(command, member, 'user', ofMembers);
}

/** The list formats alone tell attributes of members apart. */
function checkListFormat(cdb: OsdCdb): void {
  if (cdb.attributesFormat !== AttributesFormat.list) throw invalidCdbField(CDB.specific, FORMAT_BIT);
}

/** Commands about all user objects in a collection. */
export const collectionCommands: readonly CommandDefinition[] = [
  {
    serviceAction: ServiceAction.query,
    name: 'QUERY',
    fields: [OBJECT, [CDB.length, 8], [MATCHES_COLLECTION_ID_AT, 8]],
    continues: true,
    // With a matches collection it adds to that.
    changes: (cdb) => cdb.view.getBigUint64(MATCHES_COLLECTION_ID_AT) !== 0n,
    check(cdb) {
      if (cdb.length !== 0 && cdb.length < QUERY_HEADER_LENGTH) throw invalidCdbField(CDB.length);
    },
    dataInLength: (cdb) => cdb.length,
    object(cdb, store) {
      if (isAssignable(cdb.objectId)) return theCollection(cdb, store);
      if (cdb.objectId !== 0n) throw invalidCdbField(CDB.objectId);
      return thePartition(cdb, store);
    },
    permissions: () => Permission.query,
    run: query,
  },
  {
    serviceAction: ServiceAction.removeMemberObjects,
    name: 'REMOVE MEMBER OBJECTS',
    fields: [OBJECT],
    changes: true,
    object: theCollection,
    permissions: () => Permission.multiObject | Permission.remove,
    run(command) {
      for (const member of membersOf(command)) command.store.removeUserObject(member);
      command.environment.lists.noteChange(command.target.partitionId);
    },
  },
  {
    serviceAction: ServiceAction.getMemberAttributes,
    name: 'GET MEMBER ATTRIBUTES',
    fields: [OBJECT],
    changes: false,
    attributeFunctions: 'never',
    check: checkListFormat,
    object: theCollection,
    permissions: () => Permission.multiObject | Permission.getAttributes,
    run(command) {
      getMemberAttributes(command);
      setMemberAttributes(command);
    },
  },
  {
    serviceAction: ServiceAction.setMemberAttributes,
    name: 'SET MEMBER ATTRIBUTES',
    fields: [OBJECT],
    changes: true,
    attributeFunctions: 'never',
    check: checkListFormat,
    object: theCollection,
    permissions: () => Permission.multiObject | Permission.setAttributes,
    run(command) {
      setMemberAttributes(command);
      getMemberAttributes(command);
    },
  },
];
