import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../../engine/limits.js';
import {
  type AhsFields,
  BIDIRECTIONAL_AHS_LENGTH_BYTES,
  CDB_LENGTH_MAX,
  emptyAhs,
  encodeBidirectionalReadLengthAhs,
  encodeExtendedCdbAhs,
  extendedCdbAhsLengthBytes,
  parseAhs,
} from '../../../engine/pdu/ahs.js';
import { CDB_CAPACITY_BYTES } from '../../../engine/shm/layout.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';

/** RFC 7143 §11.2.2: AHSLength leaves out itself, AHSType and the padding; for an extended CDB it is the CDB's length - 15. */

/** The segments stand inside a larger buffer, whose other bytes would be taken for a segment if the parser read them. */
const AT = 48;
const TAIL = hex('00 05 02 00 de ad be ef');

function parse(segments: Uint8Array): { legal: boolean; fields: AhsFields } {
  const buffer = new Uint8Array(AT + segments.length + TAIL.length);
  buffer.set(segments, AT);
  buffer.set(TAIL, AT + segments.length);
  const fields: AhsFields = { extendedCdbAt: 77, extendedCdbLength: 77, bidirectionalReadLength: 77 };
  const legal = parseAhs(new DataView(buffer.buffer), AT, segments.length, fields);
  return { legal, fields };
}

const refused = (text: string) => assert.not(parse(hex(text)).legal);
/** AHSLength, type, reserved byte and `restLength` bytes of CDB with padding. */
function extendedCdb(restLength: number): Uint8Array {
  const bytes = new Uint8Array((4 + restLength + 3) & ~3);
  bytes.set([(restLength + 1) >> 8, (restLength + 1) & 0xff, 0x01, 0x00]);
  for (let i = 0; i < restLength; i++) bytes[4 + i] = 0x40 + (i & 0x3f);
  return bytes;
}

const EXTENDED_CDB_32 = '00 11 01 00  11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20';
const BIDIRECTIONAL = '00 05 02 00  00 01 02 03';

test('no segments leave no fields, whatever stood in the value before', () => {
  assert.equal(parse(hex('')), { legal: true, fields: emptyAhs() });
});

test('an extended CDB alone', () => {
  assert.equal(parse(hex(EXTENDED_CDB_32)), { legal: true, fields: { extendedCdbAt: AT + 4, extendedCdbLength: 16, bidirectionalReadLength: -1 } });
});

test('a bidirectional read length alone', () => {
  assert.equal(parse(hex(BIDIRECTIONAL)), { legal: true, fields: { extendedCdbAt: -1, extendedCdbLength: 0, bidirectionalReadLength: 0x010203 } });
  assert.is(parse(hex('00 05 02 00 ff ff ff ff')).fields.bidirectionalReadLength, 0xffffffff);
  assert.is(parse(hex('00 05 02 00 00 00 00 00')).fields.bidirectionalReadLength, 0);
});

test('both segments in either order', () => {
  const cdbFirst = parse(hex(EXTENDED_CDB_32 + BIDIRECTIONAL));
  assert.equal(cdbFirst, { legal: true, fields: { extendedCdbAt: AT + 4, extendedCdbLength: 16, bidirectionalReadLength: 0x010203 } });
  const lengthFirst = parse(hex(BIDIRECTIONAL + EXTENDED_CDB_32));
  assert.equal(lengthFirst, { legal: true, fields: { extendedCdbAt: AT + 12, extendedCdbLength: 16, bidirectionalReadLength: 0x010203 } });
});

test('a segment of any length is followed by the next one on a 4-byte boundary', () => {
  for (const [text, length] of [
    ['00 02 01 00  aa 00 00 00', 1],
    ['00 03 01 00  aa ab 00 00', 2],
    ['00 04 01 00  aa ab ac 00', 3],
    ['00 05 01 00  aa ab ac ad', 4],
  ] as const) {
    assert.equal(parse(hex(text + BIDIRECTIONAL)), {
      legal: true,
      fields: { extendedCdbAt: AT + 4, extendedCdbLength: length, bidirectionalReadLength: 0x010203 },
    });
  }
});

test('padding is not looked at', () => {
  assert.is(parse(hex('00 02 01 ff  aa ff ff ff')).fields.extendedCdbLength, 1);
});

test('a CDB of exactly 260 bytes fits and one of 261 does not', () => {
  const longest = parse(extendedCdb(CDB_LENGTH_MAX - 16));
  assert.equal(longest, { legal: true, fields: { extendedCdbAt: AT + 4, extendedCdbLength: 244, bidirectionalReadLength: -1 } });
  assert.not(parse(extendedCdb(CDB_LENGTH_MAX - 15)).legal);
  assert.not(parse(extendedCdb(800)).legal);
});

