/*
 * Set Data Encryption page, SSC-4 "Set Data Encryption page", parameter list of SECURITY PROTOCOL OUT:
 *
 *     0| PAGE CODE 0010h (2)                | PAGE LENGTH (2)                              |
 *     4| SCOPE (3) . LOCK                   | CEEM (2) RDMC (2) SDK CKOD CKORP CKORL       |
 *     6| ENCRYPTION MODE | DECRYPTION MODE  | ALGORITHM INDEX | KEY FORMAT | KAD FORMAT    |
 *    11| Reserved (7)                       | KEY LENGTH (2)                               |
 *    20| KEY … | key-associated data descriptors …                                         |
 *
 * Key-associated data descriptor, SSC-4 "Tape data encryption descriptors":
 *
 *     0| TYPE | . AUTHENTICATED (3) | LENGTH (2) | data … |
 */

/** Whose data encryption parameters a nexus uses: those of all nexuses, or its own. SSC-4 "Data encryption parameters". */
export const EncryptionScope = { public: 0, local: 1, all: 2 } as const;
export type EncryptionScope = (typeof EncryptionScope)[keyof typeof EncryptionScope];

export const EncryptionMode = { disable: 0, external: 1, encrypt: 2 } as const;
export type EncryptionMode = (typeof EncryptionMode)[keyof typeof EncryptionMode];

export const DecryptionMode = { disable: 0, raw: 1, decrypt: 2, mixed: 3 } as const;
export type DecryptionMode = (typeof DecryptionMode)[keyof typeof DecryptionMode];

/** Blocks are neither taken encrypted nor given out so: EEMC_C says that there is no external mode, and raw reads would be of use for that only. */
const supportedEncryptionModes: readonly EncryptionMode[] = [EncryptionMode.disable, EncryptionMode.encrypt];
const supportedDecryptionModes: readonly DecryptionMode[] = [DecryptionMode.disable, DecryptionMode.decrypt, DecryptionMode.mixed];

/** CEEM: what is checked of blocks that were written in external mode; the default leaves it to the device. */
export const CheckExternalMode = { vendorSpecific: 0, doNotCheck: 1, check: 2 } as const;

/** The one algorithm that there is. SSC-4 "Data Encryption Capabilities page", ALGORITHM INDEX. */
export const ALGORITHM_INDEX = 1;
/** AES-256. */
export const KEY_LENGTH_BYTES = 32;
/** As LTO drives have it. */
export const UNAUTHENTICATED_KAD_LENGTH_MAX = 32;
export const AUTHENTICATED_KAD_LENGTH_MAX = 12;
export const KadType = { unauthenticated: 0, authenticated: 1 } as const;

/** How blocks are written and read. Keys are held in memory only. */
export interface EncryptionParameters {
  readonly encryptionMode: EncryptionMode;
  readonly decryptionMode: DecryptionMode;
  /** 32 bytes, or none when both modes do without one. */
  readonly key: Uint8Array | null;
  /** Key-associated data that is written beside each block; empty when there is none. */
  readonly unauthenticatedKad: Uint8Array;
  readonly authenticatedKad: Uint8Array;
  readonly kadFormat: number;
  readonly checkExternalMode: number;
  /** CKOD, CKORP and CKORL: the key goes with the volume, with a preempted reservation, with a lost one. */
  readonly clearsOnDemount: boolean;
  readonly clearsOnPreempt: boolean;
  readonly clearsOnReservationLoss: boolean;
}

export const noEncryption: EncryptionParameters = {
  encryptionMode: EncryptionMode.disable,
  decryptionMode: DecryptionMode.disable,
  key: null,
  unauthenticatedKad: new Uint8Array(0),
  authenticatedKad: new Uint8Array(0),
  kadFormat: 0,
  checkExternalMode: CheckExternalMode.vendorSpecific,
  clearsOnDemount: false,
  clearsOnPreempt: false,
  clearsOnReservationLoss: false,
};

export interface SetDataEncryption {
  readonly scope: EncryptionScope;
  readonly parameters: EncryptionParameters;
}

/** What is wrong with a list: a field of it, or that it ends too soon. */
export type ListFault = { readonly byte: number; readonly bit?: number } | 'length';

export const SET_DATA_ENCRYPTION = 0x0010;
const PAGE_HEADER_LENGTH = 4;
const AT = {
  scope: 4,
  controls: 5,
  encryptionMode: 6,
  decryptionMode: 7,
  algorithmIndex: 8,
  keyFormat: 9,
  kadFormat: 10,
  reserved: 11,
  keyLength: 18,
  key: 20,
} as const;
const SCOPE_SHIFT = 5;
const SCOPE_RESERVED_BITS = 0x1e;
const LOCK_BIT = 0x01;
const CEEM_SHIFT = 6;
const RDMC_BITS = 0x30;
const SDK_BIT = 0x08;
const CKOD_BIT = 0x04;
const CKORP_BIT = 0x02;
const CKORL_BIT = 0x01;
const MSB = 7;
const KAD_HEADER_LENGTH = 4;

