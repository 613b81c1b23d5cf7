import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addressAttribute,
  addressBytes,
  emptyAttribute,
  encodeAttributes,
  IsnsTag,
  numberAttribute,
  numberOf,
  parseAttributes,
  textAttribute,
  textOf,
} from '../../../engine/isns/attribute.js';

/** In words of four bytes, as the RFC draws them. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{8})(?=.)/g, '$1 ');
}

function parsed(text: string) {
  return parseAttributes(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

test('text ends with a zero byte and is filled up to four bytes, which the length counts', () => {
  assert.is(hex(encodeAttributes([textAttribute(IsnsTag.iscsiName, 'iqn.a')])), '00000020 00000008 69716e2e 61000000');
  // The zero byte needs a word of its own when the text fills one.
  assert.is(hex(encodeAttributes([textAttribute(IsnsTag.iscsiAlias, 'disk')])), '00000022 00000008 6469736b 00000000');
});

test('numbers are four bytes, most significant first', () => {
  assert.is(hex(encodeAttributes([numberAttribute(IsnsTag.portalPort, 3260)])), '00000011 00000004 00000cbc');
});

test('an empty attribute is a tag and a length of zero', () => {
  assert.is(hex(encodeAttributes([emptyAttribute(IsnsTag.delimiter)])), '00000000 00000000');
});

const ADDRESSES: readonly (readonly [string, string])[] = [
  ['192.0.2.1', '00000000000000000000ffffc0000201'],
  ['255.255.255.255', '00000000000000000000ffffffffffff'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['1::', '00010000000000000000000000000000'],
  ['2001:db8::10:2', '20010db8000000000000000000100002'],
  ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ['fe80::1%eth0', 'fe800000000000000000000000000001'],
];

for (const [address, bytes] of ADDRESSES) test(`the address ${address} in 16 bytes`, () => assert.is(addressBytes(address).toString('hex'), bytes));

test('an address attribute has 16 bytes', () => {
  assert.is(hex(encodeAttributes([addressAttribute(IsnsTag.portalIpAddress, '::1')])), '00000010 00000010 00000000 00000000 00000000 00000001');
});

test('what was encoded is parsed', () => {
  const [name, port, empty] = parseAttributes(
    encodeAttributes([
      textAttribute(IsnsTag.iscsiName, 'iqn.2026-11.io.lunloom:ü'),
      numberAttribute(IsnsTag.portalPort, 7),
      emptyAttribute(IsnsTag.portalGroupTag),
    ]),
  ) as NonNullable<ReturnType<typeof parseAttributes>>;
  assert.equal([name?.tag, name && textOf(name)], [IsnsTag.iscsiName, 'iqn.2026-11.io.lunloom:ü']);
  assert.equal([port?.tag, port && numberOf(port)], [IsnsTag.portalPort, 7]);
  assert.equal([empty?.tag, empty && numberOf(empty), empty && textOf(empty)], [IsnsTag.portalGroupTag, null, '']);
});

const BROKEN: readonly (readonly [string, string])[] = [
  ['a tag alone', '00000020'],
  ['a length beyond the end', '00000020 00000008 61626300'],
  ['a length beyond all ends', '00000020 fffffffc'],
  ['a length that is no multiple of four', '00000020 00000003 616263 00'],
  ['rubbish behind an attribute', '00000000 00000000 01'],
];

for (const [what, bytes] of BROKEN) test(`${what} is no list of attributes`, () => assert.is(parsed(bytes), null));

test('text without a zero byte ends with its value', () => {
  const [attribute] = parsed('00000020 00000004 61626364') ?? [];
  assert.is(attribute && textOf(attribute), 'abcd');
});

test.run();
