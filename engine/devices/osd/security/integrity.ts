import { createHmac, timingSafeEqual } from 'node:crypto';
import { CDB, INTEGRITY_CHECK_VALUE_LENGTH } from '../protocol/osd-cdb.js';

/** HMAC-SHA1 over the pieces one after the other: 20 bytes. FIPS 198. */
export function hmac(key: Uint8Array, ...pieces: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha1', key);
  for (const piece of pieces) mac.update(piece);
  return mac.digest();
}

/** An integrity check value as it travels: in a field of 32 bytes, zeros behind it. */
export function integrityCheckValue(key: Uint8Array, ...pieces: readonly Uint8Array[]): Uint8Array {
  const value = new Uint8Array(INTEGRITY_CHECK_VALUE_LENGTH);
  value.set(hmac(key, ...pieces));
  return value;
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * The capability key: who has the secret key makes it of a capability and of the OSD system ID, and gives both to a client, which proves with it that the
 * capability in its CDB is the one that it was given. OSD-2 "Credential format".
 */
export function capabilityKey(secret: Uint8Array, capability: Uint8Array, systemId: Uint8Array): Uint8Array {
  return hmac(secret, capability, systemId);
}

/** What CAPKEY signs is the security token of the I_T nexus: it proves the possession of the key, and that it is used where it was meant to. */
export function capKeyValue(key: Uint8Array, securityToken: Uint8Array): Uint8Array {
  return integrityCheckValue(key, securityToken);
}

/** What CMDRSP and ALLDATA sign is the CDB, with zeros where the value itself goes. */
export function requestValue(key: Uint8Array, cdb: Uint8Array): Uint8Array {
  const at = CDB.integrityCheckValue;
  return integrityCheckValue(key, cdb.subarray(0, at), new Uint8Array(INTEGRITY_CHECK_VALUE_LENGTH), cdb.subarray(at + INTEGRITY_CHECK_VALUE_LENGTH));
}

/** The value of the response: it signs the nonce of the request, the status and the sense data, with zeros where the value itself goes there. */
export function responseValue(key: Uint8Array, requestNonce: Uint8Array, status: number, sense: Uint8Array): Uint8Array {
  return integrityCheckValue(key, requestNonce, Uint8Array.of(status), sense);
}
