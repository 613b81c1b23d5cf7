import { createDiffieHellmanGroup } from 'node:crypto';
import * as assert from 'uvu/assert';
import { keysOf, type Signing, signOsd } from '../engine/devices/osd/osd-client.js';
import { encodeCapability, encodeOsd, Osd, type OsdCommand, osdUint, queryList, scatterGather } from '../support/osd-cdb.js';
import { BLOCK_LIMITS_OF_ALL, bytesOf, type DeviceRecorder, type RecordedData } from './device-recorder.js';

const PARTITION = 0x10000n;
const OBJECT = 0x20000n;
const COLLECTION = 0x50000n;
const MATCHES = 0x50001n;
const LENGTH = 512;
const ROOM = 1024;
const ROOT_PAGE = 0x90000000;
const PARTITION_PAGE = 0x30000000;
const ids = { partition: PARTITION, object: OBJECT } as const;
const inCollection = { partition: PARTITION, object: COLLECTION } as const;
const text = (value: string) => Buffer.from(value);
const userName = (value: string) => ({ page: 1, number: 9, value: text(value) });
const userNameOnly = { page: 1, number: 9 } as const;
const lengthOnly = { page: 1, number: 0x82 } as const;
/** OSD-2 "OSD Information VPD page": one attribute, the OSD system ID, root information page attribute 3h. */
const OSD_INFORMATION = /^11b0001401030010[0-9a-f]{32}$/;

/** As Wireshark shows them, which has no names for all. */
const ACTION_NAMES: Readonly<Record<number, string>> = {
  [Osd.CREATE]: 'Create (OSD-2)',
  [Osd.LIST]: 'List (OSD-2)',
  [Osd.READ]: 'Read (OSD-2)',
  [Osd.WRITE]: 'Write (OSD-2)',
  [Osd.APPEND]: 'Append (OSD-2)',
  [Osd.CLEAR]: 'Clear (OSD-2)',
  [Osd.REMOVE]: 'Remove (OSD-2)',
  [Osd.CREATE_PARTITION]: 'Create Partition (OSD-2)',
  [Osd.REMOVE_PARTITION]: 'Remove Partition (OSD-2)',
  [Osd.GET_ATTRIBUTES]: 'Get Attributes (OSD-2)',
  [Osd.SET_ATTRIBUTES]: 'Set Attributes (OSD-2)',
  [Osd.CREATE_AND_WRITE]: 'Create And Write (OSD-2)',
  [Osd.REMOVE_COLLECTION]: 'Remove Collection (OSD-2)',
  [Osd.LIST_COLLECTION]: 'List Collection (OSD-2)',
  [Osd.QUERY]: 'Query (OSD-2)',
  [Osd.REMOVE_MEMBER_OBJECTS]: 'Remove Member Objects (OSD-2)',
  [Osd.GET_MEMBER_ATTRIBUTES]: 'Get Member Attributes (OSD-2)',
  [Osd.SET_MEMBER_ATTRIBUTES]: 'Set Member Attributes (OSD-2)',
};

const nameOf = (cdb: Uint8Array) => ACTION_NAMES[Buffer.from(cdb).readUInt16BE(8)] ?? 'Unknown OSD Service Action';

const Method = { noSec: 0, capKey: 1, cmdRsp: 2, allData: 3 } as const;
const INNER_CDB_AT = 16;

type Run = (command: OsdCommand, more?: Pick<RecordedData, 'ends'>) => Promise<{ readonly dataIn: Buffer; readonly retrieved: Buffer }>;

