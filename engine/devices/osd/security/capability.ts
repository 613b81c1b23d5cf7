import { viewOf } from '../protocol/attribute-list.js';
import { CDB } from '../protocol/osd-cdb.js';

/*
 * Capability, OSD-2 "Capability format": 104 bytes, byte 80 of the CDB on.
 *
 *      0| Reserved . Format | Key Version . Algorithm | Security Method | Reserved             |
 *      4| Capability Expiration Time (6)    |  10: Audit (20)                                  /
 *     30/ Capability Discriminator (12)     |  42: Object Created Time (6)                     /
 *     48| Object Type | Permissions Bit Mask (5)      | Reserved | Descriptor Type . Reserved  |
 *     56| Allowed Attributes Access         | Policy Access Tag                                |
 *     64| Boot Epoch | Reserved (6)                                                            |
 *     72| Allowed Partition ID                                                                 |
 *     80| Allowed Object ID                                                                    |
 *     88| Allowed Range Length                                                                 |
 *     96| Allowed Range Starting Byte Address                                                  |
 */
export const CAPABILITY = {
  format: 0,
  keyVersion: 1,
  securityMethod: 2,
  expirationTime: 4,
  audit: 10,
  createdTime: 42,
  objectType: 48,
  permissions: 49,
  descriptorType: 55,
  allowedAttributesAccess: 56,
  policyAccessTag: 60,
  bootEpoch: 64,
  partitionId: 72,
  objectId: 80,
  rangeLength: 88,
  rangeStart: 96,
} as const;

/** CAPABILITY FORMAT: none at all, the fields of OSD, and those of OSD-2, which has byte ranges and boot epochs too. */
export const CapabilityFormat = { none: 0x0, osd: 0x1, osd2: 0x2 } as const;
export const SecurityMethod = { noSec: 0, capKey: 1, cmdRsp: 2, allData: 3 } as const;
export const ALGORITHM_HMAC_SHA1 = 0x1;

/** Permissions, as the first two bytes of their mask. OSD-2 "Capability format". */
export const Permission = {
  read: 0x8000,
  write: 0x4000,
  getAttributes: 0x2000,
  setAttributes: 0x1000,
  create: 0x0800,
  remove: 0x0400,
  objectManagement: 0x0200,
  append: 0x0100,
  deviceManagement: 0x0080,
  global: 0x0040,
  policySecurity: 0x0020,
  multiObject: 0x0010,
  query: 0x0008,
  globalRemove: 0x0004,
} as const;

/** OBJECT DESCRIPTOR TYPE: one user object or collection, one partition with all in it, the members of one collection. */
export const DescriptorType = { none: 0, object: 1, partition: 2, collection: 3 } as const;

const LOW_NIBBLE = 0x0f;
const UNBOUNDED = 0xffff_ffff_ffff_ffffn;

/** Where a field of the capability stands in the CDB, for field pointers. */
export function capabilityFieldAt(field: keyof typeof CAPABILITY): number {
  return CDB.capability + CAPABILITY[field];
}

export class Capability {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get format(): number {
    return (this.bytes[CAPABILITY.format] as number) & LOW_NIBBLE;
  }
  get keyVersion(): number {
    return (this.bytes[CAPABILITY.keyVersion] as number) >> 4;
  }
  get integrityAlgorithm(): number {
    return (this.bytes[CAPABILITY.keyVersion] as number) & LOW_NIBBLE;
  }
  get securityMethod(): number {
    return this.bytes[CAPABILITY.securityMethod] as number;
  }
  get expirationTimeMs(): number {
    return this.#uint48(CAPABILITY.expirationTime);
  }
  get createdTimeMs(): number {
    return this.#uint48(CAPABILITY.createdTime);
  }
  get objectType(): number {
    return this.bytes[CAPABILITY.objectType] as number;
  }
  get permissions(): number {
    return this.#view.getUint16(CAPABILITY.permissions);
  }
  get descriptorType(): number {
    return (this.bytes[CAPABILITY.descriptorType] as number) >> 4;
  }
  /** OSD has it first in its descriptor, OSD-2 second: Linux sends the layout of OSD-2 under both formats. */
  get policyAccessTag(): number {
    return this.#view.getUint32(CAPABILITY.policyAccessTag);
  }
  /** The attribute of the partition's Attributes Access page that lists what may be set and got; zero for all there is. */
  get allowedAttributesAccess(): number {
    return this.format === CapabilityFormat.osd2 ? this.#view.getUint32(CAPABILITY.allowedAttributesAccess) : 0;
  }
  get bootEpoch(): number {
    return this.format === CapabilityFormat.osd2 ? this.#view.getUint16(CAPABILITY.bootEpoch) : 0;
  }
  get partitionId(): bigint {
    return this.#view.getBigUint64(CAPABILITY.partitionId);
  }
  get objectId(): bigint {
    return this.#view.getBigUint64(CAPABILITY.objectId);
  }
  /** The bytes of the object that may be touched, or null when all may: a length of zero or of all ones. */
  get range(): { readonly start: bigint; readonly end: bigint } | null {
    const lengthBytes = this.#view.getBigUint64(CAPABILITY.rangeLength);
    if (this.format !== CapabilityFormat.osd2 || lengthBytes === 0n || lengthBytes === UNBOUNDED) return null;
    const start = this.#view.getBigUint64(CAPABILITY.rangeStart);
    return { start, end: start + lengthBytes };
  }

  #uint48(at: number): number {
    return this.#view.getUint16(at) * 2 ** 32 + this.#view.getUint32(at + 2);
  }
}
