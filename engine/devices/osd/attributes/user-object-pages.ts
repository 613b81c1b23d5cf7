import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { CommandFailure } from '../protocol/command-failure.js';
import {
  type AttributeContext,
  type AttributeDefinition,
  computed,
  PAGE_BASE,
  type PageDefinition,
  readUint,
  StandardPage,
  stored,
  uint,
} from './attribute-page.js';
import { concatenated, objectTimes, quota } from './common-attributes.js';

const ID_LENGTH = 8;
export const USERNAME_LENGTH_MAX = 1024;
export const POLICY_ACCESS_TAG = 0x4000_0001;
const COLLECTION_POINTER_MAX = 0xffff_ff00;

const logicalLength: AttributeDefinition = {
  number: 0x82,
  lengthBytesMin: ID_LENGTH,
  lengthBytesMax: ID_LENGTH,
  read: (context) => uint(context.information().logicalLengthBytes, ID_LENGTH),
  write: (context, value) => context.store.setLogicalLength(context.name, readUint(value)),
};

const maximumLength = quota(0x1, 'objectLengthBytesMax');

function* collections({ store, name }: AttributeContext): Iterable<readonly [number, Uint8Array]> {
  for (const { attributeNumber, collectionId } of store.memberships(name)) yield [attributeNumber, uint(collectionId, ID_LENGTH)];
}

/** Pages of user objects, OSD-2 "User Object … attributes page", by their number in the range. */
export const userObjectPages: ReadonlyMap<number, PageDefinition> = new Map<number, PageDefinition>([
  [
    StandardPage.information,
    {
      title: 'User Object Information',
      attributes: [
        computed(0x1, ({ name }) => uint(name.partitionId, ID_LENGTH)),
        computed(0x2, ({ name }) => uint(name.objectId, ID_LENGTH)),
        stored(PAGE_BASE.user + StandardPage.information, 0x9, { min: 1, max: USERNAME_LENGTH_MAX }),
        computed(0x81, (context) => uint(context.information().usedBytes, ID_LENGTH)),
        logicalLength,
      ],
    },
  ],
  [StandardPage.quotas, { title: 'User Object Quotas', attributes: [maximumLength], format: concatenated([maximumLength]) }],
  [StandardPage.timestamps, { title: 'User Object Timestamps', attributes: objectTimes, format: concatenated(objectTimes) }],
  [
    StandardPage.collections,
    {
      title: 'User Object Collections',
      attributes: [],
      more: collections,
      readMore(context, number) {
        const membership = context.store.memberships(context.name).find(({ attributeNumber }) => attributeNumber === number);
        return membership === undefined ? null : uint(membership.collectionId, ID_LENGTH);
      },
      writeMore(context, number, value) {
        if (!isCollectionPointer(number, value.length)) throw badPointer();
        const collectionId = readUint(value);
        context.store.setMembership(context.name, number, collectionId === 0n ? null : collectionId);
      },
      format: (context) => Buffer.concat(Array.from(collections(context), ([number, value]) => Buffer.concat([uint(number, 4), value]))),
    },
  ],
  [StandardPage.policySecurity, { title: 'User Object Policy/Security', attributes: [policyTag('user')], format: concatenated([policyTag('user')]) }],
]);

/** Whether the User Object Collections page has such an attribute: a COLLECTION_OBJECT_ID, or nothing. */
export function isCollectionPointer(number: number, lengthBytes: number): boolean {
  return number >= 1 && number <= COLLECTION_POINTER_MAX && (lengthBytes === 0 || lengthBytes === ID_LENGTH);
}

function badPointer(): CommandFailure {
  return new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInParameterList);
}

/** POLICY ACCESS TAG: of a new object that of its partition, which starts at zero. */
export function policyTag(kind: 'user' | 'collection' | 'partition'): AttributeDefinition {
  return stored(PAGE_BASE[kind] + StandardPage.policySecurity, POLICY_ACCESS_TAG, { min: 4, max: 4 }, () => uint(0, 4), true);
}
