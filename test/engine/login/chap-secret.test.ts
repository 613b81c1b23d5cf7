import { inspect } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChapSecret } from '../../../engine/login/chap-secret.js';

const TEXT = 'correct horse battery staple';

function secretOf(text: string): ChapSecret {
  const { secret, fault } = ChapSecret.parse(Buffer.from(text));
  assert.ok(secret !== undefined, fault);
  return secret;
}

function faultOf(text: string): string {
  return ChapSecret.parse(Buffer.from(text)).fault ?? '';
}

test('a secret of 12 bytes is taken, of 11 refused (RFC 7143 §9.2.1)', () => {
  secretOf('123456789012');
  assert.match(faultOf('12345678901'), /at least 12 bytes .* found 11/);
  assert.match(faultOf(''), /found 0/);
});

test('hex and Base64 notation say bytes, and it is the bytes that count', () => {
  assert.ok(secretOf('0x636f727265637420686f727365').equals(secretOf('correct horse')));
  assert.ok(secretOf('0bY29ycmVjdCBob3JzZQ==').equals(secretOf('correct horse')));
  assert.match(faultOf('0x0102030405060708090a0b'), /found 11/);
});

test('what begins as notation must be some, since a slip would be another secret', () => {
  for (const text of ['0x12345678901234567890123', '0xnot hexadecimal at all', '0bnot Base64 at all!', '0bY29ycmVjdCBob3JzZQ']) {
    assert.match(faultOf(text), 'hexadecimal', text);
  }
});

test('secrets are compared whatever their lengths', () => {
  assert.ok(secretOf(TEXT).equals(secretOf(TEXT)));
  assert.not(secretOf(TEXT).equals(secretOf(`${TEXT}.`)));
});

test('no way of printing a secret, or what is wrong with one, shows anything of it', () => {
  const secret = secretOf(TEXT);
  const holder = { secret, list: [secret] };
  const printed = [inspect(holder, { depth: 9, showHidden: true }), JSON.stringify(holder), String(secret), `${Object.entries(secret)}`, faultOf('short one')];
  for (const text of printed) assert.not.match(text, /horse|short/);
});

test.run();
