import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatByteSize, parseByteSize } from '../../../engine/config/byte-size.js';
import { didYouMean } from '../../../engine/config/did-you-mean.js';
import { parseIscsiName } from '../../../engine/config/iscsi-name.js';
import { formatIsnsServer, parseIsnsServer } from '../../../engine/config/isns-server.js';
import { formatPortal, formatPortalText, isLoopback, parsePortal } from '../../../engine/config/portal.js';
import { parseStoreText, STORE_FORM } from '../../../engine/config/store-text.js';

const SIZES: readonly (readonly [string, number | string])[] = [
  ['1', 1],
  ['512', 512],
  ['4096B', 4096],
  ['1K', 1024],
  ['1KiB', 1024],
  ['1kib', 1024],
  ['1KB', 1000],
  ['3M', 3 * 1024 ** 2],
  ['3MiB', 3 * 1024 ** 2],
  ['3MB', 3_000_000],
  ['2G', 2 * 1024 ** 3],
  ['2 GiB', 2 * 1024 ** 3],
  ['2GB', 2_000_000_000],
  ['1T', 1024 ** 4],
  ['1TiB', 1024 ** 4],
  ['1TB', 1e12],
  ['8191TiB', 8191 * 1024 ** 4],
  ['0', 'expected a size of more than 0 bytes, found "0"'],
  ['0GiB', 'expected a size of more than 0 bytes, found "0GiB"'],
  ['8192TiB', 2 ** 53],
  ['1PiB', 2 ** 50],
  ['1PB', 1e15],
  ['4E', 2 ** 62],
  ['8EiB', 2 ** 63],
  ['9223372036854775808', 2 ** 63],
  ['4611686018427388928', 2 ** 62 + 1024],
  ['9EiB', 'expected a size of at most 8EiB, found "9EiB"'],
  ['9223372036854775809', 'expected a size of at most 8EiB, found "9223372036854775809"'],
  ['9007199254740993', 'expected whole KiB above 8PiB, found "9007199254740993"'],
  ['', 'expected a size such as 4096, 512MiB or 1GiB, found ""'],
  ['-1', 'expected a size such as 4096, 512MiB or 1GiB, found "-1"'],
  ['1e9', 'expected a size such as 4096, 512MiB or 1GiB, found "1e9"'],
  ['1 parsec', 'expected a size such as 4096, 512MiB or 1GiB, found "1 parsec"'],
  ['1GiBs', 'expected a size such as 4096, 512MiB or 1GiB, found "1GiBs"'],
  ['1.5GiB', 'expected a size such as 4096, 512MiB or 1GiB, found "1.5GiB"; fractions are not read, take the next smaller unit'],
  // A key that every object has must not be taken for a unit.
  ['1constructor', 'expected a size such as 4096, 512MiB or 1GiB, found "1constructor"'],
];

const PORTALS: readonly (readonly [string, string])[] = [
  ['127.0.0.1:3260', '127.0.0.1:3260'],
  ['127.0.0.1', '127.0.0.1:3260'],
  ['127.0.0.1:0', '127.0.0.1:0'],
  ['10.1.2.3:65535', '10.1.2.3:65535'],
  ['[::1]:3260', '[::1]:3260'],
  ['[::1]', '[::1]:3260'],
  ['[fe80::1%eth0]:860', '[fe80::1%eth0]:860'],
  ['localhost', '127.0.0.1:3260'],
  ['localhost:1', '127.0.0.1:1'],
];

const PORTAL_FAULTS: readonly (readonly [string, string])[] = [
  ['::1', 'expected an IPv6 address in brackets, such as [::1]:3260, found "::1"'],
  ['::1:3260', 'expected an IPv6 address in brackets, such as [::1:3260]:3260, found "::1:3260"'],
  ['[127.0.0.1]:3260', 'expected an IPv6 address in the brackets, found "127.0.0.1"'],
  ['127.0.0.1:65536', 'expected a port from 0 to 65535, found "65536"'],
  ['127.0.0.1:', 'expected a port from 0 to 65535, found ""'],
  ['127.0.0.1:+1', 'expected a port from 0 to 65535, found "+1"'],
  ['127.1:3260', 'expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found "127.1:3260"'],
  ['3260', 'expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found "3260"'],
  [':3260', 'expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found ":3260"; 0.0.0.0 stands for all IPv4 addresses, [::] for all'],
  ['san.example:3260', 'expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found "san.example:3260"; host names are not resolved, give the address'],
  ['[::1]3260', 'expected ADDRESS[:PORT] such as 127.0.0.1:3260 or [::1]:3260, found "[::1]3260"'],
];

