import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAttributes, Osd } from '../../../support/osd-cdb.js';
import { bytes, failed, good, OBJECT, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const ids = { partition: PARTITION, object: OBJECT } as const;
const ALL = 0xffffffff;
const CURRENT_COMMAND = 0xfffffffe;
const P = 0x30000000;
const C = 0x60000000;
const R = 0x90000000;

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 6, data: bytes('object') }));
});
test.after.each(() => bed.close());

const get = (page: number, number: number, of: object = ids) => bed.run({ action: Osd.GET_ATTRIBUTES, ...of, get: [{ page, number }], getAllocation: 65_536 });
const set = (page: number, number: number, value: Uint8Array, of: object = ids) =>
  bed.run({ action: Osd.SET_ATTRIBUTES, ...of, set: [{ page, number, value }] });
const readValue = async (page: number, number: number, of: object = ids) => {
  const [entry] = decodeAttributes(good(await get(page, number, of)).retrieved);
  return entry?.value === null || entry === undefined ? null : Buffer.from(entry.value).toString('hex');
};

test('SET ATTRIBUTES: an attribute of a page of the initiator is kept, replaced and taken away', async () => {
  good(await set(0x10005, 3, bytes('one')));
  assert.is(await readValue(0x10005, 3), bytes('one').toString('hex'));
  good(await set(0x10005, 3, bytes('two')));
  assert.is(await readValue(0x10005, 3), bytes('two').toString('hex'));
  good(await set(0x10005, 3, new Uint8Array(0)));
  assert.is(await readValue(0x10005, 3), null);
});

test('SET ATTRIBUTES: what may not be set, a page of another kind of object and a number that is none', async () => {
  for (const [page, number] of [
    [1, 0x1],
    [1, 0x81],
    [3, 0x1],
    [0x7000, 1],
    [P + 1, 9],
    [0x10000, ALL],
    [0x20000000, 1],
    [CURRENT_COMMAND, 2],
  ] as const)
    failed(await set(page, number, u64(1)), '05/2600');
  failed(await bed.run({ action: Osd.SET_ATTRIBUTES, partition: PARTITION, object: 0x77777n }), '05/2400', 24);
});

test('GET ATTRIBUTES: what Linux asks the root for when it finds the device, whose name nobody has given yet', async () => {
  // libosd takes the length of the name as it stands: that of an attribute that is not there would be FFFFh.
  const get = [4, 5, 6, 7, 8, 9, 0x80, 0x81, 0xc0, 0x100, 3].map((number) => ({ page: 0x90000001, number }));
  const { retrieved } = good(await bed.run({ action: Osd.GET_ATTRIBUTES, get }));
  const lengths = decodeAttributes(retrieved).map(({ value }) => value?.length);
  assert.equal(
    lengths.filter((_, index) => index !== 4),
    [8, 16, 32, 4, 0, 8, 8, 8, 6, 20],
  );
});

test('SET ATTRIBUTES: the logical length cuts and lengthens the object', async () => {
  good(await set(1, 0x82, u64(3)));
  const answer = failed(await bed.run({ action: Osd.READ, ...ids, length: 6, dataInLength: 6 }), '01/3b17');
  assert.is(answer.dataIn.toString('latin1'), 'obj\0\0\0');
  good(await set(1, 0x82, u64(5)));
  assert.is(good(await bed.run({ action: Osd.READ, ...ids, length: 5, dataInLength: 5 })).dataIn.toString('latin1'), 'obj\0\0');
  failed(await set(1, 0x82, Uint8Array.of(1)), '05/2600');
});

test('SET ATTRIBUTES: quotas bound objects and partitions', async () => {
  assert.is(await readValue(2, 1), 'ffffffffffffffff');
  good(await set(2, 1, u64(8)));
  assert.is(await readValue(2, 1), '0000000000000008');
  failed(await bed.run({ action: Osd.WRITE, ...ids, length: 4, start: 6n, data: bytes('long') }), '07/5507');
  good(await set(P + 2, 0x10002, u64(1), { partition: PARTITION }));
  failed(await bed.run({ action: Osd.CREATE, partition: PARTITION }), '07/5507');
  good(await set(P + 2, 0x10002, u64(0xffffffffffffffffn), { partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE, partition: PARTITION }));
});

test('SET ATTRIBUTES: one value in the CDB, and one in the Data-Out beside a page', async () => {
  good(await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, setOne: { page: 0x10000, number: 1, value: bytes('eighteen bytes max') } }));
  assert.is(await readValue(0x10000, 1), bytes('eighteen bytes max').toString('hex'));
  good(await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, setValue: { page: 0x10000, number: 2, value: bytes('any length') } }));
  assert.is(await readValue(0x10000, 2), bytes('any length').toString('hex'));
  failed(await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, setOne: { page: 1, number: 0x81, value: u64(0) } }), '05/2400', 52);
  failed(
    await bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, setOne: { page: 1, number: 9, value: bytes('x') }, patches: [[60, Uint8Array.of(0, 19)]] }),
    '05/2400',
    60,
  );
});

