import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeObjects, Osd } from '../../../support/osd-cdb.js';
import { bytes, failed, good, OBJECT, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const CURRENT_COMMAND = 0xfffffffe;
const ids = { partition: PARTITION, object: OBJECT } as const;

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
});
test.after.each(() => bed.close());

const createPartition = (partition = PARTITION) => bed.run({ action: Osd.CREATE_PARTITION, partition });
const create = (object = OBJECT) => bed.run({ action: Osd.CREATE, partition: PARTITION, object });
const createCollection = (object: bigint) => bed.run({ action: Osd.CREATE_COLLECTION, partition: PARTITION, object });

test('CREATE PARTITION: with a number of its own choice, and with one that the device gives', async () => {
  good(await createPartition());
  const answer = good(await bed.run({ action: Osd.CREATE_PARTITION, get: [{ page: CURRENT_COMMAND, number: 3 }] }));
  assert.ok(answer.retrieved.readBigUInt64BE(24) > PARTITION);
  failed(await createPartition(), '05/2400', 16);
  failed(await createPartition(0x1234n), '05/2400', 16);
});

test('CREATE: one user object, then several whose numbers come in a list of their own', async () => {
  good(await createPartition());
  good(await create());
  failed(await create(), '05/2400', 24);
  const answer = good(
    await bed.run({
      action: Osd.CREATE,
      partition: PARTITION,
      object: 0x40000n,
      patches: [[32, Uint8Array.of(0, 3)]],
      set: [{ page: 1, number: 0x9, value: bytes('three') }],
      get: [{ page: 1, number: 0x9 }],
    }),
  );
  assert.is(answer.retrieved[0], 0x0e, 'a list of several objects');
  const objects = decodeObjects(answer.retrieved.subarray(8));
  assert.equal(
    objects.map(({ id, type, attributes }) => [id, type, Buffer.from(attributes[0]?.value ?? []).toString()]),
    [0x40000n, 0x40001n, 0x40002n].map((id) => [id, 0x80, 'three']),
  );
  failed(await bed.run({ action: Osd.CREATE, partition: PARTITION, patches: [[32, Uint8Array.of(0, 3)]], getPage: 3 }), '05/2400', 52);
});

test('CREATE: in a partition that is not there', async () => {
  failed(await create(), '05/2400', 16);
});

test('CREATE COLLECTION and REMOVE COLLECTION: members hold it unless they are let go by force', async () => {
  good(await createPartition());
  good(await createCollection(0x50000n));
  failed(await createCollection(0x50000n), '05/2400', 24);
  good(await bed.run({ action: Osd.CREATE, ...ids, set: [{ page: 4, number: 1, value: u64(0x50000) }] }));
  failed(await bed.run({ action: Osd.REMOVE_COLLECTION, partition: PARTITION, object: 0x50000n }), '05/2c0a');
  good(await bed.run({ action: Osd.REMOVE_COLLECTION, partition: PARTITION, object: 0x50000n, specific: 0x01 }));
  failed(await bed.run({ action: Osd.REMOVE_COLLECTION, partition: PARTITION, object: 0x50000n }), '05/2400', 24);
  good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids }));
});

test('REMOVE: the attributes that it asks for are those of the object before it goes', async () => {
  good(await createPartition());
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 5, data: bytes('12345') }));
  const answer = good(await bed.run({ action: Osd.REMOVE, ...ids, get: [{ page: 1, number: 0x82 }] }));
  assert.is(answer.retrieved.readBigUInt64BE(24), 5n);
  failed(await bed.run({ action: Osd.REMOVE, ...ids }), '05/2400', 24);
});

test('REMOVE PARTITION: what is in it holds it, unless the scope takes everything', async () => {
  good(await createPartition());
  good(await create());
  failed(await bed.run({ action: Osd.REMOVE_PARTITION, partition: PARTITION }), '05/2c0a');
  failed(await bed.run({ action: Osd.REMOVE_PARTITION, partition: PARTITION, specific: 0x05 }), '05/2400', 11);
  good(await bed.run({ action: Osd.REMOVE_PARTITION, partition: PARTITION, specific: 0x01 }));
  failed(await bed.run({ action: Osd.REMOVE_PARTITION, partition: PARTITION }), '05/2400', 16);
});

test('FORMAT OSD: everything is gone; more capacity than there is cannot be formatted', async () => {
  good(await createPartition());
  failed(await bed.run({ action: Osd.FORMAT_OSD, patches: [[32, u64(2n ** 62n)]] }), '05/2400', 32);
  const answer = good(await bed.run({ action: Osd.FORMAT_OSD, get: [{ page: 0x90000001, number: 0xc0 }] }));
  assert.is(answer.retrieved.readBigUInt64BE(24), 0n);
  failed(await create(), '05/2400', 16);
});

test('FLUSH, FLUSH COLLECTION, FLUSH PARTITION and FLUSH OSD: each scope, and a scope that is reserved', async () => {
  good(await createPartition());
  good(await create());
  good(await createCollection(0x50000n));
  const scopes = [
    { action: Osd.FLUSH, ...ids },
    { action: Osd.FLUSH_COLLECTION, partition: PARTITION, object: 0x50000n },
    { action: Osd.FLUSH_PARTITION, partition: PARTITION },
    { action: Osd.FLUSH_OSD },
  ];
  for (const command of scopes) {
    for (const options of [0, 1, 2]) good(await bed.run({ ...command, options }));
    failed(await bed.run({ ...command, options: 3 }), '05/2400', 10);
  }
});

test('FLUSH: attributes are set and got behind it', async () => {
  good(await createPartition());
  good(await create());
  const answer = good(await bed.run({ action: Osd.FLUSH, ...ids, set: [{ page: 1, number: 9, value: bytes('n') }], get: [{ page: 1, number: 9 }] }));
  assert.is(answer.retrieved.subarray(24, 25).toString(), 'n');
});

test('CREATE: objects, attributes and data are there after a restart', async () => {
  good(await createPartition());
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 4, data: bytes('kept'), set: [{ page: 0x10001, number: 7, value: bytes('tag') }] }));
  bed = await bed.reopen();
  const answer = good(await bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4, get: [{ page: 0x10001, number: 7 }] }));
  assert.is(answer.dataIn.subarray(0, 4).toString(), 'kept');
  assert.is(answer.retrieved.subarray(24, 27).toString(), 'tag');
});

test.run();
