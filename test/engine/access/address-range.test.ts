import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressRange, plainAddress } from '../../../engine/access/address-range.js';

function includes(text: string, address: string): boolean {
  const range = AddressRange.parse(text);
  assert.ok(range !== null, text);
  assert.is(range.text, text);
  return range.includes(plainAddress(address));
}

test('an address is itself alone; a range what begins with its prefix', () => {
  assert.ok(includes('192.0.2.7', '192.0.2.7'));
  assert.not(includes('192.0.2.7', '192.0.2.8'));
  assert.ok(includes('192.0.2.0/24', '192.0.2.255'));
  assert.not(includes('192.0.2.0/24', '192.0.3.0'));
  assert.ok(includes('10.0.0.0/9', '10.127.255.255'));
  assert.not(includes('10.0.0.0/9', '10.128.0.0'));
  assert.ok(includes('2001:db8::/32', '2001:db8:ffff::1'));
  assert.not(includes('2001:db8::/32', '2001:db9::1'));
  assert.ok(includes('2001:db8::1', '2001:0db8:0:0::1'));
});

test('the families are apart, and a prefix of no bits is one family', () => {
  assert.ok(includes('0.0.0.0/0', '203.0.113.9'));
  assert.not(includes('0.0.0.0/0', '2001:db8::1'));
  assert.ok(includes('::/0', '2001:db8::1'));
  assert.not(includes('::/0', '192.0.2.1'));
});

test('IPv4 peers of a dual-stack socket are IPv4, and zones do not count', () => {
  assert.ok(includes('192.0.2.0/24', '::ffff:192.0.2.9'));
  assert.not(includes('::/0', '::ffff:192.0.2.9'));
  assert.ok(includes('fe80::/10', 'fe80::1%eth0'));
});

test('what is no address fits nothing', () => {
  for (const address of ['', 'localhost', '192.0.2', '192.0.2.1.5']) assert.not(includes('0.0.0.0/0', address));
});

for (const text of [
  '',
  '*',
  'localhost',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0/8',
  '::/129',
  '::ffff:10.0.0.0/104',
  '10.0.0.0/8/8',
  '[::1]',
  '::1%lo',
]) {
  test(`no range: ${JSON.stringify(text)}`, () => assert.is(AddressRange.parse(text), null));
}

test.run();
