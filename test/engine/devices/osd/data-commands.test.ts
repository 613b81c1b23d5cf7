import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Osd, scatterGather } from '../../../support/osd-cdb.js';
import { bytes, descriptorAt, failed, good, OBJECT, type OsdBed, openBed, PARTITION, u64 } from './osd-fixture.js';

const ids = { partition: PARTITION, object: OBJECT } as const;
const CURRENT_COMMAND = 0xfffffffe;

let bed: OsdBed;
test.before.each(async () => {
  bed = await openBed();
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE, ...ids }));
});
test.after.each(() => bed.close());

const write = (text: string, start = 0n, options = {}) => bed.run({ action: Osd.WRITE, ...ids, length: text.length, start, data: bytes(text), ...options });
const read = (length: number, start = 0n) => bed.run({ action: Osd.READ, ...ids, length, start, dataInLength: length });

test('WRITE and READ: bytes come back from where they went, and the logical length grows', async () => {
  good(await write('hello, object', 3n));
  const answer = good(await read(16));
  assert.is(answer.dataIn.toString('latin1'), '\0\0\0hello, object');
  const length = good(await bed.run({ action: Osd.GET_ATTRIBUTES, ...ids, get: [{ page: 1, number: 0x82 }] }));
  assert.is(length.retrieved.toString('hex'), '0900000000000018000000010000008200000000000000080000000000000010');
});

test('READ: past the end comes what there is, with RECOVERED ERROR and the number of bytes', async () => {
  good(await write('abc'));
  const answer = failed(await read(8, 1n), '01/3b17');
  // Zeros behind the end: Linux takes all that it asked for as read.
  assert.is(answer.dataIn.toString('latin1'), 'bc\0\0\0\0\0\0');
  assert.is(answer.senseBytes.readBigUInt64BE(descriptorAt(answer.senseBytes, 0x01) + 4), 2n);
  // There are clients that look for it here, behind the 32 bytes of what is identified.
  assert.is(descriptorAt(answer.senseBytes, 0x06), 8);
  assert.is(answer.senseBytes.readBigUInt64BE(44), 2n);
});

test('WRITE: an attribute that cannot be set or got is found out before anything is written', async () => {
  good(await write('kept'));
  const bad = { action: Osd.WRITE, ...ids, length: 4, data: bytes('gone') };
  failed(await bed.run({ ...bad, set: [{ page: 1, number: 1, value: u64(7) }] }), '05/2600');
  failed(await bed.run({ ...bad, set: [{ page: 4, number: 1, value: u64(0x77777) }] }), '05/2600');
  // No collection pointers: neither their length nor their number.
  failed(await bed.run({ ...bad, set: [{ page: 4, number: 1, value: new Uint8Array(39).fill(0x27) }] }), '05/2600');
  failed(await bed.run({ ...bad, set: [{ page: 4, number: 0xffffff01, value: u64(0) }] }), '05/2600');
  failed(await bed.run({ ...bad, get: [{ page: 0x30000001, number: 1 }] }), '05/2600');
  const answer = failed(await bed.run({ ...bad, getPage: 0x30000001 }), '05/2400', 52);
  const at = descriptorAt(answer.senseBytes, 0x06);
  assert.is(answer.senseBytes.readUInt32BE(at + 12), 0x80000000, 'validation alone was completed');
  assert.is(good(await read(4)).dataIn.toString(), 'kept');
});

test('READ: set and get attributes travel both ways with the data', async () => {
  good(await write('0123456789abcdef'));
  const answer = good(
    await bed.run({
      action: Osd.READ,
      ...ids,
      length: 10,
      dataInLength: 10,
      set: [{ page: 1, number: 0x9, value: bytes('name') }],
      get: [{ page: 1, number: 0x9 }],
    }),
  );
  assert.is(answer.dataIn.subarray(0, 10).toString(), '0123456789');
  assert.is(answer.dataIn.subarray(10, 16).toString('hex'), '000000000000', 'a gap of zeros');
  assert.is(answer.retrieved.subarray(24, 28).toString(), 'name');
});

test('READ: of an object or a partition that is not there the field is wrong', async () => {
  failed(await bed.run({ action: Osd.READ, partition: PARTITION, object: 0x99999n, length: 4 }), '05/2400', 24);
  failed(await bed.run({ action: Osd.READ, partition: 0x99999n, object: OBJECT, length: 4 }), '05/2400', 16);
});

test('WRITE: an object that is not there fails, and the sense data name it and what was not begun', async () => {
  const answer = failed(await bed.run({ action: Osd.WRITE, partition: PARTITION, object: 0x99999n, length: 4, data: bytes('data') }), '05/2400', 24);
  const at = descriptorAt(answer.senseBytes, 0x06);
  assert.is(answer.senseBytes[at + 1], 0x1e);
  assert.is(answer.senseBytes.readUInt32BE(at + 8) & 0x80000000, -0x80000000, 'validation did not end well');
  assert.is(answer.senseBytes.readBigUInt64BE(at + 16), PARTITION);
  assert.is(answer.senseBytes.readBigUInt64BE(at + 24), 0x99999n);
});

