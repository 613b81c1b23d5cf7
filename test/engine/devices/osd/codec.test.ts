import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeOffset, encodeOffset } from '../../../../engine/devices/osd/protocol/buffer-offset.js';
import { CDB, OsdCdb } from '../../../../engine/devices/osd/protocol/osd-cdb.js';
import { CAPABILITY } from '../../../../engine/devices/osd/security/capability.js';
import { encodeOsd, Osd } from '../../../support/osd-cdb.js';

test('buffer offsets: a mantissa, and an exponent with a sign', () => {
  assert.is(decodeOffset(0x00000001), 256);
  assert.is(decodeOffset(0x10000001), 512);
  assert.is(decodeOffset(0x70000001), 32768);
  assert.is(decodeOffset(0xb0000001), 8);
  assert.is(decodeOffset(0xf0000001), 128);
  assert.is(decodeOffset(0xffffffff), null);
  assert.is(decodeOffset(0x80000001), undefined);
  assert.is(decodeOffset(0xa0000000), undefined);
  assert.equal(encodeOffset(24), { field: 0xb0000003, offsetBytes: 24 });
  assert.equal(encodeOffset(2 ** 31 + 8), { field: 0xc8000001, offsetBytes: 2 ** 31 + 16 });
  for (const offsetBytes of [0, 8, 4096, 2 ** 30, 2 ** 33]) assert.is(decodeOffset(encodeOffset(offsetBytes).field), offsetBytes);
});

test('the CDB of a READ with list attributes, byte by byte', () => {
  const { cdb, dataOut } = encodeOsd({
    action: Osd.READ,
    partition: 0x10000n,
    object: 0x20001n,
    length: 512,
    start: 0x1000n,
    options: 0x08,
    dataInLength: 512,
    getAllocation: 64,
    get: [{ page: 1, number: 0x82 }],
  });
  const fields = [
    '7f000000000000e4',
    '8885083000000000',
    '0000000000010000',
    '0000000000020001',
    '0000000000000200',
    '0000000000001000',
    '00000000',
    '00000010 b0000000 00000040 b0000040 00000000 00000000 00000000'.replaceAll(' ', ''),
  ];
  assert.is(Buffer.from(cdb.subarray(0, 80)).toString('hex'), fields.join(''));
  assert.is(Buffer.from(dataOut).toString('hex'), '01000000000000080000000100000082');
  const read = new OsdCdb(cdb);
  assert.equal(
    [read.serviceAction, read.options, read.attributesFormat, read.partitionId, read.objectId, read.length, read.startingByte],
    [0x8885, 0x08, 0x30, 0x10000n, 0x20001n, 512, 4096],
  );
});

test('fields of the CDB and of the capability stand where OSD-2 has them', () => {
  assert.equal(
    [CDB.serviceAction, CDB.options, CDB.partitionId, CDB.objectId, CDB.length, CDB.startingByte, CDB.listIdentifier, CDB.attributes, CDB.capability],
    [8, 10, 16, 24, 32, 40, 48, 52, 80],
  );
  assert.equal([CDB.integrityCheckValue, CDB.requestNonce, CDB.dataInIntegrityOffset, CDB.dataOutIntegrityOffset], [184, 216, 228, 232]);
  assert.equal(
    [CAPABILITY.expirationTime, CAPABILITY.audit, CAPABILITY.createdTime, CAPABILITY.objectType, CAPABILITY.permissions, CAPABILITY.descriptorType],
    [4, 10, 42, 48, 49, 55],
  );
  assert.equal([CAPABILITY.policyAccessTag, CAPABILITY.bootEpoch, CAPABILITY.partitionId, CAPABILITY.objectId, CAPABILITY.rangeLength], [60, 64, 72, 80, 88]);
});

test.run();