test('SET ATTRIBUTES: lists that are torn, of another type or longer than what came', async () => {
  const list = (patch: (dataOut: Buffer) => void) => {
    const data = Buffer.from('0900000000000018000100000000000100000000000000036162630000000000', 'hex');
    patch(data);
    const patches = [
      [11, Uint8Array.of(0x30)],
      [68, Uint8Array.of(0, 0, 0, 32)],
      [72, Uint8Array.of(0, 0, 0, 0)],
    ] as const;
    return bed.run({ action: Osd.SET_ATTRIBUTES, ...ids, data, patches });
  };
  good(await list(() => {}));
  good(await list((data) => data.writeUInt32BE(0, 4)));
  failed(await list((data) => data.writeUInt8(1, 0)), '05/2600');
  failed(await list((data) => data.writeUInt32BE(0x100, 4)), '05/1a00');
  failed(await list((data) => data.writeUInt16BE(9, 22)), '05/1a00');
});

test('GET ATTRIBUTES: pages of user objects have true values', async () => {
  assert.is(await readValue(1, 1), '0000000000010000');
  assert.is(await readValue(1, 2), '0000000000020000');
  assert.is(await readValue(1, 0x82), '0000000000000006');
  assert.is(await readValue(1, 0), Buffer.from('INCITS  T10 User Object Information     ').toString('hex'));
  const created = Number.parseInt((await readValue(3, 1)) ?? '', 16);
  assert.ok(Math.abs(created - Date.now()) < 60_000, 'created about now');
  assert.is(await readValue(5, 0x40000001), '00000000');
  assert.is(await readValue(1, 0x55), null, 'not defined: length FFFFh');
});

test('GET ATTRIBUTES: pages of the partition and of the root', async () => {
  const partition = { partition: PARTITION };
  assert.is(await readValue(P + 1, 1, partition), '0000000000010000');
  assert.is(await readValue(P + 1, 0xc1, partition), '0000000000000001');
  assert.is(await readValue(P + 2, 0x10001, partition), 'ffffffffffffffff');
  assert.is(await readValue(P + 5, 1, partition), '00');
  assert.is(await readValue(R + 1, 4, {}), Buffer.from('LUNLOOM ').toString('hex'));
  assert.is(await readValue(R + 1, 0xc0, {}), '0000000000000001');
  assert.is((await readValue(R + 1, 3, {}))?.length, 40, 'the OSD system ID has 20 bytes');
  assert.is(await readValue(R + 5, 7, {}), '000f');
  const total = BigInt(`0x${await readValue(R + 1, 0x80, {})}`);
  assert.ok(total > BigInt(`0x${await readValue(R + 1, 0x81, {})}`), 'more in all than is used');
});

test('SET ATTRIBUTES: names and policies of the root and of a partition are kept over a restart', async () => {
  good(await set(R + 1, 9, bytes('my osd'), {}));
  good(await set(P + 1, 9, bytes('my partition'), { partition: PARTITION }));
  good(await set(P + 5, 0x40000002, Uint8Array.of(0, 0, 0, 5), { partition: PARTITION }));
  failed(await set(R + 5, 7, Uint8Array.of(0, 1), {}), '05/2600');
  failed(await set(4, 1, u64(0x77777)), '05/2600');
  bed = await bed.reopen();
  assert.is(await readValue(R + 1, 9, {}), bytes('my osd').toString('hex'));
  assert.is(await readValue(P + 1, 9, { partition: PARTITION }), bytes('my partition').toString('hex'));
  good(await bed.run({ action: Osd.CREATE, partition: PARTITION, object: 0x20009n }));
  assert.is(await readValue(5, 0x40000001, { partition: PARTITION, object: 0x20009n }), '00000005', 'of its partition');
});

test('GET ATTRIBUTES: a collection pointer makes a member, and the page tells of it', async () => {
  good(await bed.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: 0x50000n }));
  good(await set(4, 7, u64(0x50000)));
  assert.is(await readValue(4, 7), '0000000000050000');
  assert.is(await readValue(C + 1, 2, { partition: PARTITION, object: 0x50000n }), '0000000000050000');
  failed(await set(4, 8, u64(0x50000)), '05/2600');
  good(await set(4, 7, u64(0)));
  assert.is(await readValue(4, 7), null);
});

