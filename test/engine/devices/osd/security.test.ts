import { createDiffieHellmanGroup } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeCapability, Osd, type OsdCapability, type OsdCommand, osdUint } from '../../../support/osd-cdb.js';
import { dataInOf, nexus, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { keysOf, newNonce, type SignedCommand, type Signing, sha1Mac, signOsd } from './osd-client.js';
import { answerOf, bytes, descriptorAt, failed, good, OBJECT, type OsdAnswer, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const ids = { partition: PARTITION, object: OBJECT } as const;
const Permission = { read: 0x8000, write: 0x4000, getAttributes: 0x2000, setAttributes: 0x1000, create: 0x0800, policy: 0x0020 } as const;
const Method = { noSec: 0, capKey: 1, cmdRsp: 2, allData: 3 } as const;
const R = 0x90000000;
const P = 0x30000000;

const userCapability: OsdCapability = { objectType: 0x80, permissions: 0xffff, descriptorType: 1, ...ids };

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 4, data: bytes('data') }));
});
test.after.each(() => bed.close());

const readWith = (capability: Partial<OsdCapability>, command: Partial<OsdCommand> = {}) =>
  bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4, capability: encodeCapability({ ...userCapability, ...capability }), ...command });
const writeWith = (capability: Partial<OsdCapability>, command: Partial<OsdCommand> = {}) =>
  bed.run({ action: Osd.WRITE, ...ids, length: 4, data: bytes('more'), capability: encodeCapability({ ...userCapability, ...capability }), ...command });

test('READ: under NOSEC a capability that is given has to allow it', async () => {
  good(await readWith({}));
  good(await readWith({ format: 1, permissions: Permission.read }));
  failed(await readWith({ format: 3 }), '05/2400', 80);
  failed(await readWith({ permissions: Permission.write }), '05/2400', 129);
  failed(await readWith({ objectType: 0x40 }), '05/2400', 128);
  failed(await readWith({ partition: 0x10001n }), '05/2400', 152);
  failed(await readWith({ object: 0x20001n }), '05/2400', 160);
  failed(await readWith({ descriptorType: 0 }), '05/2400', 135);
  good(await readWith({ descriptorType: 2, object: 0n }));
});

test('READ: embedded attributes take permissions of their own', async () => {
  const get = [{ page: 1, number: 9 }];
  failed(await readWith({ permissions: Permission.read }, { get }), '05/2400', 129);
  good(await readWith({ permissions: Permission.read | Permission.getAttributes }, { get }));
  good(await readWith({ permissions: Permission.read }, { get: [{ page: 0xfffffffe, number: 2 }] }));
  const set = [{ page: 5, number: 0x40000001, value: osdUint(7, 4) }];
  failed(await readWith({ permissions: Permission.read | Permission.setAttributes }, { set }), '05/2400', 129);
  good(await readWith({ permissions: Permission.read | Permission.setAttributes | Permission.policy }, { set }));
});

test('WRITE: expiry, object version, policy access tag, boot epoch and byte range of a capability', async () => {
  failed(await writeWith({ expirationMs: Date.now() - 1000 }), '05/2400', 84);
  good(await writeWith({ expirationMs: Date.now() + 60_000 }));
  failed(await writeWith({ createdMs: 12345 }), '05/2400', 122);
  const created = good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, get: [{ page: 3, number: 1 }] })).retrieved.readUIntBE(24, 6);
  good(await writeWith({ createdMs: created }));
  failed(await writeWith({ policyAccessTag: 9 }), '05/2400', 140);
  good(await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, set: [{ page: 5, number: 0x40000001, value: osdUint(9, 4) }] }));
  good(await writeWith({ policyAccessTag: 9 }));
  const epoch = good(await bed.run({ action: Osd.GET_ATTRIBUTES, get: [{ page: R + 5, number: 8 }] })).retrieved.readUInt16BE(24);
  good(await writeWith({ bootEpoch: epoch }));
  failed(await writeWith({ bootEpoch: epoch + 1 }), '05/2400', 144);
  good(await writeWith({ range: { start: 0n, length: 4n } }));
  failed(await writeWith({ range: { start: 1n, length: 4n } }), '05/2400', 168);
});