/** Every service action, with attributes in each format, and three of the security methods. The device is formatted at both ends. */
export async function recordObjects(recorder: DeviceRecorder, lun: number): Promise<void> {
  const run: Run = async (command, more = {}) => {
    const { cdb, dataOut, dataInLength, retrievedAt } = encodeOsd(command);
    const data = { ...(dataOut.length === 0 ? {} : { dataOut }), ...(dataInLength === 0 ? {} : { dataInLength }) };
    const dataIn = await recorder.send(lun, nameOf(cdb), cdb, { ...data, ...more });
    return { dataIn, retrieved: dataIn.subarray(retrievedAt) };
  };
  await recorder.inquire(lun);
  await recorder.takeUnitAttentions(lun);
  await askWhatItIs(recorder, lun);
  await createAndWrite(run);
  await readBack(run);
  await collect(run);
  await perform(run);
  await sign(recorder, lun, run);
  await remove(run);
}

async function askWhatItIs(recorder: DeviceRecorder, lun: number): Promise<void> {
  const room: RecordedData = { dataInLength: ROOM };
  for (const page of ['00', '80', '83', '86', '87', '88', 'b1']) await recorder.send(lun, 'Inquiry', bytesOf(`12 01 ${page} 0400 00`), room);
  const information = await recorder.send(lun, 'Inquiry', bytesOf('12 01 b0 0400 00'), { ...room, misread: BLOCK_LIMITS_OF_ALL });
  assert.match(information.toString('hex'), OSD_INFORMATION);
  await recorder.send(lun, 'Mode Sense(10)', bytesOf('5a 00 3f 00 000000 0400 00'), room);
  await recorder.send(lun, 'Log Sense', bytesOf('4d 00 70 00 00 0000 0400 00'), room);
  await recorder.send(lun, 'Persistent Reserve In', bytesOf('5e 00 0000000000 0400 00'), room);
  await recorder.send(lun, 'Report LUNs', bytesOf('a0 00 00 000000 00000400 00 00'), room);
  await recorder.send(lun, 'Mgmt Protocol In', bytesOf('a3 0d 00 00 0000 00000400 00 00'), room);
}

async function createAndWrite(run: Run): Promise<void> {
  await run({ action: Osd.FORMAT_OSD });
  await run({ action: Osd.CREATE_PARTITION, partition: PARTITION, set: [{ page: PARTITION_PAGE + 1, number: 9, value: text('part') }] });
  await run({ action: Osd.CREATE, ...ids, set: [userName('a'), { page: 0x10001, number: 1, value: text('red') }] });
  await run({ action: Osd.CREATE, partition: PARTITION, patches: [[32, osdUint(3, 2)]] });
  await run({
    action: Osd.CREATE_AND_WRITE,
    partition: PARTITION,
    object: OBJECT + 16n,
    length: LENGTH,
    data: Buffer.alloc(LENGTH, 0x41),
    set: [userName('b')],
  });
  await run({ action: Osd.WRITE, ...ids, length: LENGTH, data: Buffer.alloc(LENGTH, 0x57), set: [userName('written')], get: [lengthOnly] });
  await run({ action: Osd.WRITE, ...ids, length: 8, start: 4096n, data: text('far away'), getPage: 3 });
  await run({ action: Osd.APPEND, ...ids, length: 4, data: text('more'), get: [{ page: 0xfffffffe, number: 4 }] });
  await run({ action: Osd.CLEAR, ...ids, length: 16, start: 8n });
  await run({ action: Osd.PUNCH, ...ids, length: 8, start: 0n });
  const ranges = [
    { offset: 0n, length: 4n },
    { offset: 100n, length: 4n },
  ];
  await run({ action: Osd.WRITE, ...ids, length: 8, data: text('gathered'), continuation: [scatterGather(ranges)] });
}

