import { ASSIGNED_ID_MIN, type ObjectKind, type ObjectName } from '../store/object-types.js';

/** OBJECT TYPE of the capability and of the Current Command page, OSD-2 "Capability format". */
export const ObjectType = { root: 0x01, partition: 0x02, collection: 0x40, userObject: 0x80 } as const;
export type ObjectType = (typeof ObjectType)[keyof typeof ObjectType];

const typeOfKind = { root: ObjectType.root, partition: ObjectType.partition, collection: ObjectType.collection, user: ObjectType.userObject } as const;

export function objectTypeOf(kind: ObjectKind): ObjectType {
  return typeOfKind[kind];
}

/** Whether a partition, collection or user object may have the number; zero stands for "any" where one is asked for. */
export function isAssignable(id: bigint): boolean {
  return id >= ASSIGNED_ID_MIN;
}

export function partitionName(partitionId: bigint): ObjectName {
  return { partitionId, objectId: 0n };
}
