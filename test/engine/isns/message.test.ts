import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeAttributes, IsnsTag, numberAttribute, numberOf, textAttribute } from '../../../engine/isns/attribute.js';
import { encodeRequest, IsnsFunction, IsnsReader, type IsnsResponse, isnsStatusName } from '../../../engine/isns/message.js';
import { seededRandom } from '../../support/random.js';

const LENGTH_BYTES_MAX = 65_536;
const FIRST = 0x0400;
const LAST = 0x0800;
const FROM_SERVER = 0x4000;

interface PduOptions {
  readonly version?: number;
  readonly functionId?: number;
  readonly flags?: number;
  readonly transactionId?: number;
}

function pdu(payload: Buffer, { version = 1, functionId = 0x8001, flags = FIRST | LAST, transactionId = 5 }: PduOptions = {}): Buffer {
  const header = Buffer.alloc(12);
  for (const [index, word] of [version, functionId, payload.length, FROM_SERVER | flags, transactionId, 0].entries()) header.writeUInt16BE(word, 2 * index);
  return Buffer.concat([header, payload]);
}

function answer(status: number, ...attributes: Parameters<typeof encodeAttributes>[0]): Buffer {
  const code = Buffer.alloc(4);
  code.writeUInt32BE(status);
  return Buffer.concat([code, encodeAttributes(attributes)]);
}

function read(...chunks: readonly Uint8Array[]): readonly IsnsResponse[] | string {
  const reader = new IsnsReader(LENGTH_BYTES_MAX);
  const all: IsnsResponse[] = [];
  for (const chunk of chunks) {
    const outcome = reader.push(chunk);
    if (typeof outcome === 'string') return outcome;
    all.push(...outcome);
  }
  return all;
}

const GOOD = pdu(answer(0, textAttribute(IsnsTag.entityIdentifier, 'e'), numberAttribute(IsnsTag.registrationPeriod, 60)));

/** In words of two bytes, as the header has them. */
function words(bytes: Buffer): string {
  return bytes.toString('hex').replace(/(.{4})(?=.)/g, '$1 ');
}

test('a request has the header of RFC 4171 §5.1', () => {
  const bytes = encodeRequest({ functionId: IsnsFunction.query, transactionId: 0x1234, payload: Buffer.from('01020304', 'hex') });
  assert.is(words(bytes), '0001 0002 0004 8c00 1234 0000 0102 0304');
});

test('a registration that replaces says so in its flags', () => {
  const bytes = encodeRequest({ functionId: IsnsFunction.register, transactionId: 1, replace: true, payload: Buffer.alloc(0) });
  assert.is(words(bytes), '0001 0001 0000 9c00 0001 0000');
});

test('a response is its status and its attributes', () => {
  const [response] = read(GOOD) as IsnsResponse[];
  assert.equal([response?.functionId, response?.transactionId, response?.status], [1, 5, 0]);
  assert.equal(
    response?.attributes.map(({ tag }) => tag),
    [IsnsTag.entityIdentifier, IsnsTag.registrationPeriod],
  );
  assert.is(response?.attributes[1] && numberOf(response.attributes[1]), 60);
});

test('a response that comes byte by byte, and two that come at once', () => {
  assert.is((read(...[...GOOD].map((byte) => Buffer.from([byte]))) as IsnsResponse[]).length, 1);
  assert.is((read(Buffer.concat([GOOD, GOOD, GOOD.subarray(0, 7)])) as IsnsResponse[]).length, 2);
});

test('a response in several PDUs is put together, cut anywhere', () => {
  const payload = answer(0, textAttribute(IsnsTag.iscsiName, 'x'.repeat(100)), numberAttribute(IsnsTag.registrationPeriod, 7));
  const pieces = [pdu(payload.subarray(0, 10), { flags: FIRST }), pdu(payload.subarray(10, 20), { flags: 0 }), pdu(payload.subarray(20), { flags: LAST })];
  const [response] = read(...pieces) as IsnsResponse[];
  assert.is(response?.attributes.length, 2);
  assert.is(response?.attributes[1] && numberOf(response.attributes[1]), 7);
});

test('what the server asks or tells by itself is passed over', () => {
  assert.equal(read(pdu(Buffer.alloc(8), { functionId: 0x0008 }), pdu(Buffer.alloc(0), { functionId: 0x000d, flags: FIRST })), []);
});

const FAULTS: readonly (readonly [string, Buffer, RegExp])[] = [
  ['another version', pdu(answer(0), { version: 2 }), /speaks version 2/],
  ['signed messages', pdu(answer(0), { flags: FIRST | LAST | 0x2000 }), /signs its messages/],
  ['a PDU in the middle of nothing', pdu(answer(0), { flags: LAST }), /mixed up/],
  ['two first PDUs', Buffer.concat([pdu(answer(0), { flags: FIRST }), pdu(answer(0), { flags: FIRST })]), /mixed up/],
  ['a status that is cut off', pdu(Buffer.alloc(3)), /not made of attributes/],
  ['attributes that overrun the PDU', pdu(Buffer.concat([answer(0), Buffer.from('0000002000000010', 'hex')])), /not made of attributes/],
  ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'.repeat(2000)), /speaks version/],
];

for (const [what, bytes, fault] of FAULTS) {
  test(`${what}: the server is not one to speak with`, () => {
    const outcome = read(bytes);
    assert.type(outcome, 'string');
    assert.match(outcome as string, fault);
  });
}

test('an answer without end is given up, of empty PDUs too', () => {
  for (const piece of [Buffer.alloc(60_000), Buffer.alloc(0)]) {
    const reader = new IsnsReader(LENGTH_BYTES_MAX);
    let outcome: unknown = reader.push(pdu(piece, { flags: FIRST }));
    let count = 1;
    while (typeof outcome !== 'string') {
      outcome = reader.push(pdu(piece, { flags: 0 }));
      count++;
      assert.ok(count * (piece.length + 12) <= 2 * (LENGTH_BYTES_MAX + piece.length + 12));
    }
    assert.match(outcome, /longer than 65536 bytes/);
  }
});

test('random bytes and mutated answers end in responses or a sentence, never in an exception', () => {
  const random = seededRandom(4171);
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.concat([GOOD, GOOD, GOOD]);
    const count = 1 + random.below(4);
    for (let n = 0; n < count; n++) bytes[random.below(bytes.length)] = random.below(256);
    const cut = random.below(bytes.length);
    const outcome = read(bytes.subarray(0, cut), bytes.subarray(cut));
    assert.ok(typeof outcome === 'string' || outcome.length <= 3);
  }
});

test('a status has a name, and a number when it is new', () => {
  assert.is(isnsStatusName(9), 'no such entry');
  assert.is(isnsStatusName(77), 'status 77');
});

test.run();