async function readBack(run: Run): Promise<void> {
  const read = { action: Osd.READ, ...ids, length: LENGTH, dataInLength: LENGTH } as const;
  await run(read);
  await run({ ...read, set: [userName('both ways')], get: [userNameOnly, lengthOnly] });
  await run({ ...read, getPage: 3, setValue: userName('a page') });
  await run({ ...read, setOne: userName('one value') });
  await run({ ...read, start: 0x100000n }, { ends: '1/3b17' });
  await run({ action: Osd.READ_MAP, ...ids, length: ROOM, dataInLength: ROOM });
  for (const page of [2, 3, 4, 5, 0xfffffffe]) await run({ action: Osd.GET_ATTRIBUTES, ...ids, getPage: page });
  for (const page of [2, 3, 5]) await run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, getPage: PARTITION_PAGE + page });
  for (const page of [2, 3, 5]) await run({ action: Osd.GET_ATTRIBUTES, getPage: ROOT_PAGE + page });
  await run({ action: Osd.GET_ATTRIBUTES, ...ids, get: [userNameOnly, lengthOnly, { page: 0x10001, number: 0xffffffff }] });
  await run({ action: Osd.SET_ATTRIBUTES, ...ids, set: [userName('list'), { page: 0x10001, number: 2, value: text('blue') }] });
  await run({ action: Osd.SET_ATTRIBUTES, ...ids, setOne: userName('one') });
  await run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object: 0x77777n, getPage: 1 }, { ends: '5/2400' });
  await run({ action: Osd.FLUSH, ...ids });
  await run({ action: Osd.FLUSH_PARTITION, partition: PARTITION });
  await run({ action: Osd.FLUSH_OSD });
}

async function collect(run: Run): Promise<void> {
  await run({ action: Osd.CREATE_COLLECTION, ...inCollection });
  await run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: MATCHES });
  await run({ action: Osd.SET_ATTRIBUTES, ...ids, set: [{ page: 4, number: 1, value: osdUint(COLLECTION, 8) }] });
  const room = { length: ROOM, dataInLength: ROOM };
  await run({ action: Osd.LIST, ...room });
  await run({ action: Osd.LIST, partition: PARTITION, ...room });
  await run({ action: Osd.LIST, partition: PARTITION, length: 40, dataInLength: 40 });
  // Attributes come with their objects, and none behind them.
  await run({ action: Osd.LIST, partition: PARTITION, ...room, specific: 0x40, get: [lengthOnly], getAllocation: 0 });
  await run({ action: Osd.LIST_COLLECTION, partition: PARTITION, ...room });
  await run({ action: Osd.LIST_COLLECTION, ...inCollection, ...room });
  await run({ action: Osd.GET_MEMBER_ATTRIBUTES, ...inCollection, get: [lengthOnly] });
  await run({ action: Osd.SET_MEMBER_ATTRIBUTES, ...inCollection, set: [{ page: 0x10001, number: 3, value: text('seen') }] });
  const criteria = [{ page: 1, number: 0x82, min: osdUint(1, 8), max: osdUint(0x10000, 8) }];
  await run({ action: Osd.QUERY, ...inCollection, ...room, start: MATCHES, continuation: [queryList('all', criteria)] });
  await run({ action: Osd.FLUSH_COLLECTION, ...inCollection });
}

async function perform(run: Run): Promise<void> {
  const inquiry = Buffer.alloc(16);
  inquiry.set(bytesOf('120000002400'));
  await run({ action: Osd.PERFORM_SCSI_COMMAND, patches: [[INNER_CDB_AT, inquiry]], dataInLength: 0x24 });
  await run({ action: Osd.PERFORM_TASK_MANAGEMENT_FUNCTION, patches: [[INNER_CDB_AT, Uint8Array.of(2)]] });
}

const DH_BYTES = 256;
const KEY_VERSION = 3;

/** Numbers of the exchange have the length of the prime. */
function inFull(value: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(DH_BYTES - value.length), value]);
}

