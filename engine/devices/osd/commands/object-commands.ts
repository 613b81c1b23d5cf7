import { invalidCdbField } from '../protocol/command-failure.js';
import { partitionName } from '../protocol/object-id.js';
import { CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import { keyName } from '../security/key-store.js';
import { createUserObjects } from './data-commands.js';
import type { CommandDefinition } from './definition.js';
import { anyObject, newObject, newPartition, theCollection, thePartition, theRoot, theUserObject } from './objects.js';

const PARTITION = [CDB.partitionId, 8] as const;
const OBJECT = [CDB.partitionId, 16] as const;
const NUMBER_OF_USER_OBJECTS_AT = 32;
const FORCE_COLLECTION_REMOVAL_BIT = 0x01;
const REMOVE_SCOPE_MASK = 0x07;
const RemoveScope = { empty: 0, everything: 1 } as const;
const REMOVE_SCOPE_BIT = 2;
const FLUSH_SCOPE_MASK = 0x03;
const FLUSH_SCOPE_BIT = 1;
const FlushScope = { contents: 0, attributes: 1, everything: 2 } as const;

const numberOfUserObjects = (cdb: OsdCdb) => cdb.view.getUint16(NUMBER_OF_USER_OBJECTS_AT);
const removeScope = (cdb: OsdCdb) => cdb.specific & REMOVE_SCOPE_MASK;
const flushScope = (cdb: OsdCdb) => cdb.options & FLUSH_SCOPE_MASK;

function checkFlushScope(cdb: OsdCdb): void {
  if (flushScope(cdb) > FlushScope.everything) throw invalidCdbField(CDB.options, FLUSH_SCOPE_BIT);
}

const flush = {
  changes: false,
  optionsMask: FLUSH_SCOPE_MASK,
  standsAlone: true,
  check: checkFlushScope,
  permissions: () => Permission.objectManagement,
} as const;

/** Commands that make, remove and flush objects, and those that are for attributes alone. */
export const objectCommands: readonly CommandDefinition[] = [
  {
    serviceAction: ServiceAction.formatOsd,
    name: 'FORMAT OSD',
    fields: [[CDB.length, 8]],
    changes: true,
    standsAlone: true,
    object: theRoot,
    permissions: () => Permission.objectManagement | Permission.global,
    run({ cdb, store, environment }) {
      // Rounded up: the device has the capacity that it has. OSD-2 "FORMAT OSD command".
      if (BigInt(cdb.length) > store.capacity().totalBytes) throw invalidCdbField(CDB.length);
      store.format({ keepKey: (name) => name === keyName.master || name === keyName.root || name.startsWith('device/') });
      environment.lists.forgetAll();
    },
  },
  {
    serviceAction: ServiceAction.createPartition,
    name: 'CREATE PARTITION',
    fields: [PARTITION],
    changes: true,
    object: newPartition,
    permissions: () => Permission.create,
    keyLevel: () => 'root',
    run(command) {
      const { cdb, store, environment } = command;
      command.target = partitionName(store.createPartition(cdb.partitionId === 0n ? null : cdb.partitionId));
      environment.lists.noteChange(0n);
    },
  },
  {
    serviceAction: ServiceAction.create,
    name: 'CREATE',
    fields: [OBJECT, [NUMBER_OF_USER_OBJECTS_AT, 2]],
    changes: true,
    object: newObject('user'),
    permissions: () => Permission.create,
    run: (command) => createUserObjects(command, Math.max(1, numberOfUserObjects(command.cdb))),
  },
  {
    serviceAction: ServiceAction.createCollection,
    name: 'CREATE COLLECTION',
    fields: [OBJECT],
    changes: true,
    object: newObject('collection'),
    permissions: () => Permission.create,
    run(command) {
      const { cdb, store, environment } = command;
      const objectId = store.createCollection(cdb.partitionId, cdb.objectId === 0n ? null : cdb.objectId);
      command.target = { partitionId: cdb.partitionId, objectId };
      environment.lists.noteChange(cdb.partitionId);
    },
  },
  {
    serviceAction: ServiceAction.remove,
    name: 'REMOVE',
    fields: [OBJECT],
    changes: true,
    attributeFunctions: 'before',
    object: theUserObject,
    permissions: () => Permission.remove,
    run({ store, target, environment }) {
      store.removeUserObject(target);
      environment.lists.noteChange(target.partitionId);
    },
  },
  {
    serviceAction: ServiceAction.removeCollection,
    name: 'REMOVE COLLECTION',
    fields: [OBJECT],
    specificMask: FORCE_COLLECTION_REMOVAL_BIT,
    changes: true,
    attributeFunctions: 'before',
    object: theCollection,
    permissions: () => Permission.remove,
    run({ cdb, store, target, environment }) {
      store.removeCollection(target, { force: (cdb.specific & FORCE_COLLECTION_REMOVAL_BIT) !== 0 });
      environment.lists.noteChange(target.partitionId);
    },
  },
  {
    serviceAction: ServiceAction.removePartition,
    name: 'REMOVE PARTITION',
    fields: [PARTITION],
    specificMask: REMOVE_SCOPE_MASK,
    changes: true,
    attributeFunctions: 'before',
    check(cdb) {
      if (removeScope(cdb) > RemoveScope.everything) throw invalidCdbField(CDB.specific, REMOVE_SCOPE_BIT);
    },
    object: thePartition,
    permissions: (cdb) => Permission.remove | (removeScope(cdb) === RemoveScope.everything ? Permission.globalRemove : 0),
    keyLevel: () => 'root',
    run({ cdb, store, target, environment }) {
      store.removePartition(target.partitionId, { force: removeScope(cdb) === RemoveScope.everything });
      environment.keys.forgetPartition(target.partitionId, 'all');
      environment.lists.noteChange(0n);
      environment.lists.noteChange(target.partitionId);
    },
  },
  {
    serviceAction: ServiceAction.getAttributes,
    name: 'GET ATTRIBUTES',
    fields: [OBJECT],
    changes: false,
    attributeFunctions: 'get-first',
    object: anyObject,
    permissions: () => Permission.getAttributes,
    run: () => {},
  },
  {
    serviceAction: ServiceAction.setAttributes,
    name: 'SET ATTRIBUTES',
    fields: [OBJECT],
    changes: true,
    object: anyObject,
    permissions: () => Permission.setAttributes,
    run(command) {
      if ((command.cdb.options & 0x08) !== 0) command.flushAfter = { kind: 'all' };
    },
  },
  {
    ...flush,
    serviceAction: ServiceAction.flush,
    name: 'FLUSH',
    // A scope of 2 is a range: all of the object is more than that, and does no harm.
    fields: [OBJECT, [CDB.length, 8], [CDB.startingByte, 8]],
    object: theUserObject,
    run: ({ cdb, store, target }) => store.flush({ kind: 'object', name: target, data: flushScope(cdb) !== FlushScope.attributes }),
  },
  {
    ...flush,
    serviceAction: ServiceAction.flushCollection,
    name: 'FLUSH COLLECTION',
    fields: [OBJECT],
    object: theCollection,
    run: ({ cdb, store, target }) => store.flush({ kind: 'collection', name: target, members: flushScope(cdb) !== FlushScope.attributes }),
  },
  {
    ...flush,
    serviceAction: ServiceAction.flushPartition,
    name: 'FLUSH PARTITION',
    fields: [PARTITION],
    object: thePartition,
    run: ({ cdb, store, target }) => store.flush({ kind: 'partition', partitionId: target.partitionId, data: flushScope(cdb) !== FlushScope.attributes }),
  },
  {
    ...flush,
    serviceAction: ServiceAction.flushOsd,
    name: 'FLUSH OSD',
    fields: [],
    object: theRoot,
    run: ({ store }) => store.flush({ kind: 'all' }),
  },
];
