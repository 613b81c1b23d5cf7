import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { CommandFailure } from '../protocol/command-failure.js';
import { KEY_IDENTIFIER_LENGTH, KeyStore, keyName, WORKING_KEY_COUNT } from '../security/key-store.js';
import type { AttributePosition, ObjectStore } from '../store/object-store.js';
import { type AttributeContext, type AttributeDefinition, computed, PAGE_BASE, type PageDefinition, StandardPage, stored, uint } from './attribute-page.js';
import { concatenated, objectTimes, quota, timestamp } from './common-attributes.js';
import { bypassTimestamps, nonceWindow } from './root-pages.js';
import { policyTag, USERNAME_LENGTH_MAX } from './user-object-pages.js';

const ID_LENGTH = 8;
/** Page and number of an attribute. */
const ACCESS_ENTRY_LENGTH = 8;
const ACCESS_STEP_COUNT = 64;
const ACCESS_NUMBER_MAX = 0xffff_fffe;
/** REQUEST NONCE LIST DEPTH has two bytes. */
const NONCE_LIST_DEPTH_MAX = 0xffff;
const page = PAGE_BASE.partition;
const quotas: readonly AttributeDefinition[] = [
  quota(0x1, 'objectLengthBytesMax'),
  quota(0x10001, 'capacityBytesMax'),
  quota(0x10002, 'objectCountMax'),
  computed(0x10081, ({ facts }) => uint(facts.collectionsPerObjectMax, 4)),
];

export const PARTITION_SECURITY = { defaultSecurityMethod: 0x1, frozenWorkingKeyMask: 0x5, userObjectPolicyAccessTag: 0x4000_0002 } as const;
const securityPage = page + StandardPage.policySecurity;

/** Where nobody set it: what the root has for its partitions. */
export const partitionSecurityMethod = stored(
  securityPage,
  PARTITION_SECURITY.defaultSecurityMethod,
  { min: 1, max: 1 },
  ({ store, facts }) =>
    store.attribute({ partitionId: 0n, objectId: 0n }, PAGE_BASE.root + StandardPage.policySecurity, 0x6) ?? uint(facts.defaultSecurityMethod, 1),
  true,
);
const frozenWorkingKeyMask = stored(securityPage, PARTITION_SECURITY.frozenWorkingKeyMask, { min: 2, max: 2 }, () => uint(0, 2), true);
const userObjectPolicyAccessTag = stored(securityPage, PARTITION_SECURITY.userObjectPolicyAccessTag, { min: 4, max: 4 }, () => uint(0, 4), true);
const oldestValidNonce = computed(0x2, ({ facts }) => timestamp(facts.nowMs() - nonceWindow.oldestMs));
const newestValidNonce = computed(0x3, ({ facts }) => timestamp(facts.nowMs() + nonceWindow.newestMs));
const nonceListDepth = computed(0x4, ({ facts }) => uint(Math.min(facts.nonceCountMax, NONCE_LIST_DEPTH_MAX), 2));

function identifier(context: AttributeContext, name: string): Uint8Array | null {
  return new KeyStore(context.store).get(name)?.identifier ?? null;
}
const partitionKeyIdentifier = computed(0x7fff, (context) => identifier(context, keyName.partition(context.name.partitionId)));
const workingKeyIdentifiers = Array.from({ length: WORKING_KEY_COUNT }, (_, version) =>
  computed(0x8000 + version, (context) => identifier(context, keyName.working(context.name.partitionId, version))),
);
const tag = policyTag('partition');

/** OSD-2 "Partition Policy/Security attributes page". */
function securityFormat(context: AttributeContext): Uint8Array {
  const value = (attribute: AttributeDefinition, lengthBytes: number) => attribute.read(context) ?? new Uint8Array(lengthBytes);
  const partitionKey = partitionKeyIdentifier.read(context);
  const workingKeys = workingKeyIdentifiers.map((attribute) => attribute.read(context));
  const valid = workingKeys.reduce((mask, key, version) => (key === null ? mask : mask | (1 << version)), 0);
  return Buffer.concat([
    new Uint8Array(3),
    value(partitionSecurityMethod, 1),
    value(oldestValidNonce, 6),
    value(newestValidNonce, 6),
    value(nonceListDepth, 2),
    value(frozenWorkingKeyMask, 2),
    value(tag, 4),
    value(userObjectPolicyAccessTag, 4),
    uint(partitionKey === null ? 0 : 1, 1),
    uint(valid, 2),
    partitionKey ?? new Uint8Array(KEY_IDENTIFIER_LENGTH),
    ...workingKeys.map((key) => key ?? new Uint8Array(KEY_IDENTIFIER_LENGTH)),
  ]);
}

