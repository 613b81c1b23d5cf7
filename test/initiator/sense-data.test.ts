import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SenseKey, writeFixedSense } from '../../engine/scsi/sense.js';
import { parseSense } from '../../initiator/sense-data.js';

test('fixed format: key, ASC, ASCQ, INFORMATION and the field pointer', () => {
  const bytes = Buffer.alloc(18);
  writeFixedSense(bytes, SenseKey.illegalRequest, 0x2400, { information: 0x1234, fieldPointer: { byte: 2, bit: 5, inCdb: true } });
  const sense = parseSense(bytes);
  assert.is(sense?.key, 5);
  assert.is(sense?.asc, 0x24);
  assert.is(sense?.ascq, 0);
  assert.is(sense?.ascAscq, 0x2400);
  assert.is(sense?.information, 0x1234n);
  assert.equal(sense?.fieldPointer, { byte: 2, bit: 5, inCdb: true });
  assert.is(sense?.deferred, false);
});

test('fixed format: INFORMATION that is not valid is none, and sense cut short reads as zero', () => {
  const sense = parseSense(Buffer.from('7000061122334400', 'hex'));
  assert.is(sense?.information, null);
  assert.is(sense?.key, 6);
  assert.is(sense?.ascAscq, 0);
});

test('descriptor format: information and sense-key specific descriptors', () => {
  const sense = parseSense(
    Buffer.from(['73 05 24 00 00 00 00 14', '00 0a 80 00 0000000100000002', '02 06 00 00 c9 0003 00'].join('').replaceAll(' ', ''), 'hex'),
  );
  assert.is(sense?.deferred, true);
  assert.is(sense?.information, 0x100000002n);
  assert.equal(sense?.fieldPointer, { byte: 3, bit: 1, inCdb: true });
});

test('descriptor format: lengths that lie are not followed', () => {
  assert.is(parseSense(Buffer.from('72051100000000ff000aff', 'hex'))?.information, null);
  assert.is(parseSense(Buffer.from('7205110000000002000a', 'hex'))?.information, null);
});

test('no sense data is null', () => {
  assert.is(parseSense(Buffer.alloc(0)), null);
  assert.is(parseSense(Buffer.from('7f', 'hex')), null);
});

test.run();