test('the longest CDB that is let through is what a slot holds', () => {
  assert.is(CDB_LENGTH_MAX, CDB_CAPACITY_BYTES);
});

test('the limit of all segments holds the longest CDB with a bidirectional length', () => {
  assert.ok(defaultLimits.ahsLengthBytesMax >= extendedCdbAhsLengthBytes(CDB_LENGTH_MAX) + BIDIRECTIONAL_AHS_LENGTH_BYTES);
});

test('a segment of length 0 is refused', () => {
  refused('00 00 01 00');
  refused('00 00 02 00 00 00 00 00');
  refused('00 00 00 00');
});

test('an extended CDB segment without CDB bytes is refused', () => refused('00 01 01 00'));

test('a segment that overruns the header is refused', () => {
  refused('00 12 01 00  11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20');
  refused('00 05 02 00');
  refused('ff ff 01 00  11 12 13 14');
  refused(`${BIDIRECTIONAL} 00 06 01 00 aa bb cc dd`);
});

test('a rest too short for a segment is refused', () => {
  refused('00');
  refused('00 05');
  refused('00 05 02');
  refused(`${BIDIRECTIONAL} 00 02 01`);
});

test('a repeated segment is refused', () => {
  refused(EXTENDED_CDB_32 + EXTENDED_CDB_32);
  refused(BIDIRECTIONAL + BIDIRECTIONAL);
});

test('an unknown type is refused, alone and after a legal segment', () => {
  refused('00 05 00 00 00 00 00 00');
  refused('00 05 03 00 00 00 00 00');
  refused('00 05 ff 00 00 00 00 00');
  refused(`${EXTENDED_CDB_32} 00 05 42 00 00 00 00 00`);
});

test('a bidirectional segment of another length than 5 is refused', () => {
  refused('00 04 02 00 00 00 00 00');
  refused('00 06 02 00 00 00 00 00 00 00 00 00');
  refused('00 01 02 00');
});

test('noise never throws, never reads outside its length and names bytes inside it', () => {
  const random = seededRandom(0x11_2_2);
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.bytes(4 * random.below(10));
    // Small lengths and types that exist, so that many rounds get past the first segment.
    for (let at = 0; at + 2 < bytes.length; at += 4) {
      bytes[at] = 0;
      bytes[at + 1] = random.below(8);
      bytes[at + 2] = random.below(4);
    }
    const fields = emptyAhs();
    const view = new DataView(bytes.buffer, 0, bytes.length);
    if (!parseAhs(view, 0, bytes.length, fields) || fields.extendedCdbAt === -1) continue;
    assert.ok(fields.extendedCdbAt + fields.extendedCdbLength <= bytes.length);
  }
});

test('an extended CDB is written with its padding as zeroes', () => {
  const bytes = new Uint8Array(16).fill(0xee);
  const cdb = Uint8Array.from({ length: 21 }, (_, i) => i);
  assert.is(encodeExtendedCdbAhs(cdb, new DataView(bytes.buffer), 2), 14);
  assertBytes(bytes, hex('ee ee  00 06 01 00  10 11 12 13 14 00 00 00  ee ee'));
});

test('a bidirectional read length is written', () => {
  const bytes = new Uint8Array(12).fill(0xee);
  assert.is(encodeBidirectionalReadLengthAhs(0xfedcba98, new DataView(bytes.buffer), 2), 2 + BIDIRECTIONAL_AHS_LENGTH_BYTES);
  assertBytes(bytes, hex('ee ee  00 05 02 00  fe dc ba 98  ee ee'));
});

test('CDBs up to 16 bytes need no segment', () => {
  assert.equal([6, 16, 17, 20, 21, 32, 260].map(extendedCdbAhsLengthBytes), [0, 0, 8, 8, 12, 20, 248]);
});

test('CDBs of every length come back as they were written', () => {
  for (let length = 17; length <= CDB_LENGTH_MAX; length++) {
    const cdb = Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
    const bytes = new Uint8Array(extendedCdbAhsLengthBytes(length) + BIDIRECTIONAL_AHS_LENGTH_BYTES);
    const view = new DataView(bytes.buffer);
    encodeBidirectionalReadLengthAhs(length, view, encodeExtendedCdbAhs(cdb, view, 0));
    const fields = emptyAhs();
    assert.ok(parseAhs(view, 0, bytes.length, fields));
    assertBytes(bytes.subarray(fields.extendedCdbAt, fields.extendedCdbAt + fields.extendedCdbLength), cdb.subarray(16));
    assert.is(fields.bidirectionalReadLength, length);
  }
});

test.run();