const accessPage = page + StandardPage.attributesAccess;

function* accessLists({ store, name }: AttributeContext): Iterable<readonly [number, Uint8Array]> {
  for (let from: AttributePosition | null = { pageNumber: accessPage, attributeNumber: 0 }; from !== null; ) {
    const step: ReturnType<typeof store.attributes> = store.attributes(name, { from, pageNumber: accessPage, countMax: ACCESS_STEP_COUNT });
    for (const { attributeNumber, value } of step.entries) yield [attributeNumber, value];
    from = step.next;
  }
}

/**
 * The list of attributes that ALLOWED ATTRIBUTES ACCESS of a capability names, for those it is the number in the Attributes Access page of the partition; null
 * when there is no such list. FFFFFFFFh in an entry is all numbers of a page, or all pages. OSD-2 "Attributes Access attributes page".
 */
export function allowedAttributes(store: ObjectStore, partitionId: bigint, number: number): { readonly page: number; readonly number: number }[] | null {
  const value = store.attribute({ partitionId, objectId: 0n }, accessPage, number);
  if (value === null) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const count = Math.floor(value.length / ACCESS_ENTRY_LENGTH);
  return Array.from({ length: count }, (_, index) => ({
    page: view.getUint32(index * ACCESS_ENTRY_LENGTH),
    number: view.getUint32(index * ACCESS_ENTRY_LENGTH + 4),
  }));
}

/** Pages of partitions, OSD-2 "Partition … attributes page". */
export const partitionPages: ReadonlyMap<number, PageDefinition> = new Map<number, PageDefinition>([
  [
    StandardPage.information,
    {
      title: 'Partition Information',
      attributes: [
        computed(0x1, ({ name }) => uint(name.partitionId, ID_LENGTH)),
        stored(page + StandardPage.information, 0x9, { min: 1, max: USERNAME_LENGTH_MAX }),
        computed(0x81, (context) => uint(context.information().usedBytes, ID_LENGTH)),
        computed(0xc1, (context) => uint(context.information().userObjectCount + context.information().collectionCount, ID_LENGTH)),
      ],
    },
  ],
  [StandardPage.quotas, { title: 'Partition Quotas', attributes: quotas, format: concatenated(quotas) }],
  [
    StandardPage.timestamps,
    {
      title: 'Partition Timestamps',
      attributes: [...objectTimes, bypassTimestamps('partition')],
      format: concatenated([...objectTimes, bypassTimestamps('partition')]),
    },
  ],
  [
    StandardPage.attributesAccess,
    {
      title: 'Attributes Access',
      attributes: [],
      more: accessLists,
      readMore: ({ store, name }, number) => store.attribute(name, accessPage, number),
      writeMore({ store, name }, number, value) {
        if (number > ACCESS_NUMBER_MAX || value.length % ACCESS_ENTRY_LENGTH !== 0)
          throw new CommandFailure(SenseKey.illegalRequest, Asc.invalidFieldInParameterList);
        store.setAttribute(name, accessPage, number, value.length === 0 ? null : value);
      },
    },
  ],
  [
    StandardPage.policySecurity,
    {
      title: 'Partition Policy/Security',
      attributes: [
        partitionSecurityMethod,
        oldestValidNonce,
        newestValidNonce,
        nonceListDepth,
        frozenWorkingKeyMask,
        partitionKeyIdentifier,
        ...workingKeyIdentifiers,
        tag,
        userObjectPolicyAccessTag,
      ],
      format: securityFormat,
    },
  ],
]);