/** Reads the page. Answers the fault of the first field that has one. */
export function readSetDataEncryption(list: Uint8Array): SetDataEncryption | { readonly fault: ListFault } {
  if (list.length < AT.key) return { fault: 'length' };
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  if (view.getUint16(0) !== SET_DATA_ENCRYPTION) return { fault: { byte: 0, bit: MSB } };
  if (view.getUint16(2) !== list.length - PAGE_HEADER_LENGTH) return { fault: { byte: 2, bit: MSB } };
  const scope = (list[AT.scope] as number) >> SCOPE_SHIFT;
  if (scope > EncryptionScope.all) return { fault: { byte: AT.scope, bit: MSB } };
  // SSC-4: a nexus that goes back to what all use says nothing else.
  if (scope === EncryptionScope.public) return { scope, parameters: noEncryption };
  const fault = fixedFieldFault(list);
  if (fault !== null) return { fault };
  const keyLength = view.getUint16(AT.keyLength);
  const encryptionMode = list[AT.encryptionMode] as EncryptionMode;
  const decryptionMode = list[AT.decryptionMode] as DecryptionMode;
  const needsKey = encryptionMode === EncryptionMode.encrypt || decryptionMode >= DecryptionMode.decrypt;
  // stenc sends a key of zeros when it switches encryption off; it is not looked at.
  const isKeyLength = keyLength === KEY_LENGTH_BYTES || (keyLength === 0 && !needsKey);
  if (!isKeyLength) return { fault: { byte: AT.keyLength, bit: MSB } };
  if (list.length < AT.key + keyLength) return { fault: 'length' };
  const kads = readKads(list, AT.key + keyLength, encryptionMode);
  if ('fault' in kads) return kads;
  const controls = list[AT.controls] as number;
  const parameters = {
    encryptionMode,
    decryptionMode,
    key: needsKey ? Uint8Array.from(list.subarray(AT.key, AT.key + keyLength)) : null,
    ...kads,
    kadFormat: list[AT.kadFormat] as number,
    checkExternalMode: controls >> CEEM_SHIFT,
    clearsOnDemount: (controls & CKOD_BIT) !== 0,
    clearsOnPreempt: (controls & CKORP_BIT) !== 0,
    clearsOnReservationLoss: (controls & CKORL_BIT) !== 0,
  };
  return { scope: scope as EncryptionScope, parameters };
}

function fixedFieldFault(list: Uint8Array): ListFault | null {
  const reserved = (list[AT.scope] as number) & (SCOPE_RESERVED_BITS | LOCK_BIT);
  // LOCK_C is zero: parameters cannot be locked.
  if (reserved !== 0) return { byte: AT.scope, bit: 31 - Math.clz32(reserved) };
  const controls = list[AT.controls] as number;
  if (controls >> CEEM_SHIFT > CheckExternalMode.check) return { byte: AT.controls, bit: MSB };
  // Neither a control of raw reads for each block nor supplemental decryption keys.
  if ((controls & RDMC_BITS) !== 0) return { byte: AT.controls, bit: 5 };
  if ((controls & SDK_BIT) !== 0) return { byte: AT.controls, bit: 3 };
  if (!supportedEncryptionModes.includes(list[AT.encryptionMode] as EncryptionMode)) return { byte: AT.encryptionMode, bit: MSB };
  if (!supportedDecryptionModes.includes(list[AT.decryptionMode] as DecryptionMode)) return { byte: AT.decryptionMode, bit: MSB };
  const isOff = list[AT.encryptionMode] === EncryptionMode.disable && list[AT.decryptionMode] === DecryptionMode.disable;
  if (list[AT.algorithmIndex] !== ALGORITHM_INDEX && !isOff) return { byte: AT.algorithmIndex, bit: MSB };
  // Plain-text keys alone, and no format of key-associated data but the unspecified one.
  if (list[AT.keyFormat] !== 0) return { byte: AT.keyFormat, bit: MSB };
  if (list[AT.kadFormat] !== 0) return { byte: AT.kadFormat, bit: MSB };
  const dirtyAt = list.subarray(AT.reserved, AT.keyLength).findIndex((byte) => byte !== 0);
  return dirtyAt < 0 ? null : { byte: AT.reserved + dirtyAt };
}

type Kads = Pick<EncryptionParameters, 'unauthenticatedKad' | 'authenticatedKad'>;

/** By ascending type, each at most once. They go with blocks that are encrypted here, and with no others. */
function readKads(list: Uint8Array, from: number, encryptionMode: EncryptionMode): Kads | { readonly fault: ListFault } {
  let unauthenticatedKad = new Uint8Array(0);
  let authenticatedKad = new Uint8Array(0);
  let previousType = -1;
  for (let at = from; at < list.length; ) {
    if (at + KAD_HEADER_LENGTH > list.length) return { fault: 'length' };
    const type = list[at] as number;
    const lengthBytes = ((list[at + 2] as number) << 8) | (list[at + 3] as number);
    if (encryptionMode !== EncryptionMode.encrypt || type > KadType.authenticated || type <= previousType) return { fault: { byte: at, bit: MSB } };
    const lengthMax = type === KadType.authenticated ? AUTHENTICATED_KAD_LENGTH_MAX : UNAUTHENTICATED_KAD_LENGTH_MAX;
    if (lengthBytes > lengthMax) return { fault: { byte: at + 2, bit: MSB } };
    const end = at + KAD_HEADER_LENGTH + lengthBytes;
    if (end > list.length) return { fault: 'length' };
    const data = Uint8Array.from(list.subarray(at + KAD_HEADER_LENGTH, end));
    if (type === KadType.authenticated) authenticatedKad = data;
    else unauthenticatedKad = data;
    previousType = type;
    at = end;
  }
  return { unauthenticatedKad, authenticatedKad };
}
