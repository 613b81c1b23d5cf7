import { type ObjectName, type ObjectStore, ROOT_NAME } from '../store/object-store.js';
import { PAGE_BASE, StandardPage } from './attribute-page.js';

const TIMESTAMP_BYPASS = 0xffff_fffe;
const BYPASS = 0x7f;

/** Whether the object's partition, or the root for it and for partitions, leaves timestamps alone. OSD-2 "Timestamp bypass". */
export function partitionTimestampBypass(store: ObjectStore, name: ObjectName): boolean {
  const ofRoot = name.partitionId === 0n || name.objectId === 0n;
  const where = ofRoot ? ROOT_NAME : { partitionId: name.partitionId, objectId: 0n };
  if (!ofRoot && store.kindOf(where) === null) return false;
  const value = store.attribute(where, PAGE_BASE[ofRoot ? 'root' : 'partition'] + StandardPage.timestamps, TIMESTAMP_BYPASS);
  return value?.[0] === BYPASS;
}
