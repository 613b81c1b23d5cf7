import type { ObjectRecord } from './object-record.js';
import type { ObjectInformation, ObjectName } from './object-types.js';

/** What a record says, in the terms of the store's users. `attributeSpaceBytes` is what the object's own attributes take. */
export function objectInformation(name: ObjectName, record: ObjectRecord, attributeSpaceBytes: number): ObjectInformation {
  const { kind, createdMs, attributesAccessedMs, attributesModifiedMs, dataAccessedMs, dataModifiedMs } = record;
  const { objectLengthBytesMax, capacityBytesMax, objectCountMax, partitionCountMax } = record;
  const isContainer = kind === 'root' || kind === 'partition';
  return {
    name,
    kind,
    times: { createdMs, attributesAccessedMs, attributesModifiedMs, dataAccessedMs, dataModifiedMs },
    versionTag: record.versionTag,
    quotas: { objectLengthBytesMax, capacityBytesMax, objectCountMax, partitionCountMax },
    logicalLengthBytes: BigInt(record.logicalLengthBytes),
    usedBytes: BigInt(isContainer ? record.usedBytes : record.dataBytes + attributeSpaceBytes),
    attributeCount: record.attributeCount,
    attributeBytes: BigInt(record.attributeBytes),
    partitionCount: BigInt(record.partitionCount),
    collectionCount: BigInt(record.collectionCount),
    userObjectCount: BigInt(record.userObjectCount),
    memberCount: BigInt(record.memberCount),
    membershipCount: record.membershipCount,
  };
}
