import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import type { DeviceFacts } from '../attributes/attribute-page.js';
import { ALL, PAGE_BASE, readUint, StandardPage } from '../attributes/attribute-page.js';
import { ObjectAttributes } from '../attributes/object-attributes.js';
import { allowedAttributes, PARTITION_SECURITY, partitionSecurityMethod } from '../attributes/partition-pages.js';
import { nonceWindow, rootSecurityMethod } from '../attributes/root-pages.js';
import { POLICY_ACCESS_TAG } from '../attributes/user-object-pages.js';
import { type AttributeName, CommandFailure, invalidCdbField } from '../protocol/command-failure.js';
import { ObjectType, objectTypeOf, partitionName } from '../protocol/object-id.js';
import { CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import type { ObjectKind, ObjectName, ObjectStore } from '../store/object-store.js';
import { ALGORITHM_HMAC_SHA1, Capability, CapabilityFormat, capabilityFieldAt, DescriptorType, SecurityMethod } from './capability.js';
import { capabilityKey, capKeyValue, isEqual, requestValue } from './integrity.js';
import { KeyStore, keyName } from './key-store.js';
import { NonceList, nonceTimeMs } from './nonces.js';

/** Which of the keys a service action's credential is made with. OSD-2 "Credentials and commands". */
export type KeyLevel = 'master' | 'root' | 'partition' | 'working';

/** What a command needs. */
export interface Demand {
  readonly kind: ObjectKind;
  readonly name: ObjectName;
  /** The object comes into being with the command: there is nothing yet whose times and tags could be compared. */
  readonly creates: boolean;
  readonly permissions: number;
  readonly keyLevel: KeyLevel;
  /** Bytes of the object that the command touches. */
  readonly range: { readonly start: bigint; readonly end: bigint } | null;
  /** What it sets and gets. */
  readonly attributes: readonly AttributeName[];
}

/** What validation found: `method` decides what else is signed, with `key`. */
export interface Validated {
  readonly method: number;
  readonly key: Uint8Array | null;
}

/** Judges the capability of each command before anything else happens. OSD-2 "Capabilities" and "Security methods". */
export class SecurityCheck {
  readonly #store: ObjectStore;
  readonly #facts: DeviceFacts;
  readonly #keys: KeyStore;
  readonly #nonces: NonceList;

  constructor(store: ObjectStore, facts: DeviceFacts) {
    this.#store = store;
    this.#facts = facts;
    this.#keys = new KeyStore(store);
    this.#nonces = new NonceList(facts.nonceCountMax, facts.nowMs());
  }

  /** Throws `CommandFailure` for a command that may not run. `securityToken` is that of the I_T nexus. */
  validate(cdb: OsdCdb, demand: Demand, securityToken: Uint8Array): Validated {
    const capability = new Capability(cdb.capability);
    const required = this.#methodOf(demand);
    if (capability.format === CapabilityFormat.none) {
      if (required !== SecurityMethod.noSec) throw invalidCdbField(capabilityFieldAt('format'));
      return { method: SecurityMethod.noSec, key: null };
    }
    if (capability.format > CapabilityFormat.osd2) throw invalidCdbField(capabilityFieldAt('format'));
    const method = capability.securityMethod;
    if (method > SecurityMethod.allData || method < required) throw invalidCdbField(capabilityFieldAt('securityMethod'));
    const key = method === SecurityMethod.noSec ? null : this.#authenticate(cdb, capability, demand, securityToken, method);
    this.#checkTerms(capability, demand);
    checkPermissions(capability, demand.permissions);
    this.#checkDescriptor(capability, demand);
    this.#checkAttributes(capability, demand);
    return { method, key };
  }

  /** Embedded attribute functions, found out later: they need permissions of their own. */
  require(cdb: OsdCdb, permissions: number): void {
    const capability = new Capability(cdb.capability);
    if (capability.format !== CapabilityFormat.none) checkPermissions(capability, permissions);
  }

  #methodOf({ kind, name }: Demand): number {
    const ofRoot = kind === 'root' || this.#store.kindOf(partitionName(name.partitionId)) === null;
    const attributes = ofRoot
      ? new ObjectAttributes(this.#store, this.#facts, { partitionId: 0n, objectId: 0n }, 'root')
      : new ObjectAttributes(this.#store, this.#facts, partitionName(name.partitionId), 'partition');
    return ((ofRoot ? rootSecurityMethod : partitionSecurityMethod).read(attributes) as Uint8Array)[0] as number;
  }

  /** Answers the capability key. */
  #authenticate(cdb: OsdCdb, capability: Capability, demand: Demand, securityToken: Uint8Array, method: number): Uint8Array {
    if (capability.integrityAlgorithm !== ALGORITHM_HMAC_SHA1) throw invalidCdbField(capabilityFieldAt('keyVersion'), 3);
    const key = capabilityKey(this.#secretOf(capability, demand), capability.bytes, this.#facts.systemId);
    const expected = method === SecurityMethod.capKey ? capKeyValue(key, securityToken) : requestValue(key, cdb.bytes);
    if (!isEqual(expected, cdb.integrityCheckValue)) throw invalidCdbField(CDB.integrityCheckValue);
    if (method >= SecurityMethod.cmdRsp) this.#checkNonce(cdb.requestNonce);
    return key;
  }

  #secretOf({ keyVersion }: Capability, { keyLevel, name }: Demand): Uint8Array {
    if (keyLevel === 'working') {
      const mask = this.#store.attribute(
        partitionName(name.partitionId),
        PAGE_BASE.partition + StandardPage.policySecurity,
        PARTITION_SECURITY.frozenWorkingKeyMask,
      );
      if (mask !== null && ((Number(readUint(mask)) >> keyVersion) & 1) !== 0) throw new CommandFailure(SenseKey.illegalRequest, Asc.securityWorkingKeyFrozen);
    }
    const nameOfKey =
      keyLevel === 'working'
        ? keyName.working(name.partitionId, keyVersion)
        : keyLevel === 'partition'
          ? keyName.partition(name.partitionId)
          : keyName[keyLevel];
    const key = this.#keys.get(nameOfKey);
    // A key that was never set opens nothing.
    if (key === null) throw invalidCdbField(capabilityFieldAt('keyVersion'), 7);
    return key.authentication;
  }

  #checkNonce(nonce: Uint8Array): void {
    const nowMs = this.#facts.nowMs();
    const timeMs = nonceTimeMs(nonce);
    if (timeMs < nowMs - nonceWindow.oldestMs || timeMs > nowMs + nonceWindow.newestMs)
      throw new CommandFailure(SenseKey.illegalRequest, Asc.nonceTimestampOutOfRange);
    const noted = this.#nonces.note(nonce, timeMs);
    if (noted === 'repeated') throw new CommandFailure(SenseKey.illegalRequest, Asc.nonceNotUnique);
    if (noted === 'old') throw new CommandFailure(SenseKey.illegalRequest, Asc.nonceTimestampOutOfRange);
  }

  /** Expiry, object version, policy access tag and boot epoch. */
  #checkTerms(capability: Capability, demand: Demand): void {
    if (capability.expirationTimeMs !== 0 && capability.expirationTimeMs < this.#facts.nowMs()) throw invalidCdbField(capabilityFieldAt('expirationTime'));
    if (capability.bootEpoch !== 0 && capability.bootEpoch !== (this.#facts.bootEpoch & 0xffff)) throw invalidCdbField(capabilityFieldAt('bootEpoch'));
    if (demand.creates) return;
    const { createdTimeMs, policyAccessTag } = capability;
    if (createdTimeMs !== 0 && createdTimeMs !== this.#store.information(demand.name).times.createdMs) throw invalidCdbField(capabilityFieldAt('createdTime'));
    if (policyAccessTag !== 0 && policyAccessTag !== this.#tagOf(demand)) throw invalidCdbField(capabilityFieldAt('policyAccessTag'));
  }

  #tagOf({ name, kind }: Demand): number {
    if (kind === 'root') return 0;
    const value = this.#store.attribute(name, PAGE_BASE[kind] + StandardPage.policySecurity, POLICY_ACCESS_TAG);
    return value === null ? 0 : Number(readUint(value));
  }

  /** The object of the command is the one, or one of those, that the capability is for. */
  #checkDescriptor(capability: Capability, demand: Demand): void {
    if (capability.objectType !== objectTypeOf(demand.kind)) throw invalidCdbField(capabilityFieldAt('objectType'));
    const { partitionId, objectId } = demand.name;
    if (capability.partitionId !== partitionId) throw invalidCdbField(capabilityFieldAt('partitionId'));
    if (!isDescriptorOf(capability.descriptorType, capability.objectType)) throw invalidCdbField(capabilityFieldAt('descriptorType'), 7);
    if (capability.descriptorType === DescriptorType.object && capability.objectId !== objectId) throw invalidCdbField(capabilityFieldAt('objectId'));
    if (capability.descriptorType === DescriptorType.collection && !this.#isIn(capability.objectId, demand))
      throw invalidCdbField(capabilityFieldAt('objectId'));
    const { range } = capability;
    if (range !== null && demand.range !== null && (demand.range.start < range.start || demand.range.end > range.end))
      throw invalidCdbField(capabilityFieldAt('rangeLength'));
  }

  /** ALLOWED ATTRIBUTES ACCESS names a list that the partition keeps; the root has none. */
  #checkAttributes({ allowedAttributesAccess }: Capability, { name, attributes }: Demand): void {
    if (allowedAttributesAccess === 0 || attributes.length === 0) return;
    const allowed =
      this.#store.kindOf(partitionName(name.partitionId)) === 'partition' ? allowedAttributes(this.#store, name.partitionId, allowedAttributesAccess) : null;
    const isAllowed = (asked: AttributeName) =>
      allowed?.some(({ page, number }) => (page === ALL || page === asked.page) && (number === ALL || number === asked.number)) === true;
    if (!attributes.every(isAllowed)) throw invalidCdbField(capabilityFieldAt('allowedAttributesAccess'));
  }

  #isIn(collectionId: bigint, { kind, name }: Demand): boolean {
    return kind === 'collection' ? name.objectId === collectionId : this.#store.kindOf(name) === 'user' && this.#store.isMember(name, collectionId);
  }
}

/** Root and partitions take the descriptor of a partition; collections and user objects any. OSD-2 "Object descriptor". */
function isDescriptorOf(descriptorType: number, objectType: number): boolean {
  if (objectType === ObjectType.root || objectType === ObjectType.partition) return descriptorType === DescriptorType.partition;
  return descriptorType === DescriptorType.object || descriptorType === DescriptorType.partition || descriptorType === DescriptorType.collection;
}

function checkPermissions({ permissions }: Capability, needed: number): void {
  const missing = needed & ~permissions;
  if (missing === 0) return;
  // The pointer names the field by its first byte, as Linux looks for it (EACCES).
  throw invalidCdbField(capabilityFieldAt('permissions'));
}
