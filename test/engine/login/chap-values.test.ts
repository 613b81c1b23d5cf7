import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BINARY_VALUE_LENGTH_BYTES_MAX, formatHexValue, parseBinaryValue } from '../../../engine/login/chap-values.js';
import { assertBytes } from '../../support/assert-bytes.js';

function assertValue(text: string, hex: string): void {
  const bytes = parseBinaryValue(text);
  assert.ok(bytes !== null, text);
  assertBytes(bytes, Buffer.from(hex, 'hex'));
}

test('hex and Base64 with prefixes and digits of either case (RFC 7143 §6.1)', () => {
  for (const text of ['0x00ffAb', '0X00FFaB']) assertValue(text, '00ffab');
  for (const text of ['0bAP+r', '0BAP+r']) assertValue(text, '00ffab');
  assertValue('0bAP8=', '00ff');
  assertValue('0bAA==', '00');
  assertValue('0xabc', '0abc');
  assert.is(formatHexValue(Uint8Array.of(0, 255, 171)), '0x00ffab');
});

for (const text of ['', '0', '0x', '0b', 'x00', '12345678', '0d12', '0xzz', '0x00 ', ' 0x00', '0x0x00', '0x-1', '00ff', '0b=', '0b====']) {
  test(`no binary value: ${JSON.stringify(text)}`, () => assert.is(parseBinaryValue(text), null));
}

for (const text of ['0bAP8', '0bAP8==', '0bA', '0bAP9=', '0bA P8', '0bAP_r', '0bAP-r', '0bAA==AA==', '0bAP\n8', '0b=AAA']) {
  test(`Base64 that is not well formed: ${JSON.stringify(text)}`, () => assert.is(parseBinaryValue(text), null));
}

test('1024 bytes are taken, one more is not, and huge ones are refused unread', () => {
  const most = Buffer.alloc(BINARY_VALUE_LENGTH_BYTES_MAX, 0xa5);
  const more = Buffer.concat([most, Buffer.of(1)]);
  assertValue(`0x${most.toString('hex')}`, most.toString('hex'));
  assertValue(`0b${most.toString('base64')}`, most.toString('hex'));
  assert.is(parseBinaryValue(`0x${more.toString('hex')}`), null);
  assert.is(parseBinaryValue(`0b${more.toString('base64')}`), null);
  assert.is(parseBinaryValue(`0b${'A'.repeat(1_000_000)}`), null);
});

test.run();
