import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeList, decodeObjects, Osd, queryList } from '../../../support/osd-cdb.js';
import { bytes, failed, good, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const COLLECTION = 0x50000n;
const objectIds = [0x20000n, 0x20001n, 0x20002n, 0x20003n, 0x20004n];

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: COLLECTION }));
  for (const [index, object] of objectIds.entries()) {
    const set = [
      { page: 0x10000, number: 1, value: u64(index) },
      { page: 1, number: 9, value: bytes(`object ${index}`) },
      ...(index % 2 === 0 ? [{ page: 4, number: 1, value: u64(COLLECTION) }] : []),
    ];
    good(await bed.run({ action: Osd.CREATE_AND_WRITE, partition: PARTITION, object, length: index, data: Buffer.alloc(index), set }));
  }
});
test.after.each(() => bed.close());

const list = (options: object) => bed.run({ action: Osd.LIST, partition: PARTITION, length: 4096, dataInLength: 4096, ...options });

test('LIST: user objects of a partition, and partitions of the root', async () => {
  const answer = good(await list({}));
  const found = decodeList(answer.dataIn);
  assert.equal(found.ids, objectIds);
  assert.is(found.format, 0x21);
  assert.is(found.continuation, 0n);
  assert.is(found.identifier, 0);
  assert.is(answer.dataIn.toString('hex').slice(0, 64), '0000000000000038000000000000000000000000000000840000000000020000');
  assert.equal(decodeList(good(await list({ partition: 0n })).dataIn).ids, [PARTITION]);
  failed(await list({ partition: 0x99999n }), '05/2400', 16);
});

test('LIST: a list that is cut goes on under its identifier, and tells when objects have come meanwhile', async () => {
  const first = decodeList(good(await list({ length: 24 + 16, dataInLength: 40 })).dataIn);
  assert.equal(first.ids, objectIds.slice(0, 2));
  assert.is(first.continuation, objectIds[2]);
  assert.is.not(first.identifier, 0);
  good(await bed.run({ action: Osd.CREATE, partition: PARTITION, object: 0x30000n }));
  const rest = decodeList(good(await list({ start: first.continuation, listIdentifier: first.identifier })).dataIn);
  assert.equal(rest.ids, [...objectIds.slice(2), 0x30000n]);
  assert.ok(rest.hasChanged);
  assert.is(rest.continuation, 0n);
  failed(await list({ listIdentifier: 77 }), '05/2400', 48);
  failed(await list({ listIdentifier: first.identifier }), '05/2400', 48);
});

test('LIST: attributes of the objects come with their numbers, those of the partition by themselves', async () => {
  const get = [
    { page: 1, number: 9 },
    { page: 0x30000001, number: 0xc1 },
  ];
  const answer = good(await list({ specific: 0x40, get }));
  const found = decodeList(answer.dataIn);
  assert.is(found.format, 0x22);
  const objects = decodeObjects(found.body);
  assert.equal(
    objects.map(({ id, type, attributes }) => [id, type, Buffer.from(attributes[0]?.value ?? []).toString()]),
    objectIds.map((id, index) => [id, 0x80, `object ${index}`]),
  );
  assert.is(answer.retrieved.readBigUInt64BE(24), 6n, 'five objects and a collection');
  failed(await list({ specific: 0x40, getPage: 1 }), '05/2400', 11);
});

test('LIST: a sort order other than ascending, and an allocation length without room for the header', async () => {
  failed(await list({ specific: 0x01 }), '05/2400', 11);
  failed(await list({ length: 23 }), '05/2400', 32);
});

test('LIST COLLECTION: members of a collection, and with collection 0 the collections', async () => {
  const command = { action: Osd.LIST_COLLECTION, partition: PARTITION, object: COLLECTION, length: 4096, dataInLength: 4096 };
  const members = decodeList(good(await bed.run(command)).dataIn);
  assert.equal(members.ids, [0x20000n, 0x20002n, 0x20004n]);
  assert.is(members.format, 0x21);
  const collections = decodeList(good(await bed.run({ ...command, object: 0n })).dataIn);
  assert.equal(collections.ids, [COLLECTION]);
  assert.is(collections.format, 0x11);
  failed(await bed.run({ ...command, object: 0x20000n }), '05/2400', 24);
});

const query = (options: object) => bed.run({ action: Osd.QUERY, partition: PARTITION, object: COLLECTION, length: 4096, dataInLength: 4096, ...options });
const idsOf = (dataIn: Buffer) => Array.from({ length: (Number(dataIn.readBigUInt64BE(0)) - 4) / 8 }, (_, index) => dataIn.readBigUInt64BE(12 + 8 * index));

