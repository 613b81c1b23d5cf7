import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SenseKey, writeFixedSense } from '../../engine/scsi/sense.js';
import { additionalSenseName, senseKeyName } from '../../initiator/scsi.js';
import { describeSense, parseSense } from '../../initiator/sense-data.js';
import { seededRandom } from '../support/random.js';

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
  assert.equal(parseSense(Buffer.from('7205110000000004000a8000', 'hex'))?.descriptors, []);
});

const parse = (digits: string) => parseSense(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

test('fixed format: command-specific information, field replaceable unit and the flags of streams', () => {
  const sense = parse('f0 00 e3 00000010 0a 00000020 1100 07 000000');
  assert.is(sense?.information, 16n);
  assert.is(sense?.commandSpecific, 32n);
  assert.is(sense?.fieldReplaceableUnit, 7);
  assert.equal([sense?.filemark, sense?.endOfMedium, sense?.incorrectLength, sense?.overflow], [true, true, true, false]);
});

test('what lies behind ADDITIONAL SENSE LENGTH does not count', () => {
  assert.is(parse('70 00 05 00000000 06 00000000 2400 09 c00002')?.fieldPointer, null);
});

test('the sense-key specific bytes mean what the key says', () => {
  assert.is(parse('70 00 02 00000000 0a 00000000 0404 00 804000')?.progress, 0.25);
  assert.is(parse('70 00 00 00000000 0a 00000000 0016 00 80ffff')?.progress, 65_535 / 65_536);
  assert.is(parse('70 00 03 00000000 0a 00000000 1100 00 800005')?.retryCount, 5);
  assert.equal(parse('70 00 0a 00000000 0a 00000000 0d00 00 8b0012')?.segmentPointer, { byte: 0x12, bit: 3 });
  assert.is(parse('70 00 06 00000000 0a 00000000 2900 00 810000')?.unitAttentionOverflow, true);
  assert.is(parse('70 00 02 00000000 0a 00000000 0404 00 004000')?.progress, null);
});

test('descriptor format: every descriptor is kept, those of streams and blocks are read', () => {
  const sense = parse('72 03 11 00 80 00 00 20  01 0a 00 00 00000000000000ff  03 02 00 05  04 02 00 e0  05 02 00 20  80 02 aabb 00000000');
  assert.is(sense?.commandSpecific, 255n);
  assert.is(sense?.fieldReplaceableUnit, 5);
  assert.equal([sense?.filemark, sense?.endOfMedium, sense?.incorrectLength, sense?.overflow], [true, true, true, true]);
  assert.equal(
    sense?.descriptors.slice(0, 5).map(({ type }) => type),
    [1, 3, 4, 5, 0x80],
  );
});

test('every bit of sense data is taken without a fault', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
    if (bytes.length > 0) bytes[0] = 0x70 + random.below(4);
    const sense = parseSense(bytes);
    if (sense !== null) describeSense(sense);
  }
});

test('names are those of the standard', () => {
  assert.is(senseKeyName(5), 'ILLEGAL REQUEST');
  assert.is(additionalSenseName(0x2a09), 'capacity data has changed');
  assert.is(additionalSenseName(0x4085), 'diagnostic failure on component 0x85');
  assert.is(additionalSenseName(0xfe01), null);
  const sense = parse('70 00 02 00000000 0a 00000000 0404 00 804000');
  assert.is(sense === null ? '' : describeSense(sense), 'NOT READY, logical unit not ready, format in progress (0x04/0x04), 25.0 % done');
});

test('no sense data is null', () => {
  assert.is(parseSense(Buffer.alloc(0)), null);
  assert.is(parseSense(Buffer.from('7f', 'hex')), null);
});

test.run();