test('READ: ALLOWED ATTRIBUTES ACCESS names a list of the partition, and what is not in it is neither set nor got', async () => {
  const list = Buffer.concat([osdUint(1, 4), osdUint(9, 4), osdUint(0x10000, 4), osdUint(0xffffffff, 4)]);
  const setList = (value: Uint8Array) => bed.run({ action: Osd.SET_ATTRIBUTES, partition: PARTITION, set: [{ page: P + 4, number: 7, value }] });
  failed(await setList(list.subarray(1)), '05/2600');
  good(await setList(list));
  const limited = { allowedAttributesAccess: 7 };
  const own = { page: 0x10000, number: 3 };
  const name = { page: 1, number: 9 };
  good(await readWith(limited, { set: [{ ...own, value: bytes('mine') }], get: [name, own, { page: 0xfffffffe, number: 2 }] }));
  good(await readWith(limited));
  failed(await readWith(limited, { get: [name, { page: 1, number: 0x82 }] }), '05/2400', 136);
  failed(await readWith(limited, { set: [{ page: 5, number: 0x40000001, value: osdUint(1, 4) }] }), '05/2400', 136);
  failed(await readWith(limited, { get: [{ page: 0xffffffff, number: 9 }] }), '05/2400', 136);
  failed(await readWith({ allowedAttributesAccess: 8 }, { get: [name] }), '05/2400', 136);
  // The layout of OSD, in which other bytes stand there.
  good(await readWith({ ...limited, format: 1 }, { get: [{ page: 1, number: 0x82 }] }));
  const kept = good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, get: [{ page: P + 4, number: 0xffffffff }] })).retrieved;
  assert.ok(kept.includes(list), 'all of the page has the list');
  good(await setList(new Uint8Array(0)));
  failed(await readWith(limited, { get: [name] }), '05/2400', 136);
});

test('READ: a capability for the members of a collection', async () => {
  good(await bed.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: 0x50000n }));
  failed(await readWith({ descriptorType: 3, object: 0x50000n }), '05/2400', 160);
  good(await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, set: [{ page: 4, number: 1, value: u64(0x50000) }] }));
  good(await readWith({ descriptorType: 3, object: 0x50000n }));
});

/** Master, root, partition and working key 3 of the partition, set by the commands; answers the working key. */
async function setKeys(): Promise<{ working: Buffer; systemId: Buffer }> {
  const group = createDiffieHellmanGroup('modp14');
  const own = Buffer.alloc(256);
  const value = group.generateKeys();
  value.copy(own, 256 - value.length);
  const seedExchange = Buffer.concat([Uint8Array.of(0, 0, 0, 3), osdUint(256, 4), own]);
  const keyIdentifier = (at: number, text: string) => [at, bytes(text.padEnd(7))] as const;
  const lengths = (out: number, into: number) => [32, Buffer.concat([osdUint(out, 4), osdUint(into, 4)])] as const;
  const masterKey = (specific: number, data: Buffer) =>
    bed.run({ action: Osd.SET_MASTER_KEY, specific, data, dataInLength: 260, patches: [keyIdentifier(25, 'master'), lengths(data.length, 260)] });
  const answer = good(await masterKey(0, seedExchange));
  const theirs = answer.dataIn.subarray(4, 260);
  good(await masterKey(1, Buffer.concat([osdUint(256, 4), own, osdUint(256, 4), theirs])));
  const secret = Buffer.alloc(256);
  const shared = group.computeSecret(theirs);
  shared.copy(secret, 256 - shared.length);
  const master = keysOf(Buffer.alloc(20), secret);
  const setKey = async (specific: number, partition: bigint, version: number, seed: Buffer, identifier: string) =>
    good(await bed.run({ action: Osd.SET_KEY, specific, partition, patches: [[24, Uint8Array.of(version)], keyIdentifier(25, identifier), [32, seed]] }));
  const seeds = [Buffer.alloc(20, 0xa1), Buffer.alloc(20, 0xb2), Buffer.alloc(20, 0xc3)] as const;
  await setKey(1, 0n, 0, seeds[0], 'root');
  await setKey(2, PARTITION, 0, seeds[1], 'part');
  await setKey(3, PARTITION, 3, seeds[2], 'work3');
  const root = keysOf(master.generation, seeds[0]);
  const partition = keysOf(root.generation, seeds[1]);
  const working = keysOf(partition.generation, seeds[2]).authentication;
  const systemId = Buffer.from(good(await bed.run({ action: Osd.GET_ATTRIBUTES, get: [{ page: R + 1, number: 3 }] })).retrieved.subarray(24, 44));
  return { working, systemId };
}