const NAMES = [
  'iqn.2026-11.io.lunloom:demo',
  'iqn.2026-11.io.lunloom',
  'iqn.1992-01.com.example:storage:disk1.sys1.xyz',
  'eui.02004567A425678D',
  'naa.52004567BA64678D',
  'naa.62004567ba64678d0123456789abcdef',
  `iqn.2026-11.io.lunloom:${'x'.repeat(200)}`,
];

const NAME_FAULTS: readonly (readonly [string, string])[] = [
  ['', 'expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1 (iqn.YEAR-MONTH.REVERSED-DOMAIN[:NAME]), found ""'],
  ['disk1', 'expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1 (iqn.YEAR-MONTH.REVERSED-DOMAIN[:NAME]), found "disk1"'],
  ['iqn.2026-13.io.lunloom:x', 'expected a month from 01 to 12 in the iSCSI name, found "13"'],
  ['iqn.2026-00.io.lunloom:x', 'expected a month from 01 to 12 in the iSCSI name, found "00"'],
  ['iqn.2026-11.io.Lunloom:x', 'expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1, found "L" in "iqn.2026-11.io.Lunloom:x"; names are lower case'],
  [
    'iqn.2026-11.io.lunloom:a_b',
    'expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1, found "_" in "iqn.2026-11.io.lunloom:a_b"; a to z, 0 to 9, ".", "-" and ":" are allowed',
  ],
  ['iqn.2026-11.io..lunloom', 'expected a reversed domain name in the iSCSI name, found "io..lunloom"'],
  ['eui.0200', 'expected eui. and 16 hexadecimal digits, found "eui.0200"'],
  ['naa.zz', 'expected naa. and 16 or 32 hexadecimal digits, found "naa.zz"'],
  [`iqn.2026-11.io.lunloom:${'x'.repeat(201)}`, 'expected at most 223 characters, found 224'],
];

test('sizes: units of 1024 and of 1000, and what is no size', () => {
  for (const [text, expected] of SIZES) {
    const { value, fault } = parseByteSize(text);
    assert.is(value ?? fault, expected, text);
  }
});

test('sizes are printed exactly and read back', () => {
  for (const sizeBytes of [1, 1000, 1023, 1024, 1536, 1024 ** 3, 1024 ** 3 + 512, 5 * 1024 ** 4, 2 ** 53, 2 ** 62 + 1024, 2 ** 63])
    assert.is(parseByteSize(formatByteSize(sizeBytes)).value, sizeBytes);
  assert.is(formatByteSize(1024 ** 3), '1GiB');
  assert.is(formatByteSize(1536), '1536');
  assert.is(formatByteSize(2 ** 63), '8EiB');
  // `String(2 ** 53 + 2)` is right, `String(2 ** 62 + 512 * 3)` is not even a multiple of 512.
  assert.is(formatByteSize(2 ** 60 + 256), '1152921504606847232');
});

test('portals: addresses with and without ports', () => {
  for (const [text, expected] of PORTALS) {
    const { value, fault } = parsePortal(text);
    assert.is(fault, undefined, text);
    if (value !== undefined) assert.is(formatPortal(value), expected, text);
  }
});

test('portals: what is none says what was expected', () => {
  for (const [text, expected] of PORTAL_FAULTS) assert.is(parsePortal(text).fault, expected, text);
});

const PORTALS_WITH_TAGS: readonly (readonly [string, number | undefined, string])[] = [
  ['127.0.0.1:3260,2', 2, '127.0.0.1:3260,2'],
  ['127.0.0.1,65535', 65535, '127.0.0.1:3260,65535'],
  ['[::1]:860,3', 3, '[::1]:860,3'],
  ['localhost,1', 1, '127.0.0.1:3260'],
  ['127.0.0.1', undefined, '127.0.0.1:3260'],
];