test('WRITE: reserved isolations, timestamps controls and reserved bits are refused before any data comes', async () => {
  failed(await write('x', 0n, { options: 0x03 }), '05/2400', 10);
  failed(await write('x', 0n, { timestampsControl: 0x01 }), '05/2400', 12);
  failed(await write('x', 0n, { patches: [[13, Uint8Array.of(1)]] }), '05/2400', 13);
  failed(await write('x', 0n, { patches: [[11, Uint8Array.of(0)]] }), '05/2400', 11);
});

test('WRITE: force unit access and disable page out are taken', async () => {
  good(await write('durable', 0n, { options: 0x18 }));
});

test('WRITE: a scatter/gather list spreads the data, READ collects it', async () => {
  const continuation = [
    scatterGather([
      { offset: 8n, length: 2n },
      { offset: 0n, length: 2n },
    ]),
  ];
  good(await bed.run({ action: Osd.WRITE, ...ids, length: 4, data: bytes('ABCD'), continuation }));
  assert.is(good(await read(10)).dataIn.toString('latin1'), 'CD\0\0\0\0\0\0AB');
  const answer = good(await bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4, continuation }));
  assert.is(answer.dataIn.toString(), 'ABCD');
  failed(await bed.run({ action: Osd.WRITE, ...ids, length: 5, data: bytes('ABCDE'), continuation }), '05/2600');
});

test('APPEND: data goes behind the last byte, and the Current Command page tells where', async () => {
  good(await write('12345'));
  const answer = good(await bed.run({ action: Osd.APPEND, ...ids, length: 3, data: bytes('678'), get: [{ page: CURRENT_COMMAND, number: 5 }] }));
  assert.is(answer.retrieved.subarray(24, 32).toString('hex'), '0000000000000005');
  assert.is(good(await read(8)).dataIn.toString(), '12345678');
  failed(await bed.run({ action: Osd.APPEND, partition: PARTITION, object: 0x99999n, length: 1, data: bytes('x') }), '05/2400', 24);
});

test('CLEAR: a range reads as zeros', async () => {
  good(await write('abcdefgh'));
  good(await bed.run({ action: Osd.CLEAR, ...ids, length: 3, start: 2n }));
  assert.is(good(await read(8)).dataIn.toString('latin1'), 'ab\0\0\0fgh');
  failed(await bed.run({ action: Osd.CLEAR, partition: PARTITION, object: 0x99999n, length: 3 }), '05/2400', 24);
});

test('PUNCH: a range is taken out and what follows moves down', async () => {
  good(await write('abcdefgh'));
  good(await bed.run({ action: Osd.PUNCH, ...ids, length: 3, start: 2n }));
  assert.is(good(await read(5)).dataIn.toString(), 'abfgh');
  failed(await bed.run({ action: Osd.PUNCH, ...ids, length: 3, start: 2000n }), '05/2400', 40);
});

test('CREATE AND WRITE: the object comes with its data, its attributes and its number', async () => {
  const answer = good(
    await bed.run({
      action: Osd.CREATE_AND_WRITE,
      partition: PARTITION,
      length: 4,
      start: 2n,
      data: bytes('data'),
      get: [{ page: CURRENT_COMMAND, number: 4 }],
    }),
  );
  const object = answer.retrieved.readBigUInt64BE(24);
  assert.is(good(await bed.run({ action: Osd.READ, partition: PARTITION, object, length: 6, dataInLength: 6 })).dataIn.toString('latin1'), '\0\0data');
  failed(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 1, data: bytes('x') }), '05/2400', 24);
});

test('CREATE AND WRITE: an attribute that cannot be set undoes the creation', async () => {
  const set = [{ page: 1, number: 0x81, value: new Uint8Array(8) }];
  const answer = failed(await bed.run({ action: Osd.CREATE_AND_WRITE, partition: PARTITION, object: 0x30000n, length: 1, data: bytes('x'), set }), '05/2600');
  const at = descriptorAt(answer.senseBytes, 0x08);
  assert.is(answer.senseBytes.subarray(at + 8, at + 16).toString('hex'), '0000000100000081');
  failed(await bed.run({ action: Osd.READ, partition: PARTITION, object: 0x30000n, length: 1 }), '05/2400', 24);
});

test('READ MAP: written stretches and holes of an object', async () => {
  good(await write('x'.repeat(8192), 65_536n));
  const patches = [[48, Uint8Array.of(0, 1)]] as const;
  const answer = good(await bed.run({ action: Osd.READ_MAP, ...ids, length: 256, dataInLength: 256, patches }));
  const descriptorCount = Number(answer.dataIn.readBigUInt64BE(0)) / 16;
  assert.is(answer.dataIn.length, 8 + 16 * descriptorCount);
  const last = answer.dataIn.subarray(-16);
  assert.is(last.readUInt16BE(2), 1, 'written data');
  assert.is(last.readBigUInt64BE(8) + BigInt(last.readUInt32BE(4)), 73_728n, 'ends with the object');
  failed(await bed.run({ action: Osd.READ_MAP, ...ids, length: 256, patches: [[48, Uint8Array.of(0, 9)]] }), '05/2400', 48);
  failed(await bed.run({ action: Osd.READ_MAP, ...ids, length: 256, start: 100_000n }), '05/2400', 40);
});

test.run();
