import { KEY_IDENTIFIER_LENGTH, KeyStore, keyName } from '../security/key-store.js';
import {
  type AttributeContext,
  type AttributeDefinition,
  computed,
  PAGE_BASE,
  type PageDefinition,
  StandardPage,
  stored,
  text,
  uint,
} from './attribute-page.js';
import { attributesAccessedTime, attributesModifiedTime, concatenated, quota, timestamp } from './common-attributes.js';
import { USERNAME_LENGTH_MAX } from './user-object-pages.js';

const ID_LENGTH = 8;
const page = PAGE_BASE.root;

/** How far the time in a request nonce may be behind the clock of the device, and before it. */
export const nonceWindow = { oldestMs: 60_000, newestMs: 60_000 } as const;
/** NOSEC, CAPKEY, CMDRSP and ALLDATA: bits 0 to 3. */
const SUPPORTED_SECURITY_METHODS = 0x000f;
const ALGORITHM_HMAC_SHA1 = 0x01;
const ALGORITHM_COUNT = 16;
/** RFC 3526 group 14 of 2048 bits; see `security/diffie-hellman.ts`. */
const DH_GROUP_2048 = 0x03;
/** ISOLATION "strict": commands run one after the other. */
const ISOLATION_STRICT = 0x02;

/** TIMESTAMP BYPASS of the timestamps pages: 7Fh when the device leaves times alone unless a command says otherwise. */
export function bypassTimestamps(kind: 'root' | 'partition'): AttributeDefinition {
  return stored(PAGE_BASE[kind] + StandardPage.timestamps, 0xffff_fffe, { min: 1, max: 1 }, () => uint(0, 1));
}

const quotas: readonly AttributeDefinition[] = [
  quota(0x1, 'objectLengthBytesMax'),
  quota(0x10001, 'capacityBytesMax'),
  quota(0x10002, 'objectCountMax'),
  computed(0x10081, ({ facts }) => uint(facts.collectionsPerObjectMax, 4)),
  quota(0x20002, 'partitionCountMax'),
];
const times: readonly AttributeDefinition[] = [attributesAccessedTime, attributesModifiedTime, bypassTimestamps('root')];

const securityPage = page + StandardPage.policySecurity;
const initialMethod = ({ facts }: AttributeContext) => uint(facts.defaultSecurityMethod, 1);
export const rootSecurityMethod = stored(securityPage, 0x1, { min: 1, max: 1 }, initialMethod, true);
const oldestValidNonceLimit = computed(0x2, () => timestamp(nonceWindow.oldestMs));
const newestValidNonceLimit = computed(0x3, () => timestamp(nonceWindow.newestMs));
const partitionDefaultSecurityMethod = stored(securityPage, 0x6, { min: 1, max: 1 }, initialMethod, true);
const supportedSecurityMethods = computed(0x7, () => uint(SUPPORTED_SECURITY_METHODS, 2));
/** BOOT EPOCH: capabilities may be bound to the time until the next start. */
const bootEpoch = computed(0x8, ({ facts }) => uint(facts.bootEpoch, 2));
const adjustableClock = computed(0x9, ({ facts }) => timestamp(facts.nowMs()));
const masterKeyIdentifier = computed(0x7ffd, ({ store }) => new KeyStore(store).get(keyName.master)?.identifier ?? null);
const rootKeyIdentifier = computed(0x7ffe, ({ store }) => new KeyStore(store).get(keyName.root)?.identifier ?? null);
const integrityAlgorithms = Array.from({ length: ALGORITHM_COUNT }, (_, index) =>
  computed(0x8000_0000 + index, () => uint(index === 0 ? ALGORITHM_HMAC_SHA1 : 0, 1)),
);
const dhGroups = Array.from({ length: ALGORITHM_COUNT }, (_, index) => computed(0x8000_0010 + index, () => uint(index === 0 ? DH_GROUP_2048 : 0, 1)));

/** OSD-2 "Root Policy/Security attributes page". */
function securityFormat(context: AttributeContext): Uint8Array {
  const value = (attribute: AttributeDefinition) => attribute.read(context) as Uint8Array;
  const masterKey = masterKeyIdentifier.read(context);
  const rootKey = rootKeyIdentifier.read(context);
  return Buffer.concat([
    value(rootSecurityMethod),
    value(partitionDefaultSecurityMethod),
    value(supportedSecurityMethods),
    uint((masterKey === null ? 0 : 0b10) | (rootKey === null ? 0 : 0b01), 1),
    value(oldestValidNonceLimit),
    value(newestValidNonceLimit),
    value(adjustableClock),
    masterKey ?? new Uint8Array(KEY_IDENTIFIER_LENGTH),
    rootKey ?? new Uint8Array(KEY_IDENTIFIER_LENGTH),
    ...integrityAlgorithms.map(value),
    ...dhGroups.map(value),
  ]);
}

/** Pages of the root, OSD-2 "Root … attributes page". */
export const rootPages: ReadonlyMap<number, PageDefinition> = new Map<number, PageDefinition>([
  [
    StandardPage.information,
    {
      title: 'Root Information',
      attributes: [
        computed(0x3, ({ facts }) => facts.systemId),
        computed(0x4, ({ facts }) => text(facts.vendor, 8)),
        computed(0x5, ({ facts }) => text(facts.product, 16)),
        computed(0x6, ({ facts }) => text(facts.product, 32)),
        computed(0x7, ({ facts }) => text(facts.revision, 4)),
        computed(0x8, ({ facts }) => text(facts.serial, facts.serial.length)),
        // Linux takes its length as it is, also FFFFh of an attribute that is not there: a name that nobody gave is an empty one.
        stored(page + StandardPage.information, 0x9, { min: 1, max: USERNAME_LENGTH_MAX }, () => new Uint8Array(0)),
        computed(0x80, ({ store }) => uint(store.capacity().totalBytes, ID_LENGTH)),
        computed(0x81, ({ store }) => uint(store.capacity().usedBytes, ID_LENGTH)),
        computed(0xc0, (context) => uint(context.information().partitionCount, ID_LENGTH)),
        computed(0x100, ({ facts }) => timestamp(facts.nowMs())),
        computed(0x110, () => uint(ISOLATION_STRICT, 1)),
      ],
    },
  ],
  [StandardPage.quotas, { title: 'Root Quotas', attributes: quotas, format: concatenated(quotas) }],
  [StandardPage.timestamps, { title: 'Root Timestamps', attributes: times, format: concatenated(times) }],
  [
    StandardPage.policySecurity,
    {
      title: 'Root Policy/Security',
      attributes: [
        rootSecurityMethod,
        oldestValidNonceLimit,
        newestValidNonceLimit,
        partitionDefaultSecurityMethod,
        supportedSecurityMethods,
        bootEpoch,
        adjustableClock,
        masterKeyIdentifier,
        rootKeyIdentifier,
        ...integrityAlgorithms,
        ...dhGroups,
      ],
      format: securityFormat,
    },
  ],
]);