async function send(signed: SignedCommand, by = nexus): Promise<OsdAnswer> {
  const slot = await runDeferred(bed.unit, Buffer.from(signed.cdb).toString('hex'), { dataOut: signed.dataOut, nexus: by });
  return answerOf(slot, signed.retrievedAt);
}

const requireMethod = (method: number) =>
  bed.run({ action: Osd.SET_ATTRIBUTES, partition: PARTITION, set: [{ page: P + 5, number: 1, value: Uint8Array.of(method) }] });

test('SET MASTER KEY and SET KEY: keys come one of the other, and their identifiers are attributes', async () => {
  await setKeys();
  const identifiers = good(
    await bed.run({
      action: Osd.GET_ATTRIBUTES,
      get: [
        { page: R + 5, number: 0x7ffd },
        { page: R + 5, number: 0x7ffe },
      ],
    }),
  );
  assert.is(identifiers.retrieved.subarray(24, 31).toString(), 'master ');
  const working = good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, get: [{ page: P + 5, number: 0x8003 }] }));
  assert.is(working.retrieved.subarray(24, 31).toString(), 'work3  ');
});

test('SET KEY: a key that is none, a root key of a partition, and a key without the one above it', async () => {
  failed(await bed.run({ action: Osd.SET_KEY, specific: 0 }), '05/2400', 11);
  failed(await bed.run({ action: Osd.SET_KEY, specific: 1, partition: PARTITION }), '05/2400', 16);
  failed(await bed.run({ action: Osd.SET_KEY, specific: 2, partition: PARTITION }), '05/2c00');
});

test('SET MASTER KEY: a step that is reserved, a change without an exchange, and lists that are too short or of another group', async () => {
  failed(await bed.run({ action: Osd.SET_MASTER_KEY, specific: 2 }), '05/2400', 11);
  failed(await bed.run({ action: Osd.SET_MASTER_KEY, specific: 1 }), '05/2c00');
  failed(await bed.run({ action: Osd.SET_MASTER_KEY, specific: 0 }), '05/1a00');
  const group = Buffer.concat([Uint8Array.of(0, 0, 0, 1), osdUint(256, 4), Buffer.alloc(256)]);
  failed(await bed.run({ action: Osd.SET_MASTER_KEY, specific: 0, data: group, patches: [[32, osdUint(group.length, 4)]] }), '05/2600');
});

test('READ: CMDRSP takes a signed CDB once, and signs its response', async () => {
  const { working, systemId } = await setKeys();
  good(await requireMethod(Method.cmdRsp));
  const signing: Signing = { secret: working, systemId, capability: { ...userCapability, keyVersion: 3, method: Method.cmdRsp } };
  const command: OsdCommand = { action: Osd.READ, ...ids, length: 4, dataInLength: 4, get: [{ page: 0xfffffffe, number: 1 }] };
  const signed = signOsd(command, signing);
  const answer = good(await send(signed));
  assert.is(answer.dataIn.subarray(0, 4).toString(), 'data');
  const expected = sha1Mac(signed.capabilityKey, signed.nonce, Uint8Array.of(0));
  assert.is(answer.retrieved.subarray(24, 44).toString('hex'), expected.toString('hex'), 'response integrity check value');
  failed(await send(signed), '05/2406');
  failed(await send(signOsd(command, { ...signing, nonce: newNonce(Date.now() - 3_600_000) })), '05/2407');
  failed(await send(signOsd(command, { ...signing, secret: Buffer.alloc(20) })), '05/2400', 184);
  const altered = signOsd(command, signing);
  altered.cdb[39] = 3;
  failed(await send(altered), '05/2400', 184);
  failed(await bed.run(command), '05/2400', 80);
  failed(await bed.run({ ...command, capability: encodeCapability({ ...userCapability, method: Method.noSec }) }), '05/2400', 82);
  failed(await send(signOsd(command, { ...signing, capability: { ...signing.capability, keyVersion: 4 } })), '05/2400', 81);
  failed(await send(signOsd(command, { ...signing, capability: { ...signing.capability, algorithm: 2 } })), '05/2400', 81);
});

