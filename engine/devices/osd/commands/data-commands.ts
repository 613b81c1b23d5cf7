import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { CommandFailure, invalidCdbField, invalidListField } from '../protocol/command-failure.js';
import { DescriptorType, parseScatterGather } from '../protocol/continuation.js';
import { CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import { noteAccess } from './attribute-functions.js';
import type { CommandDefinition } from './definition.js';
import { newObject, theUserObject } from './objects.js';
import type { RunningCommand } from './running-command.js';

const LENGTH = [CDB.length, 8] as const;
const STARTING_BYTE = [CDB.startingByte, 8] as const;
const OBJECT = [CDB.partitionId, 16] as const;
const ID_BYTES = 2n ** 64n;

const rangeOf = (cdb: OsdCdb) => {
  const start = cdb.view.getBigUint64(CDB.startingByte);
  return { start, end: start + cdb.view.getBigUint64(CDB.length) };
};

/** A range that ends behind what 64 bits can count is none. */
function checkRange(cdb: OsdCdb): void {
  if (rangeOf(cdb).end > ID_BYTES) throw invalidCdbField(CDB.length);
}

/** The pieces of the object that data goes to or comes from: one, or those of the scatter/gather list, which have to be as long as LENGTH says. */
function pieces(command: RunningCommand): { readonly offsetBytes: bigint; readonly lengthBytes: number }[] {
  const { cdb, descriptors } = command;
  const list = descriptors.find(({ type }) => type === DescriptorType.scatterGatherList);
  const start = cdb.view.getBigUint64(CDB.startingByte);
  if (list === undefined) return [{ offsetBytes: start, lengthBytes: cdb.length }];
  const ranges = parseScatterGather(list);
  const sum = ranges.reduce((total, { lengthBytes }) => total + lengthBytes, 0n);
  if (sum !== cdb.view.getBigUint64(CDB.length)) throw invalidListField(list.at);
  return ranges.map(({ offsetBytes, lengthBytes }) => ({ offsetBytes: start + offsetBytes, lengthBytes: Number(lengthBytes) }));
}

function writePieces(command: RunningCommand): void {
  let at = 0;
  for (const { offsetBytes, lengthBytes } of pieces(command)) {
    if (lengthBytes > 0) command.store.write(command.target, offsetBytes, command.data.subarray(at, at + lengthBytes));
    at += lengthBytes;
  }
  flushIfForced(command);
}

const FORCE_UNIT_ACCESS = 0x08;
export function flushIfForced(command: RunningCommand): void {
  if ((command.cdb.options & FORCE_UNIT_ACCESS) !== 0) command.flushAfter = { kind: 'object', name: command.target, data: true };
}

function read(command: RunningCommand): void {
  const room = command.dataIn.room(command.cdb.length);
  let at = 0;
  let isShort = false;
  let validBytes = 0;
  for (const { offsetBytes, lengthBytes } of pieces(command)) {
    const into = room.subarray(at, at + lengthBytes);
    const got = command.store.read(command.target, offsetBytes, into);
    // What there was of the last piece ends the data; zeros between pieces are data.
    if (got > 0) validBytes = at + got;
    if (got < into.length) isShort = true;
    at += lengthBytes;
  }
  // Zeros behind the end go with the data: Linux (pNFS, exofs) takes its buffer as read when the sense key is RECOVERED ERROR.
  command.dataIn.setDataLength(room.length);
  if (isShort) {
    const details = { commandSpecific: validBytes };
    command.recovered = new CommandFailure(SenseKey.recoveredError, Asc.readPastEndOfUserObject, details);
  }
  noteAccess(command, command.target, 'data');
}

const MAP_HEADER_LENGTH = 8;
const MAP_DESCRIPTOR_LENGTH = 16;
/** One descriptor has a length of 32 bits: longer extents take several. */
const MAP_EXTENT_LENGTH_MAX = 0xffff_f000n;
const MapType = { all: 0x0000, written: 0x0001, hole: 0x0002, damagedData: 0x0003, damagedAttributes: 0x8000 } as const;
const MAP_STEP_COUNT = 256;

/*
 * READ MAP parameter data, OSD-2 "READ MAP command".
 *
 *     0| Additional Length (8)                                      |
 *     8| Reserved (2) | Map Type (2) | Length (4) | Byte offset (8) | and so on
 */
function readMap(command: RunningCommand): void {
  const { cdb, store, target } = command;
  const wanted = cdb.view.getUint16(CDB.requestedMapType);
  const room = Math.floor((Math.min(cdb.length, command.dataIn.room(cdb.length).length) - MAP_HEADER_LENGTH) / MAP_DESCRIPTOR_LENGTH);
  const descriptors: Uint8Array[] = [];
  for (let from: bigint | null = cdb.view.getBigUint64(CDB.startingByte); from !== null && descriptors.length < room; ) {
    const step: ReturnType<typeof store.map> = store.map(target, from, MAP_STEP_COUNT);
    for (const { kind, offsetBytes, lengthBytes } of step.extents) {
      const type = kind === 'written' ? MapType.written : MapType.hole;
      if (wanted !== MapType.all && wanted !== type) continue;
      for (let done = 0n; done < lengthBytes && descriptors.length < room; done += MAP_EXTENT_LENGTH_MAX) {
        const rest = lengthBytes - done;
        descriptors.push(mapDescriptor(type, offsetBytes + done, rest < MAP_EXTENT_LENGTH_MAX ? rest : MAP_EXTENT_LENGTH_MAX));
      }
    }
    from = step.next;
  }
  const header = new Uint8Array(MAP_HEADER_LENGTH);
  new DataView(header.buffer).setBigUint64(0, BigInt(descriptors.length * MAP_DESCRIPTOR_LENGTH));
  command.dataIn.setData(Buffer.concat([header, ...descriptors]), cdb.length);
  noteAccess(command, target);
}

function mapDescriptor(type: number, offsetBytes: bigint, lengthBytes: bigint): Uint8Array {
  const bytes = new Uint8Array(MAP_DESCRIPTOR_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, type);
  view.setUint32(4, Number(lengthBytes));
  view.setBigUint64(8, offsetBytes);
  return bytes;
}

/** A command that changes a range of an object, as far as that is not empty. */
function rangeCommand(serviceAction: number, name: string, change: (command: RunningCommand, start: bigint, lengthBytes: bigint) => void): CommandDefinition {
  return {
    serviceAction,
    name,
    fields: [OBJECT, LENGTH, STARTING_BYTE],
    changes: true,
    check: checkRange,
    object: theUserObject,
    permissions: () => Permission.write,
    range: rangeOf,
    run(command) {
      const { start, end } = rangeOf(command.cdb);
      if (end > start) change(command, start, end - start);
      flushIfForced(command);
    },
  };
}

/** The commands that move or change the bytes of user objects. */
export const dataCommands: readonly CommandDefinition[] = [
  {
    serviceAction: ServiceAction.read,
    name: 'READ',
    fields: [OBJECT, LENGTH, STARTING_BYTE],
    continues: true,
    changes: false,
    check: checkRange,
    dataInLength: (cdb) => cdb.length,
    isDataInExact: true,
    object: theUserObject,
    permissions: () => Permission.read,
    range: rangeOf,
    run: read,
  },
  {
    serviceAction: ServiceAction.write,
    name: 'WRITE',
    fields: [OBJECT, LENGTH, STARTING_BYTE],
    continues: true,
    changes: true,
    check: checkRange,
    dataOutLength: (cdb) => cdb.length,
    object: theUserObject,
    permissions: () => Permission.write,
    range: rangeOf,
    run: writePieces,
  },
  {
    serviceAction: ServiceAction.append,
    name: 'APPEND',
    fields: [OBJECT, LENGTH],
    changes: true,
    dataOutLength: (cdb) => cdb.length,
    object: theUserObject,
    permissions: () => Permission.append,
    run(command) {
      command.appendedAt = command.store.append(command.target, command.data);
      flushIfForced(command);
    },
  },
  {
    serviceAction: ServiceAction.createAndWrite,
    name: 'CREATE AND WRITE',
    fields: [OBJECT, LENGTH, STARTING_BYTE],
    continues: true,
    changes: true,
    check: checkRange,
    dataOutLength: (cdb) => cdb.length,
    object: newObject('user'),
    permissions: () => Permission.create | Permission.write,
    run(command) {
      createUserObjects(command, 1);
      writePieces(command);
    },
  },
  rangeCommand(ServiceAction.clear, 'CLEAR', ({ store, target }, start, lengthBytes) => store.clear(target, start, lengthBytes)),
  rangeCommand(ServiceAction.punch, 'PUNCH', ({ store, target }, start, lengthBytes) => store.punch(target, start, lengthBytes)),
  {
    serviceAction: ServiceAction.readMap,
    name: 'READ MAP',
    fields: [OBJECT, LENGTH, STARTING_BYTE, [CDB.requestedMapType, 2]],
    changes: false,
    check(cdb) {
      const types: readonly number[] = Object.values(MapType);
      if (!types.includes(cdb.view.getUint16(CDB.requestedMapType))) throw invalidCdbField(CDB.requestedMapType);
      if (cdb.length !== 0 && cdb.length < MAP_HEADER_LENGTH + MAP_DESCRIPTOR_LENGTH) throw invalidCdbField(CDB.length);
    },
    dataInLength: (cdb) => cdb.length,
    object: theUserObject,
    permissions: () => Permission.read,
    run: readMap,
  },
];

/** Makes user objects of the command's target: the number that was wished for, or the next that is free. */
export function createUserObjects(command: RunningCommand, count: number): void {
  const { store, cdb } = command;
  const firstId = store.createUserObjects(cdb.partitionId, cdb.objectId === 0n ? null : cdb.objectId, count);
  command.target = { partitionId: cdb.partitionId, objectId: firstId };
  command.objectCount = count;
  command.environment.lists.noteChange(cdb.partitionId);
  inheritPolicyTag(command);
}

const PARTITION_POLICY_PAGE = 0x3000_0005;
const USER_POLICY_PAGE = 5;
const USER_OBJECT_POLICY_ACCESS_TAG = 0x4000_0002;
const POLICY_ACCESS_TAG = 0x4000_0001;

/** New user objects begin with the tag that their partition has for them. OSD-2 "Partition Policy/Security attributes page". */
function inheritPolicyTag({ store, target, objectCount }: RunningCommand): void {
  const tag = store.attribute({ partitionId: target.partitionId, objectId: 0n }, PARTITION_POLICY_PAGE, USER_OBJECT_POLICY_ACCESS_TAG);
  if (tag === null) return;
  for (let index = 0; index < objectCount; index++)
    store.setAttribute({ ...target, objectId: target.objectId + BigInt(index) }, USER_POLICY_PAGE, POLICY_ACCESS_TAG, tag);
}
