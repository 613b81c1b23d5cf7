import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTextData, KEY_LENGTH_MAX, type KeyValuePair, parseTextData } from '../../../engine/pdu/text-data.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';

/** RFC 7143 §6.1 "Text Format". */
const latin1 = (text: string) => Buffer.from(text, 'latin1');
const parse = (text: string) => parseTextData(latin1(text));

test('pairs come in their order', () => {
  assert.equal(parse('InitiatorName=iqn.x\0SessionType=Normal\0'), [
    ['InitiatorName', 'iqn.x'],
    ['SessionType', 'Normal'],
  ]);
});

test('text that is cut anywhere and put together again is the same text', () => {
  const whole = latin1('HeaderDigest=CRC32C,None\0MaxRecvDataSegmentLength=8192\0');
  const expected = parseTextData(whole);
  for (let split = 0; split <= whole.length; split++) {
    const joined = Buffer.concat([whole.subarray(0, split), whole.subarray(split)]);
    assert.equal(parseTextData(joined), expected);
  }
});

test('a part alone does not pass for a whole when it ends within a key', () => {
  const whole = latin1('HeaderDigest=None\0MaxBurstLength=8192\0');
  for (let split = 19; split <= 32; split++) assert.is(parseTextData(whole.subarray(0, split)), null, `cut at ${split}`);
});

test('a value may be empty and may hold further equal signs', () => {
  assert.equal(parse('TargetAlias=\0CHAP_R=0x=1=\0'), [
    ['TargetAlias', ''],
    ['CHAP_R', '0x=1='],
  ]);
});

test('zeroes at the end and between pairs are padding', () => {
  assert.equal(parse('A=1\0\0\0\0'), [['A', '1']]);
  assert.equal(parse('A=1\0\0B=2\0'), [
    ['A', '1'],
    ['B', '2'],
  ]);
  assert.equal(parse('\0\0\0\0'), []);
  assert.equal(parse(''), []);
});

test('the last pair may lack its zero', () => assert.equal(parse('SendTargets=All'), [['SendTargets', 'All']]));

test('repeated keys are both handed on: the negotiation judges them', () => {
  assert.equal(parse('A=1\0A=2\0')?.length, 2);
});

test('an empty key is refused', () => {
  assert.is(parse('=1\0'), null);
  assert.is(parse('A=1\0=\0'), null);
});

test('a line without an equal sign is refused', () => {
  assert.is(parse('SendTargets\0'), null);
  assert.is(parse('A=1\0nonsense\0'), null);
});

test('a key of 63 characters is legal and one of 64 is not', () => {
  assert.equal(parse(`${'K'.repeat(KEY_LENGTH_MAX)}=v\0`), [['K'.repeat(63), 'v']]);
  assert.is(parse(`${'K'.repeat(KEY_LENGTH_MAX + 1)}=v\0`), null);
});

test('vendor and extension keys are legal', () => {
  assert.equal(
    parse('X-com.example.Key=1\0X#NodeArchitecture=2\0Z-a_b/c+d@e=3\0')?.map(([key]) => key),
    ['X-com.example.Key', 'X#NodeArchitecture', 'Z-a_b/c+d@e'],
  );
});

test('characters that no key may hold are refused', () => {
  for (const key of ['a b', 'a\n', '\x7f', 'ä', '#a', '/a', '\r\nHost:', 'a,b']) assert.is(parse(`${key}=1\0`), null, JSON.stringify(key));
});

test('text stands in a view with an offset and in shared memory', () => {
  const shared = Buffer.from(new SharedArrayBuffer(16), 5, 4);
  shared.write('A=1\0', 'latin1');
  assert.equal(parseTextData(shared), [['A', '1']]);
});

test('no bytes make the parser throw', () => {
  const random = seededRandom(0x61);
  const alphabet = hex('00 00 3d 3d 41 42 2d 23 20 ff c3 a4');
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from({ length: random.below(40) }, () => alphabet[random.below(alphabet.length)] as number);
    for (const [key] of parseTextData(bytes) ?? []) assert.match(key, /^[A-Z#-]{1,63}$/);
  }
});

test('pairs are written each with its zero', () => {
  assertBytes(encodeTextData([['A', '1'], ['Bc', ''] as const]), hex('41 3d 31 00 42 63 3d 00'));
  assertBytes(encodeTextData([]), hex(''));
});

test('what was written is read back', () => {
  const pairs: KeyValuePair[] = [
    ['TargetName', 'iqn.2026-01.test:x'],
    ['InitiatorAlias', 'K\xc3\xb6ln'],
  ];
  assert.equal(parseTextData(encodeTextData(pairs)), pairs);
});

test('a zero byte in a key or a value would make two pairs of one, so it is refused', () => {
  assert.throws(
    () => encodeTextData([['A', 'x\0B=2']]),
    (error: { code?: string }) => error.code === 'TEXT_VALUE_INVALID',
  );
  assert.throws(
    () => encodeTextData([['A\0B', '2']]),
    (error: { code?: string }) => error.code === 'TEXT_VALUE_INVALID',
  );
});

test.run();
