import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nameFromWire, normalizeIscsiName, textToWire } from '../../../engine/login/iscsi-name.js';

const legal: readonly [name: string, normal: string][] = [
  ['iqn.2026-11.io.lunloom', 'iqn.2026-11.io.lunloom'],
  ['iqn.2026-11.io.lunloom:disk:1', 'iqn.2026-11.io.lunloom:disk:1'],
  ['IQN.1991-05.com.Microsoft:HOST', 'iqn.1991-05.com.microsoft:host'],
  ['iqn.2026-11.io.lunloom:host_1', 'iqn.2026-11.io.lunloom:host_1'],
  ['iqn.2026-11.io.lunloom:größe', 'iqn.2026-11.io.lunloom:größe'],
  ['eui.02004567A425678D', 'eui.02004567a425678d'],
  ['naa.52004567BA64678D', 'naa.52004567ba64678d'],
  ['naa.62004567BA64678D0123456789ABCDEF', 'naa.62004567ba64678d0123456789abcdef'],
  [`iqn.2026-11.io.lunloom:${'a'.repeat(200)}`, `iqn.2026-11.io.lunloom:${'a'.repeat(200)}`],
];

for (const [name, normal] of legal) {
  test(`${name.slice(0, 50)} is an iSCSI name (RFC 7143 §4.2.7)`, () => assert.is(normalizeIscsiName(name), normal));
}

const illegal = [
  '',
  'iqn.',
  'iqn',
  'disk',
  'iqn.2026-13.io.lunloom',
  'iqn.2026-00.io',
  'iqn.26-11.io',
  'iqn.2026-11.',
  'iqn.2026-11.:x',
  'eui.123',
  'eui.0200456gA425678D',
  'naa.123',
  'naa.62004567BA64678D0123',
  'iqn.2026-11.io.lunloom:a b',
  'iqn.2026-11.io.lunloom:a\n',
  'iqn.2026-11.io.lunloom:a,b',
  'iqn.2026-11.io:a/b',
  `iqn.2026-11.io.lunloom:${'a'.repeat(201)}`,
  `iqn.2026-11.io.lunloom:${'ü'.repeat(101)}`,
  'x'.repeat(100_000),
];

for (const name of illegal) {
  test(`${JSON.stringify(name.slice(0, 50))} is none`, () => assert.is(normalizeIscsiName(name), null));
}

test('names are UTF-8 on the wire, and what is not is no name', () => {
  const name = 'iqn.2026-11.io.lunloom:größe';
  assert.is(nameFromWire(textToWire(name)), name);
  assert.is(nameFromWire('iqn.2026-11.io.lunloom:gr\u00f6\u00dfe'), null);
});

test('two spellings of one character are one name (RFC 3722)', () => {
  assert.is(normalizeIscsiName('iqn.2026-11.io.lunloom:u\u0308'), normalizeIscsiName('iqn.2026-11.io.lunloom:\u00fc'));
});

test.run();
