import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { ALL, CURRENT_COMMAND_PAGE, isPageOf, PAGE_BASE, readUint, StandardPage, uint } from '../attributes/attribute-page.js';
import type { ObjectAttributes } from '../attributes/object-attributes.js';
import { isCollectionPointer } from '../attributes/user-object-pages.js';
import {
  type AttributeEntry,
  encodeMultiObjectList,
  encodeValueList,
  type ObjectAttributes as ListedAttributes,
  type SetEntry,
  VALUE_ENTRY_HEADER_LENGTH,
} from '../protocol/attribute-list.js';
import type { AttributeRequest } from '../protocol/attribute-request.js';
import { type AttributeName, CommandFailure, invalidCdbField, invalidListField } from '../protocol/command-failure.js';
import { objectTypeOf } from '../protocol/object-id.js';
import { CDB } from '../protocol/osd-cdb.js';
import { Permission } from '../security/capability.js';
import { type ObjectKind, type ObjectName, ObjectStoreFault } from '../store/object-store.js';
import { CURRENT_COMMAND_NUMBERS, type RunningCommand } from './running-command.js';

/** Page number and page length before a page that is returned as a whole. */
const PAGE_HEADER_LENGTH = 8;
/** The page number of the answer for a page that the object does not have, with a length of zero. OSD-2 "Null attributes page". */
const NULL_PAGE = 0xffff_ffff;
const GET_PAGE_AT = CDB.attributes;

/** The permissions that the embedded functions need of the capability. */
export function attributePermissions(request: AttributeRequest): number {
  const sets = request.sets.length > 0 ? Permission.setAttributes : 0;
  const policy = request.sets.some(({ page }) => isPolicyPage(page)) ? Permission.policySecurity : 0;
  return sets | policy | (readsAttributes(request) ? Permission.getAttributes : 0);
}

/** The Current Command page is of the command, not of an object: it takes no permission. */
function readsAttributes({ get }: AttributeRequest): boolean {
  if (get === null) return false;
  return 'page' in get ? get.page !== CURRENT_COMMAND_PAGE : get.names.some(({ page }) => page !== CURRENT_COMMAND_PAGE);
}

function isPolicyPage(page: number): boolean {
  return page === PAGE_BASE.partition + StandardPage.attributesAccess || Object.values(PAGE_BASE).some((base) => page === base + StandardPage.policySecurity);
}

/** All that the command sets and gets; a page as a whole, or the attributes of all pages, stand with ALL in their place. */
export function attributeNames({ sets, get }: AttributeRequest): AttributeName[] {
  const got = get === null ? [] : 'page' in get ? [{ page: get.page, number: ALL }] : get.names;
  return [...sets, ...got].filter(({ page }) => page !== CURRENT_COMMAND_PAGE);
}

/** The names of the objects that CREATE made, or the one object of other commands. */
function* targetsOf(command: RunningCommand): Iterable<ObjectName> {
  for (let index = 0; index < command.objectCount; index++) yield { ...command.target, objectId: command.target.objectId + BigInt(index) };
}

/**
 * What can be known beforehand of the attributes that come with a command is judged before the command does anything: bytes that it has written into an object
 * that was there would not be undone. Left to be found out is what the space and the quotas say.
 */
export function checkAttributes(command: RunningCommand): void {
  const { sets, get } = command.attributes;
  const attributes = command.attributesOf(command.target, command.kind);
  for (const entry of sets) {
    if (attributes.judge(entry.page, entry.number, entry.value.length) === null || !namesCollection(command, entry)) throw badSet(command, entry);
  }
  if (get === null) return;
  if ('names' in get) for (const name of get.names) checkIsGettable(name, command.kind);
  else if (get.page !== CURRENT_COMMAND_PAGE && !attributes.mayHavePage(get.page)) throw invalidCdbField(GET_PAGE_AT);
}

const COLLECTIONS_PAGE = PAGE_BASE.user + StandardPage.collections;

/** True of everything that is no collection pointer, or one to nothing. */
function namesCollection({ store, target: { partitionId } }: RunningCommand, { page, number, value }: SetEntry): boolean {
  if (page !== COLLECTIONS_PAGE) return true;
  if (!isCollectionPointer(number, value.length)) return false;
  const objectId = readUint(value);
  return objectId === 0n || store.kindOf({ partitionId, objectId }) === 'collection';
}

/** Sets the attributes of the command's object, or of each of those that it created. */
export function setAttributes(command: RunningCommand): void {
  if (command.attributes.sets.length === 0) return;
  for (const name of targetsOf(command)) setAttributesOf(command, name, command.kind, command.attributes.sets);
}

export function setAttributesOf(command: RunningCommand, name: ObjectName, kind: ObjectKind, sets: readonly SetEntry[]): void {
  const attributes = command.attributesOf(name, kind);
  for (const entry of sets) {
    if (attributes.judge(entry.page, entry.number, entry.value.length) === null) throw badSet(command, entry);
    try {
      attributes.set(entry.page, entry.number, entry.value);
    } catch (error) {
      // The value itself was no good: the sense data say which attribute it was for.
      if (error instanceof CommandFailure || isAboutValue(error)) throw badSet(command, entry);
      throw error;
    }
  }
  if (sets.some(({ page }) => page === COLLECTIONS_PAGE)) command.environment.lists.noteChange(name.partitionId);
}