test('READ: under CMDRSP sense data are signed too', async () => {
  const { working, systemId } = await setKeys();
  const signing: Signing = { secret: working, systemId, capability: { ...userCapability, keyVersion: 3, method: Method.cmdRsp } };
  const signed = signOsd({ action: Osd.READ, ...ids, length: 9, dataInLength: 9 }, signing);
  const answer = failed(await send(signed), '01/3b17');
  const at = descriptorAt(answer.senseBytes, 0x07) + 2;
  const value = Buffer.from(answer.senseBytes.subarray(at, at + 32));
  const unsigned = Buffer.from(answer.senseBytes);
  unsigned.fill(0, at, at + 32);
  assert.is(value.subarray(0, 20).toString('hex'), sha1Mac(signed.capabilityKey, signed.nonce, Uint8Array.of(2), unsigned).toString('hex'));
});

test('READ: CAPKEY signs the security token of the nexus, and is of no use to another', async () => {
  const { working, systemId } = await setKeys();
  good(await requireMethod(Method.capKey));
  const token = dataInOf(run(bed.unit, '1201b1010000')).slice(4);
  assert.is(token.length, 16);
  const signing: Signing = { secret: working, systemId, securityToken: token, capability: { ...userCapability, keyVersion: 3, method: Method.capKey } };
  const command: OsdCommand = { action: Osd.READ, ...ids, length: 4, dataInLength: 4 };
  good(await send(signOsd(command, signing)));
  good(await send(signOsd(command, signing)));
  failed(await send(signOsd(command, signing), otherNexus), '05/2400', 184);
});

test('WRITE: ALLDATA refuses data that were changed on the way, and signs what comes back', async () => {
  const { working, systemId } = await setKeys();
  good(await requireMethod(Method.allData));
  const signing: Signing = { secret: working, systemId, capability: { ...userCapability, keyVersion: 3, method: Method.allData } };
  const set = [{ page: 1, number: 9, value: bytes('name') }];
  const write: OsdCommand = { action: Osd.WRITE, ...ids, length: 4, data: bytes('safe'), set, get: [{ page: 1, number: 9 }] };
  good(await send(signOsd(write, signing)));
  const altered = signOsd(write, signing);
  altered.dataOut[0] = 0x53;
  failed(await send(altered), '05/260f');
  const signed = signOsd({ action: Osd.READ, ...ids, length: 4, dataInLength: 4, get: [{ page: 1, number: 9 }] }, signing);
  const answer = good(await send(signed));
  const information = answer.dataIn.subarray(signed.integrityAt);
  assert.is(information.readBigUInt64BE(0), 4n);
  const retrievedLength = Number(information.readBigUInt64BE(8));
  const retrieved = answer.retrieved.subarray(0, retrievedLength);
  assert.is(information.subarray(16, 36).toString('hex'), sha1Mac(signed.capabilityKey, answer.dataIn.subarray(0, 4), retrieved).toString('hex'));
});

test('READ: a frozen working key opens nothing', async () => {
  const { working, systemId } = await setKeys();
  good(await bed.run({ action: Osd.SET_ATTRIBUTES, partition: PARTITION, set: [{ page: P + 5, number: 5, value: Uint8Array.of(0, 0x08) }] }));
  const signing: Signing = { secret: working, systemId, capability: { ...userCapability, keyVersion: 3, method: Method.cmdRsp } };
  failed(await send(signOsd({ action: Osd.READ, ...ids, length: 4 }, signing)), '05/2405');
});

test('FORMAT OSD: the option security= is what new partitions ask for, and keys above partitions outlive it', async () => {
  await setKeys();
  good(await bed.run({ action: Osd.FORMAT_OSD }));
  const identifier = good(await bed.run({ action: Osd.GET_ATTRIBUTES, get: [{ page: R + 5, number: 0x7ffe }] }));
  assert.is(identifier.retrieved.subarray(24, 31).toString(), 'root   ');
  const secured = await openBed({ options: { security: 'cmdrsp' } });
  failed(await secured.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }), '05/2400', 80);
  await secured.close();
});

test.run();
