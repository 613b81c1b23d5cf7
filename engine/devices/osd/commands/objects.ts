import { invalidCdbField } from '../protocol/command-failure.js';
import { isAssignable, partitionName } from '../protocol/object-id.js';
import { CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { type ObjectKind, type ObjectName, type ObjectStore, ROOT_NAME } from '../store/object-store.js';

/** How service actions find their objects: what is not there, or is something else, is a wrong field of the CDB. */

interface Found {
  readonly kind: ObjectKind;
  readonly name: ObjectName;
  readonly creates?: boolean;
}

export const theRoot = (): Found => ({ kind: 'root', name: ROOT_NAME });

export function thePartition(cdb: OsdCdb, store: ObjectStore): Found {
  const name = partitionName(cdb.partitionId);
  if (!isAssignable(cdb.partitionId) || store.kindOf(name) !== 'partition') throw invalidCdbField(CDB.partitionId);
  return { kind: 'partition', name };
}

function inPartition(cdb: OsdCdb, store: ObjectStore, kind: 'user' | 'collection'): Found {
  thePartition(cdb, store);
  const name = { partitionId: cdb.partitionId, objectId: cdb.objectId };
  if (cdb.objectId === 0n || store.kindOf(name) !== kind) throw invalidCdbField(CDB.objectId);
  return { kind, name };
}

export const theUserObject = (cdb: OsdCdb, store: ObjectStore): Found => inPartition(cdb, store, 'user');
export const theCollection = (cdb: OsdCdb, store: ObjectStore): Found => inPartition(cdb, store, 'collection');

/** Of whatever kind: root, partition, collection or user object. */
export function anyObject(cdb: OsdCdb, store: ObjectStore): Found {
  if (cdb.partitionId === 0n) {
    if (cdb.objectId !== 0n) throw invalidCdbField(CDB.objectId);
    return theRoot();
  }
  const partition = thePartition(cdb, store);
  if (cdb.objectId === 0n) return partition;
  const name = { partitionId: cdb.partitionId, objectId: cdb.objectId };
  const kind = store.kindOf(name);
  if (kind === null) throw invalidCdbField(CDB.objectId);
  return { kind, name };
}

/** One that is about to be created: its number is the initiator's wish, or zero for any. */
export function newObject(kind: 'user' | 'collection'): (cdb: OsdCdb, store: ObjectStore) => Found {
  return (cdb, store) => {
    thePartition(cdb, store);
    if (cdb.objectId !== 0n && !isAssignable(cdb.objectId)) throw invalidCdbField(CDB.objectId);
    return { kind, name: { partitionId: cdb.partitionId, objectId: cdb.objectId }, creates: true };
  };
}

export function newPartition(cdb: OsdCdb, store: ObjectStore): Found {
  if (cdb.partitionId !== 0n && (!isAssignable(cdb.partitionId) || store.kindOf(partitionName(cdb.partitionId)) !== null))
    throw invalidCdbField(CDB.partitionId);
  return { kind: 'partition', name: partitionName(cdb.partitionId), creates: true };
}