test('QUERY: members whose attributes lie between two values, all conditions or any', async () => {
  const criteria = [
    { page: 0x10000, number: 1, min: u64(1), max: u64(3) },
    { page: 1, number: 0x82, min: u64(4) },
  ];
  const all = good(await query({ continuation: [queryList('all', criteria)] }));
  assert.equal(idsOf(all.dataIn), []);
  const any = good(await query({ continuation: [queryList('any', criteria)] }));
  assert.equal(idsOf(any.dataIn), [0x20002n, 0x20004n]);
  assert.is(any.dataIn[11], 0x84, 'object descriptor format 21h');
  const partition = good(await query({ object: 0n, continuation: [queryList('any', criteria)] }));
  assert.equal(idsOf(partition.dataIn), [0x20001n, 0x20002n, 0x20003n, 0x20004n]);
});

test('QUERY: matches are put into another collection', async () => {
  good(await bed.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object: 0x60000n }));
  good(await query({ object: 0n, start: 0x60000n, continuation: [queryList('all', [{ page: 0x10000, number: 1, min: u64(3) }])] }));
  const found = good(await bed.run({ action: Osd.LIST_COLLECTION, partition: PARTITION, object: 0x60000n, length: 4096, dataInLength: 4096 }));
  assert.equal(decodeList(found.dataIn).ids, [0x20003n, 0x20004n]);
});

test('QUERY: without a query list, with a page that user objects do not have, and with a torn list', async () => {
  failed(await query({}), '05/2400', 48);
  failed(await query({ continuation: [queryList('all', [{ page: 0x30000001, number: 1 }])] }), '05/2600');
  failed(await query({ continuation: [{ type: 2, bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 200) }] }), '05/2600');
  failed(await query({ listIdentifier: 44, data: new Uint8Array(44) }), '05/2400', 48);
});

test('GET MEMBER ATTRIBUTES: attributes of the collection first, then those of each member', async () => {
  const command = { action: Osd.GET_MEMBER_ATTRIBUTES, partition: PARTITION, object: COLLECTION };
  const answer = good(
    await bed.run({
      ...command,
      get: [
        { page: 1, number: 9 },
        { page: 0x60000001, number: 2 },
      ],
    }),
  );
  const objects = decodeObjects(answer.retrieved.subarray(8, 8 + answer.retrieved.readUInt32BE(4)));
  assert.equal(
    objects.map(({ id, type }) => [id, type]),
    [
      [COLLECTION, 0x40],
      [0x20000n, 0x80],
      [0x20002n, 0x80],
      [0x20004n, 0x80],
    ],
  );
  failed(await bed.run({ ...command, getPage: 1 }), '05/2400', 11);
  failed(await bed.run({ ...command, get: [{ page: 0x90000001, number: 1 }] }), '05/2600');
});

test('SET MEMBER ATTRIBUTES: every member gets the attribute, or none does', async () => {
  const command = { action: Osd.SET_MEMBER_ATTRIBUTES, partition: PARTITION, object: COLLECTION };
  good(await bed.run({ ...command, set: [{ page: 0x10000, number: 5, value: bytes('m') }] }));
  for (const [index, object] of objectIds.entries()) {
    const answer = good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object, get: [{ page: 0x10000, number: 5 }] }));
    assert.is(answer.retrieved.readUInt16BE(22), index % 2 === 0 ? 1 : 0xffff);
  }
  const bad = [
    { page: 0x10000, number: 5, value: bytes('other') },
    { page: 1, number: 0x81, value: u64(1) },
  ];
  failed(await bed.run({ ...command, set: bad }), '05/2600');
  const answer = good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object: 0x20000n, get: [{ page: 0x10000, number: 5 }] }));
  assert.is(answer.retrieved.subarray(24, 25).toString(), 'm');
});

test('REMOVE MEMBER OBJECTS: the members go, the collection and the others stay', async () => {
  good(await bed.run({ action: Osd.REMOVE_MEMBER_OBJECTS, partition: PARTITION, object: COLLECTION }));
  assert.equal(decodeList(good(await list({})).dataIn).ids, [0x20001n, 0x20003n]);
  good(await bed.run({ action: Osd.GET_ATTRIBUTES, partition: PARTITION, object: COLLECTION }));
  failed(await bed.run({ action: Osd.REMOVE_MEMBER_OBJECTS, partition: PARTITION, object: 0x99999n }), '05/2400', 24);
});

test.run();
