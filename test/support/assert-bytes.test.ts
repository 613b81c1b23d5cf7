import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertBytes, hex, hexDiff } from './assert-bytes.js';

const message = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    return `${(error as assert.Assertion).message}\n${(error as assert.Assertion).details}`;
  }
  return '';
};

test('hex ignores white space and comments', () => {
  assert.equal([...hex('01 02\n 0a // 33 comment\nFf # 44\n; 55')], [1, 2, 10, 255]);
  assert.equal(hex('').length, 0);
});

test('hex refuses half a byte and what is no digit', () => {
  assert.throws(() => hex('01 2'), /not pairs of hex digits/);
  assert.throws(() => hex('0x01'), /not pairs of hex digits/);
});

test('equal bytes pass, whatever view and memory they are in', () => {
  const shared = Buffer.from(new SharedArrayBuffer(8), 2, 3);
  shared.set([1, 2, 3]);
  assertBytes(shared, new Uint8Array([1, 2, 3]));
  assertBytes(new Uint8Array(0), Buffer.alloc(0));
});

test('one differing byte is shown in its row with its offset and a mark below it', () => {
  const expected = new Uint8Array(40);
  const actual = new Uint8Array(40);
  actual[18] = 0xab;
  const text = message(() => assertBytes(actual, expected, 'the header'));
  assert.match(text, /^the header\n0010 \(16\)/);
  assert.is(
    text
      .split('\n')
      .find((line) => line.includes('actual'))
      ?.slice(25),
    '00 00 ab 00 00 00 00 00 00 00 00 00 00 00 00 00',
  );
  assert.is(
    text
      .split('\n')
      .find((line) => line.includes('^^'))
      ?.slice(25),
    '      ^^',
  );
  assert.not.match(text, /0000 \(0\)|0020 \(32\)/);
});

test('a missing and an additional tail are differences', () => {
  assert.match(hexDiff(new Uint8Array(3), new Uint8Array(4)), /^length: expected 4 bytes, got 3\n0000 \(0\)/);
  assert.match(hexDiff(new Uint8Array(17), new Uint8Array(16)), /^length: expected 16 bytes, got 17\n0010 \(16\)/);
});

test('a long difference is cut', () => {
  const lines = hexDiff(new Uint8Array(4096), new Uint8Array(4096).fill(1)).split('\n');
  assert.is(lines.length, 16 * 3 + 1);
  assert.is(lines.at(-1), '… more rows differ');
});

test.run();