/** A collection that is not there, or a length that no object can have. */
function isAboutValue(error: unknown): boolean {
  const faults: readonly string[] = ['not-found', 'wrong-kind', 'already-member', 'too-long'];
  return error instanceof ObjectStoreFault && faults.includes(error.fault);
}

function badSet(command: RunningCommand, entry: SetEntry): CommandFailure {
  const blame = [{ page: entry.page, number: entry.number }];
  if (!command.attributes.setsFromCdb) return invalidListField(entry.at, blame);
  return new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInCdb, { fieldPointer: { byte: entry.at, inCdb: true } }, blame);
}

/** Returns the attributes that the command asks for, as a page or as a list. */
export function getAttributes(command: RunningCommand): void {
  const { get, retrieved } = command.attributes;
  if (get === null) return;
  if ('page' in get) {
    // Several objects have no page together.
    if (command.objectCount > 1 && get.page !== CURRENT_COMMAND_PAGE) throw invalidCdbField(GET_PAGE_AT);
    if (retrieved !== null) command.dataIn.setRetrieved(pageOf(command, get.page), retrieved);
    return;
  }
  for (const name of get.names) checkIsGettable(name, command.kind);
  if (retrieved === null) return;
  const room = retrieved.lengthBytes;
  if (command.objectCount === 1) {
    command.dataIn.setRetrieved(encodeValueList(entriesOf(command, command.target, command.kind, get.names, room)), retrieved);
  } else {
    const objects = Array.from(targetsOf(command), (name) => listedAttributes(command, name, command.kind, get.names, room));
    command.dataIn.setRetrieved(encodeMultiObjectList(objects), retrieved);
  }
  noteAccess(command, command.target);
}

/** The attributes of one object in a list of several. */
export function listedAttributes(command: RunningCommand, name: ObjectName, kind: ObjectKind, names: readonly AttributeName[], room: number): ListedAttributes {
  return {
    objectId: kind === 'partition' ? name.partitionId : name.objectId,
    objectType: objectTypeOf(kind),
    entries: entriesOf(command, name, kind, names, room),
  };
}

/** The attributes that were asked for, as far as they may have room. */
function entriesOf(command: RunningCommand, name: ObjectName, kind: ObjectKind, names: readonly AttributeName[], room: number): AttributeEntry[] {
  const attributes = command.attributesOf(name, kind);
  const entries: AttributeEntry[] = [];
  let lengthBytes = 0;
  for (const asked of names) {
    for (const entry of selected(command, attributes, asked)) {
      entries.push(entry);
      lengthBytes += VALUE_ENTRY_HEADER_LENGTH + (entry.value?.length ?? 0);
      // What comes behind would be cut off anyhow, and there may be much of it.
      if (lengthBytes > room) return entries;
    }
  }
  return entries;
}

function* selected(command: RunningCommand, attributes: ObjectAttributes, asked: AttributeName): Iterable<AttributeEntry> {
  if (asked.page !== CURRENT_COMMAND_PAGE) {
    yield* attributes.select(asked);
    return;
  }
  const numbers = asked.number === ALL ? CURRENT_COMMAND_NUMBERS : [asked.number];
  for (const number of numbers) yield { page: CURRENT_COMMAND_PAGE, number, value: command.currentCommand(number) };
}

/** A page of another kind of object is none that this one could have. */
function checkIsGettable(name: AttributeName, kind: ObjectKind): void {
  if (name.page !== ALL && name.page !== CURRENT_COMMAND_PAGE && !isPageOf(kind, name.page)) throw invalidListField(0, [name]);
}

function pageOf(command: RunningCommand, page: number): Uint8Array {
  if (page === CURRENT_COMMAND_PAGE) return withHeader(page, command.currentCommandPage());
  const attributes = command.attributesOf(command.target, command.kind);
  if (!attributes.mayHavePage(page)) throw invalidCdbField(GET_PAGE_AT);
  const body = attributes.format(page);
  if (body === 'no-format') throw invalidCdbField(GET_PAGE_AT);
  noteAccess(command, command.target);
  return body === null ? withHeader(NULL_PAGE, new Uint8Array(0)) : withHeader(page, body);
}

function withHeader(page: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PAGE_HEADER_LENGTH + body.length);
  bytes.set(uint(page, 4), 0);
  bytes.set(uint(body.length, 4), 4);
  bytes.set(body, PAGE_HEADER_LENGTH);
  return bytes;
}

const BYPASS = 0x7f;
export function noteAccess(command: RunningCommand, name: ObjectName, what: 'attributes' | 'data' = 'attributes'): void {
  if (command.cdb.timestampsControl !== BYPASS) command.store.noteAccess(name, what);
}
