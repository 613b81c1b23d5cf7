import { createDiffieHellmanGroup } from 'node:crypto';
import { keysOf, newNonce, sha1Mac, signOsd } from '../engine/devices/osd/osd-client.js';
import { encodeCapability, encodeOsd, Osd, type OsdCapability, type OsdCommand, osdUint } from '../support/osd-cdb.js';
import type { SeededRandom } from '../support/random.js';
import type { OsdModel, OsdName } from './osd-model.js';
import { type OsdStep, Permission, pick } from './osd-steps.js';

const OBJECT_TYPE = { root: 0x01, partition: 0x02, collection: 0x40, user: 0x80 } as const;
const SingleObject = 1;
const WholePartition = 2;
const Members = 3;
const WORKING_KEY = 3;
export const Method = { noSec: 0, capKey: 1, cmdRsp: 2, allData: 3 } as const;

/** What is sent: a CDB with its Data-Out. */
export interface SentCommand {
  readonly cdb: Uint8Array;
  readonly dataOut: Uint8Array;
  readonly retrievedAt: number;
}

export type Send = (command: OsdCommand) => Promise<{ readonly dataIn: Buffer; readonly retrieved: Buffer }>;

/** Who gives credentials out: the keys of a device, and the methods that its partitions ask for. */
export class OsdCredentials {
  systemId: Buffer = Buffer.alloc(20);
  /** Of the nexus, anew with each start. */
  securityToken: Buffer = Buffer.alloc(16);
  readonly #random: SeededRandom;
  #master: Buffer = Buffer.alloc(0);
  #root: ReturnType<typeof keysOf> | null = null;
  readonly #keys = new Map<bigint, { readonly partition: Buffer; readonly working: Buffer }>();
  readonly #methods = new Map<bigint, number>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Master and root key, by the commands. */
  async setRootKey(send: Send): Promise<void> {
    const group = createDiffieHellmanGroup('modp14');
    const own = padded(group.generateKeys());
    const masterKey = (specific: number, data: Buffer) =>
      send({ action: Osd.SET_MASTER_KEY, specific, data, dataInLength: 260, patches: [[32, Buffer.concat([osdUint(data.length, 4), osdUint(260, 4)])]] });
    const { dataIn } = await masterKey(0, Buffer.concat([Uint8Array.of(0, 0, 0, 3), osdUint(256, 4), own]));
    const theirs = Buffer.from(dataIn.subarray(4, 260));
    await masterKey(1, Buffer.concat([osdUint(256, 4), own, osdUint(256, 4), theirs]));
    this.#master = keysOf(Buffer.alloc(20), padded(group.computeSecret(theirs))).generation;
    const seed = Buffer.from(this.#random.bytes(20));
    await send({ action: Osd.SET_KEY, specific: 1, patches: [[32, seed]] });
    this.#root = keysOf(this.#master, seed);
    this.systemId = Buffer.from((await send({ action: Osd.GET_ATTRIBUTES, get: [{ page: 0x90000001, number: 3 }] })).retrieved.subarray(24, 44));
  }

  /** Keys of a partition that has just come, and the method that it asks for from then on. */
  async secure(partition: bigint, method: number, send: Send): Promise<void> {
    if (this.#root === null) return;
    const seeds = [Buffer.from(this.#random.bytes(20)), Buffer.from(this.#random.bytes(20))] as const;
    await send({ action: Osd.SET_KEY, specific: 2, partition, patches: [[32, seeds[0]]] });
    await send({
      action: Osd.SET_KEY,
      specific: 3,
      partition,
      patches: [
        [24, Uint8Array.of(WORKING_KEY)],
        [32, seeds[1]],
      ],
    });
    const own = keysOf(this.#root.generation, seeds[0]);
    this.#keys.set(partition, { partition: own.authentication, working: keysOf(own.generation, seeds[1]).authentication });
    await send({ action: Osd.SET_ATTRIBUTES, partition, set: [{ page: 0x30000005, number: 1, value: Uint8Array.of(method) }] });
    this.#methods.set(partition, method);
  }

  /** What has gone from the model. */
  forgetMissing(model: OsdModel): void {
    for (const partition of Array.from(this.#keys.keys())) {
      if (model.partitions.has(partition)) continue;
      this.#keys.delete(partition);
      this.#methods.delete(partition);
    }
  }

  requiredBy({ target }: OsdStep, model: OsdModel): number {
    return model.partitions.has(target.partition) ? (this.#methods.get(target.partition) ?? Method.noSec) : Method.noSec;
  }

  /** The step with a credential that lets it through; `forged` spoils it, and says how it has to end. */
  sign(step: OsdStep, model: OsdModel, isForged: boolean): { readonly sent: SentCommand; readonly sense: string | null } {
    const required = this.requiredBy(step, model);
    const secret = this.#secretOf(step);
    const methods = [0, 1, 2, 3].filter((method) => method >= required && (method === 0 || secret !== null));
    const method = methods.length === 0 ? required : pick(this.#random, methods);
    if (method === Method.noSec && !isForged && this.#random.boolean()) return { sent: encodeOsd(step.command), sense: null };
    const capability = this.#capabilityFor(step, model, method);
    if (isForged) return this.#forged(step, capability, required, secret);
    return { sent: this.#signed(step.command, capability, secret), sense: null };
  }

  #signed(command: OsdCommand, capability: OsdCapability, secret: Buffer | null, nonce = newNonce()): SentCommand {
    if (capability.method === Method.noSec || secret === null) return encodeOsd({ ...command, capability: encodeCapability(capability) });
    return signOsd(command, { secret, systemId: this.systemId, capability, securityToken: this.securityToken, nonce });
  }

  #forged(step: OsdStep, capability: OsdCapability, required: number, secret: Buffer | null): { readonly sent: SentCommand; readonly sense: string } {
    const { command } = step;
    const signed = (other: Partial<OsdCapability>) => ({ sent: this.#signed(command, { ...capability, ...other }, secret), sense: '05/2400' });
    const missing = bitOf(step.permissions, this.#random);
    const ways = [
      () => signed({ expirationMs: Date.now() - 5000 }),
      () => signed({ permissions: 0xffff & ~missing }),
      () => signed({ objectType: capability.objectType === 0x80 ? 0x40 : 0x80 }),
      () => signed({ partition: step.target.partition + 77n }),
      () => signed({ bootEpoch: 0xfffe }),
      () => signed({ format: 3 }),
      ...(step.creates ? [] : [() => signed({ createdMs: 12345 })]),
      ...(capability.descriptorType === SingleObject ? [() => signed({ object: step.target.object + 1n })] : []),
      ...(required > 0 ? [() => ({ sent: encodeOsd(command), sense: '05/2400' }), () => signed({ method: required - 1 })] : []),
      ...(capability.method === 0 || secret === null
        ? []
        : [
            () => ({ sent: this.#signed(command, capability, sha1Mac(secret, secret)), sense: '05/2400' }),
            () => signed({ keyVersion: WORKING_KEY + 1, algorithm: 2 }),
            ...(capability.method === Method.capKey
              ? []
              : [() => ({ sent: this.#signed(command, capability, secret, newNonce(Date.now() - 3_600_000)), sense: '05/2407' })]),
          ]),
    ];
    return pick(this.#random, ways)();
  }

  #secretOf({ keyLevel, target }: OsdStep): Buffer | null {
    if (keyLevel === 'root') return this.#root?.authentication ?? null;
    const keys = this.#keys.get(target.partition);
    return keys === undefined ? null : keys[keyLevel];
  }

  #capabilityFor({ target, permissions }: OsdStep, model: OsdModel, method: number): OsdCapability {
    const { kind, partition, object } = target;
    const common = { objectType: OBJECT_TYPE[kind], partition, method, keyVersion: WORKING_KEY, permissions: this.#random.boolean() ? permissions : 0xffff };
    const expirationMs = this.#random.boolean() ? 0 : Date.now() + 600_000;
    if (kind === 'root' || kind === 'partition') return { ...common, expirationMs, descriptorType: WholePartition };
    const collections = kind === 'collection' ? [object] : collectionsOf(model, target);
    const descriptorType = pick(this.#random, [SingleObject, SingleObject, WholePartition, ...(collections.length > 0 ? [Members] : [])]);
    const id = descriptorType === SingleObject ? object : descriptorType === Members ? pick(this.#random, collections) : 0n;
    return { ...common, expirationMs, descriptorType, object: id };
  }
}

function collectionsOf(model: OsdModel, { partition, object }: OsdName): bigint[] {
  return [...(model.partitions.get(partition)?.objects.get(object)?.pointers.values() ?? [])];
}

function bitOf(permissions: number, random: SeededRandom): number {
  const bits = Object.values(Permission).filter((bit) => (permissions & bit) !== 0);
  return pick(random, bits);
}

function padded(value: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(256 - value.length), value]);
}
