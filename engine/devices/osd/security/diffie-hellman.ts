import { createDiffieHellmanGroup, type DiffieHellmanGroup } from 'node:crypto';

/** DH_GROUP: the 2048-bit MODP group of RFC 3526, the one that is offered. Others are too weak to begin with. */
export const DH_GROUP_2048 = 0x03;
const GROUP_NAME = 'modp14';
/** Public values travel as so many bytes. */
export const DH_DATA_LENGTH = 256;

/** The device's half of an exchange: what it sends, and what both know in the end. */
export class DeviceExchange {
  readonly #group: DiffieHellmanGroup;
  readonly publicValue: Uint8Array;
  readonly peerValue: Uint8Array;

  constructor(peerValue: Uint8Array) {
    this.#group = createDiffieHellmanGroup(GROUP_NAME);
    this.publicValue = padded(this.#group.generateKeys());
    this.peerValue = peerValue;
  }

  /** The secret that both have, or null when the other's value is none of the group: 0, 1 or p - 1 would give the secret away. */
  secret(): Uint8Array | null {
    try {
      return padded(this.#group.computeSecret(this.peerValue));
    } catch {
      return null;
    }
  }
}

function padded(value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(DH_DATA_LENGTH);
  bytes.set(value, DH_DATA_LENGTH - value.length);
  return bytes;
}