/** All keys down to a working key of the partition, and who made them. */
async function setKeys(run: Run): Promise<{ readonly working: Buffer; readonly systemId: Buffer }> {
  const group = createDiffieHellmanGroup('modp14');
  const own = inFull(group.generateKeys());
  const length = osdUint(DH_BYTES, 4);
  const named = (name: string) => [25, text(name.padEnd(7))] as const;
  const master = (specific: number, data: Buffer) => {
    const lengths = Buffer.concat([osdUint(data.length, 4), osdUint(DH_BYTES + 4, 4)]);
    return run({ action: Osd.SET_MASTER_KEY, specific, data, dataInLength: DH_BYTES + 4, patches: [named('master'), [32, lengths]] });
  };
  const theirs = (await master(0, Buffer.concat([osdUint(3, 4), length, own]))).dataIn.subarray(4, 4 + DH_BYTES);
  await master(1, Buffer.concat([length, own, length, theirs]));
  const [rootSeed, partitionSeed, workingSeed] = [0xa1, 0xb2, 0xc3].map((byte) => Buffer.alloc(20, byte)) as [Buffer, Buffer, Buffer];
  const setKey = (specific: number, partition: bigint, version: number, seed: Buffer) =>
    run({ action: Osd.SET_KEY, specific, partition, patches: [[24, Uint8Array.of(version)], named('key'), [32, seed]] });
  await setKey(1, 0n, 0, rootSeed);
  await setKey(2, PARTITION, 0, partitionSeed);
  await setKey(3, PARTITION, KEY_VERSION, workingSeed);
  const root = keysOf(keysOf(Buffer.alloc(20), inFull(group.computeSecret(theirs))).generation, rootSeed);
  const { retrieved } = await run({ action: Osd.GET_ATTRIBUTES, get: [{ page: ROOT_PAGE + 1, number: 3 }] });
  return { working: keysOf(keysOf(root.generation, partitionSeed).generation, workingSeed).authentication, systemId: retrieved.subarray(24, 44) };
}

/** Reads and writes with credentials of each method that has one, and one that nobody has signed. */
async function sign(recorder: DeviceRecorder, lun: number, run: Run): Promise<void> {
  const capability = { objectType: 0x80, permissions: 0xffff, descriptorType: 1, ...ids };
  await run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4, capability: encodeCapability({ ...capability, method: Method.noSec }) });
  const { working, systemId } = await setKeys(run);
  const page = await recorder.send(lun, 'Inquiry', bytesOf('12 01 b1 0400 00'), { dataInLength: ROOM });
  const securityToken = page.subarray(page.length - page.readUInt16BE(2));
  for (const method of [Method.capKey, Method.cmdRsp, Method.allData]) {
    const signing: Signing = { secret: working, systemId, capability: { ...capability, keyVersion: KEY_VERSION, method }, securityToken };
    for (const command of [
      { action: Osd.READ, ...ids, length: 4, dataInLength: 4, get: [{ page: 0xfffffffe, number: 1 }] },
      { action: Osd.WRITE, ...ids, length: 4, data: text('sign'), set: [userName('signed')], get: [userNameOnly] },
    ]) {
      const { cdb, dataOut, dataInLength } = signOsd(command, signing);
      await recorder.send(lun, nameOf(cdb), cdb, { dataInLength, ...(dataOut.length === 0 ? {} : { dataOut }) });
    }
    const forged = signOsd({ action: Osd.READ, ...ids, length: 4, dataInLength: 4 }, { ...signing, secret: Buffer.alloc(20) });
    await recorder.send(lun, nameOf(forged.cdb), forged.cdb, { dataInLength: forged.dataInLength, ends: '5/2400' });
  }
}

async function remove(run: Run): Promise<void> {
  await run({ action: Osd.REMOVE_MEMBER_OBJECTS, ...inCollection });
  await run({ action: Osd.REMOVE, partition: PARTITION, object: OBJECT + 16n });
  await run({ action: Osd.REMOVE_COLLECTION, ...inCollection, specific: 1 });
  await run({ action: Osd.REMOVE_PARTITION, partition: PARTITION }, { ends: '5/2c0a' });
  await run({ action: Osd.REMOVE_PARTITION, partition: PARTITION, specific: 1 });
  await run({ action: Osd.FORMAT_OSD });
}