test('portals: the portal group tag stands behind a comma, and group 1 goes without saying', () => {
  for (const [text, tag, printed] of PORTALS_WITH_TAGS) {
    const { value, fault } = parsePortal(text);
    assert.is(fault, undefined, text);
    assert.is(value?.portalGroupTag, tag, text);
    if (value !== undefined) assert.is(formatPortalText(value), printed, text);
  }
  for (const [text, found] of [
    ['127.0.0.1:1,0', '0'],
    ['127.0.0.1:1,65536', '65536'],
    ['[::1],', ''],
    ['127.0.0.1,1,2', '1,2'],
    ['127.0.0.1:1,x', 'x'],
  ] as const) {
    assert.is(parsePortal(text).fault, `expected a portal group tag from 1 to 65535 behind the comma, found "${found}"`, text);
  }
});

test('iSNS servers: names and addresses, with and without ports', () => {
  for (const [text, expected] of [
    ['isns.example.com', 'isns.example.com:3205'],
    ['isns', 'isns:3205'],
    ['192.0.2.1:860', '192.0.2.1:860'],
    ['[2001:db8::1]', '[2001:db8::1]:3205'],
    ['[::1]:1', '[::1]:1'],
  ] as const) {
    const { value, fault } = parseIsnsServer(text);
    assert.is(value === undefined ? fault : formatIsnsServer(value), expected);
  }
  const form = 'expected HOST[:PORT] such as isns.example.com, 192.0.2.1:3205 or [2001:db8::1]:3205, found';
  for (const text of ['', '::1', 'a b', '-a', 'http://isns', '[isns]', '[127.0.0.1]:1', ':3205']) {
    const { fault } = parseIsnsServer(text);
    assert.ok(fault?.startsWith(form) === true || fault?.startsWith('expected a port') === true, `${text}: ${fault}`);
  }
  for (const port of ['0', '65536', '', 'x']) assert.is(parseIsnsServer(`isns:${port}`).fault, `expected a port from 1 to 65535, found "${port}"`);
});

test('loopback is 127.0.0.0/8, ::1 and localhost in every spelling, and nothing else', () => {
  for (const address of ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', 'localhost']) assert.ok(isLoopback(address), address);
  for (const address of ['0.0.0.0', '::', '126.255.255.255', '128.0.0.1', '10.0.0.1', '::2', 'fe80::1%eth0', '::ffff:10.0.0.1', 'san', '']) {
    assert.not.ok(isLoopback(address), address);
  }
});

test('iSCSI names in all three forms (RFC 7143 §4.2.7)', () => {
  for (const name of NAMES) assert.is(parseIscsiName(name).value, name);
  for (const [name, expected] of NAME_FAULTS) assert.is(parseIscsiName(name).fault, expected, name);
});

test('stores: kinds, sizes and paths with colons', () => {
  assert.equal(parseStoreText('ram:1GiB').value, { kind: 'ram', sizeBytes: 1024 ** 3 });
  assert.equal(parseStoreText('null:4096').value, { kind: 'null', sizeBytes: 4096 });
  assert.equal(parseStoreText('file:/srv/a:b,c.img').value, { kind: 'file', path: '/srv/a:b,c.img' });
});

test('stores: what is none gets a hint', () => {
  const form = `expected ${STORE_FORM}, found`;
  assert.is(parseStoreText('rma:1GiB').fault, `${form} "rma:1GiB"; did you mean "ram"?`);
  assert.is(parseStoreText('/srv/x.img').fault, `${form} "/srv/x.img"; write file:/srv/x.img to serve a file`);
  assert.is(parseStoreText('').fault, `${form} ""`);
  assert.is(parseStoreText('ram').fault, 'expected ram:SIZE such as ram:1GiB, found "ram"');
  assert.is(parseStoreText('null:').fault, 'expected null:SIZE such as null:1GiB, found "null:"');
  assert.is(parseStoreText('ram:0').fault, 'expected a size of more than 0 bytes, found "0"');
  assert.is(parseStoreText('file:').fault, 'expected file:PATH such as file:/srv/disk.img, found "file:"');
  assert.is(parseStoreText('file:~/x').fault, 'expected a path, found "file:~/x"; "~" is not expanded here, write the whole path');
});

test('did you mean: slips of the hand, not guesses', () => {
  const keys = ['block-size', 'readonly', 'store', 'lun'];
  for (const slip of ['blocksize', 'blockSize', 'block_size', 'blok-size', 'bolck-size'])
    assert.is(didYouMean(slip, keys), '; did you mean "block-size"?', slip);
  assert.is(didYouMean('read-only', keys), '; did you mean "readonly"?');
  assert.is(didYouMean('path', keys), '');
});

test.run();