test('GET ATTRIBUTES: all attributes of a page, and all of all pages, with the directory', async () => {
  good(await set(0x10005, 0, bytes('me')));
  good(await set(0x10005, 3, bytes('three')));
  const ofPage = decodeAttributes(good(await get(0x10005, ALL)).retrieved);
  assert.equal(
    ofPage.map(({ number }) => number),
    [0, 3],
  );
  const directory = decodeAttributes(good(await get(0, ALL)).retrieved);
  assert.equal(
    directory.map(({ number }) => number),
    [0, 1, 2, 3, 4, 5, 0x10005],
  );
  assert.is(Buffer.from(directory.at(-1)?.value ?? []).toString('latin1'), `me${'\0'.repeat(38)}`);
  const everything = decodeAttributes(good(await get(ALL, ALL)).retrieved);
  assert.ok(everything.some(({ page, number }) => page === 0x10005 && number === 3));
  assert.ok(everything.some(({ page, number }) => page === 1 && number === 0x82));
  assert.ok(everything.length > 18);
});

test('GET ATTRIBUTES: a page as a whole', async () => {
  const page = async (getPage: number, of: object = ids) => good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...of, getPage })).retrieved;
  assert.is((await page(2)).toString('hex'), '0000000200000008ffffffffffffffff');
  const times = await page(3);
  assert.is(times.readUInt32BE(4), 30);
  assert.is(times.length, 38);
  assert.is((await page(P + 5, { partition: PARTITION })).readUInt32BE(4), 150);
  assert.is((await page(R + 5, {})).readUInt32BE(4), 69);
  assert.is((await page(R + 2, {})).readUInt32BE(4), 0x24);
  assert.is((await page(R + 3, {})).readUInt32BE(4), 0x0d);
  assert.is((await page(P + 3, { partition: PARTITION })).readUInt32BE(4), 0x1f);
  assert.is((await page(0x10009)).toString('hex'), 'ffffffff00000000', 'the null page for one that is not there');
  failed(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, getPage: 1 }), '05/2400', 52);
  failed(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, getPage: P + 2 }), '05/2400', 52);
  assert.is((await page(P + 2, { partition: PARTITION })).readUInt32BE(4), 0x1c);
});

test('GET ATTRIBUTES: the Current Command page tells of the object', async () => {
  const answer = good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, getPage: CURRENT_COMMAND }));
  assert.is(answer.retrieved.toString('hex'), `fffffffe0000003c${'00'.repeat(32)}80000000${'0000000000010000'}${'0000000000020000'}${'00'.repeat(8)}`);
});

test('GET ATTRIBUTES: what has no room is cut, and lengths are not changed by that', async () => {
  good(await set(0x10000, 1, Buffer.alloc(100, 7)));
  const answer = good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, get: [{ page: 0x10000, number: 1 }], getAllocation: 40 }));
  assert.is(answer.retrieved.length, 40);
  assert.is(answer.retrieved.readUInt32BE(4), 120);
  assert.is(answer.retrieved.readUInt16BE(22), 100);
});

test('GET ATTRIBUTES: reads come before the sets of the same command, with SET ATTRIBUTES behind them', async () => {
  good(await set(0x10000, 1, bytes('old')));
  const both = { ...ids, set: [{ page: 0x10000, number: 1, value: bytes('new') }], get: [{ page: 0x10000, number: 1 }] };
  const before = good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...both }));
  assert.is(before.retrieved.subarray(24, 27).toString(), 'old');
  const behind = good(await bed.run({ action: Osd.SET_ATTRIBUTES, ...both, set: [{ page: 0x10000, number: 1, value: bytes('now') }] }));
  assert.is(behind.retrieved.subarray(24, 27).toString(), 'now');
});

test('WRITE: timestamps change, unless the CDB, the partition or nobody asks for that', async () => {
  const modified = async () => await readValue(3, 5);
  const start = await modified();
  await new Promise((resolve) => setTimeout(resolve, 5));
  good(await bed.run({ action: Osd.WRITE, ...ids, length: 1, data: bytes('x'), timestampsControl: 0x7f }));
  assert.is(await modified(), start);
  good(await set(P + 3, 0xfffffffe, Uint8Array.of(0x7f), { partition: PARTITION }));
  good(await bed.run({ action: Osd.WRITE, ...ids, length: 1, data: bytes('x') }));
  assert.is(await modified(), start);
  good(await set(P + 3, 0xfffffffe, Uint8Array.of(0), { partition: PARTITION }));
  good(await bed.run({ action: Osd.WRITE, ...ids, length: 1, data: bytes('x') }));
  assert.is.not(await modified(), start);
});

test.run();
