import { createHmac } from 'node:crypto';
import { type EncodedOsdCommand, encodeCapability, encodeOsd, type OsdCapability, type OsdCommand, osdOffset, osdUint } from '../../../support/osd-cdb.js';

/** What a client with a credential, and who gives credentials out, compute. Nothing here comes from the engine. */

export function sha1Mac(key: Uint8Array, ...pieces: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha1', key);
  for (const piece of pieces) mac.update(piece);
  return mac.digest();
}

function withLastBit(seed: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(seed);
  copy[copy.length - 1] = ((copy.at(-1) as number) & 0xfe) | bit;
  return copy;
}

/** Keys that a seed makes of the key above. */
export function keysOf(generation: Uint8Array, seed: Uint8Array): { readonly authentication: Buffer; readonly generation: Buffer } {
  return { authentication: sha1Mac(generation, withLastBit(seed, 0)), generation: sha1Mac(generation, withLastBit(seed, 1)) };
}

let nonceCount = 0;
export function newNonce(timeMs = Date.now()): Buffer {
  return Buffer.concat([osdUint(timeMs, 6), osdUint(++nonceCount, 6)]);
}

export interface Signing {
  readonly secret: Uint8Array;
  readonly systemId: Uint8Array;
  readonly capability: OsdCapability;
  readonly nonce?: Uint8Array;
  /** Of CAPKEY. */
  readonly securityToken?: Uint8Array;
}

export interface SignedCommand extends EncodedOsdCommand {
  readonly capabilityKey: Buffer;
  readonly nonce: Uint8Array;
  /** Where integrity information of Data-In is, with ALLDATA. */
  readonly integrityAt: number;
}

/** A CDB whose integrity check value is what its method asks for; with ALLDATA the Data-Out has one too. */
export function signOsd(command: OsdCommand, signing: Signing): SignedCommand {
  const capability = encodeCapability(signing.capability);
  const capabilityKey = sha1Mac(signing.secret, capability, signing.systemId);
  const encoded = encodeOsd({ ...command, capability });
  const cdb = Buffer.from(encoded.cdb);
  const nonce = signing.nonce ?? newNonce();
  cdb.set(nonce, 216);
  let { dataOut, dataInLength } = encoded;
  let integrityAt = 0;
  if (signing.capability.method === 3) {
    const at = osdOffset(dataOut.length);
    const continuationLength = command.continuation === undefined ? 0 : cdb.readUInt32BE(48);
    const segments = segmentsOf(cdb, continuationLength + (command.data?.length ?? 0));
    const information = Buffer.concat([
      ...segments.map(({ length }) => osdUint(length, 8)),
      sha1Mac(capabilityKey, ...segments.map((segment) => dataOut.subarray(segment.at, segment.at + segment.length))),
      Buffer.alloc(12),
    ]);
    cdb.writeUInt32BE(at.field, 232);
    dataOut = Buffer.concat([dataOut, Buffer.alloc(at.offsetBytes - dataOut.length), information]);
    const inAt = osdOffset(dataInLength);
    cdb.writeUInt32BE(inAt.field, 228);
    integrityAt = inAt.offsetBytes;
    dataInLength = integrityAt + 48;
  }
  const signed = signing.capability.method === 1 ? sha1Mac(capabilityKey, signing.securityToken ?? Buffer.alloc(16)) : sha1Mac(capabilityKey, cdb);
  if (signing.capability.method !== 0) cdb.set(signed, 184);
  return { ...encoded, cdb, dataOut, dataInLength, capabilityKey, nonce, integrityAt };
}

/** Data, set attributes and get attributes: where they are says the format of the CDB. */
function segmentsOf(cdb: Buffer, dataLength: number): { readonly at: number; readonly length: number }[] {
  const offset = (field: number) => (field & 0x0fffffff) * 2 ** (((field >>> 28) ^ 8) - 8 + 8);
  const format = (cdb[11] as number) & 0x30;
  const nothing = { at: 0, length: 0 };
  if (format === 0x10) return [{ at: 0, length: dataLength }, nothing, nothing];
  if (format === 0x20) {
    const length = cdb.readUInt32BE(64) === 0 ? 0 : cdb.readUInt32BE(72);
    return [{ at: 0, length: dataLength }, length === 0 ? nothing : { at: offset(cdb.readUInt32BE(76)), length }, nothing];
  }
  return [
    { at: 0, length: dataLength },
    { at: cdb.readUInt32BE(68) === 0 ? 0 : offset(cdb.readUInt32BE(72)), length: cdb.readUInt32BE(68) },
    { at: cdb.readUInt32BE(52) === 0 ? 0 : offset(cdb.readUInt32BE(56)), length: cdb.readUInt32BE(52) },
  ];
}
