import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLoopbackAddress, portalsSeenFrom, unmappedAddress } from '../../../engine/login/advertised-portals.js';
import { formatTargetAddress, type TargetPortal } from '../../../engine/login/target-address.js';

function portal(address: string, port = 3260, portalGroupTag = 1): TargetPortal {
  return { address, port, portalGroupTag };
}

function seen(address: string, port: number | undefined, ...portals: TargetPortal[]): string[] {
  return portalsSeenFrom(port === undefined ? { address } : { address, port }, portals).map(formatTargetAddress);
}

test('the portal that the connection came in by is told first, the others in their order', () => {
  const portals = [portal('192.0.2.1', 3260, 1), portal('192.0.2.2', 3260, 2), portal('2001:db8::1', 3261, 2)];
  assert.equal(seen('192.0.2.2', 3260, ...portals), ['192.0.2.2:3260,2', '192.0.2.1:3260,1', '[2001:db8::1]:3261,2']);
  assert.equal(seen('192.0.2.1', 3260, ...portals), ['192.0.2.1:3260,1', '192.0.2.2:3260,2', '[2001:db8::1]:3261,2']);
});

test('a wildcard is told as the address that was reached', () => {
  assert.equal(seen('192.0.2.7', 3260, portal('0.0.0.0')), ['192.0.2.7:3260,1']);
  assert.equal(seen('2001:db8::7', 3260, portal('::')), ['[2001:db8::7]:3260,1']);
  assert.equal(seen('192.0.2.7', 3260, portal('192.0.2.7'), portal('0.0.0.0', 860)), ['192.0.2.7:3260,1', '192.0.2.7:860,1']);
});

test('an IPv4 initiator on a dual-stack socket is told IPv4', () => {
  assert.equal(seen('::ffff:192.0.2.7', 3260, portal('::')), ['192.0.2.7:3260,1']);
  assert.is(unmappedAddress('::FFFF:192.0.2.7'), '192.0.2.7');
  assert.is(unmappedAddress('::ffff:1'), '::ffff:1');
});

test('0.0.0.0 is nothing to one who came by IPv6', () => {
  assert.equal(seen('2001:db8::7', 3261, portal('0.0.0.0'), portal('::', 3261)), ['[2001:db8::7]:3261,1']);
});

test('loopback is told on loopback only', () => {
  const portals = [portal('127.0.0.1'), portal('::1'), portal('192.0.2.1')];
  assert.equal(seen('192.0.2.1', 3260, ...portals), ['192.0.2.1:3260,1']);
  assert.equal(seen('127.0.0.1', 3260, ...portals), ['127.0.0.1:3260,1', '[::1]:3260,1', '192.0.2.1:3260,1']);
  assert.equal(seen('::ffff:127.0.0.1', undefined, ...portals).length, 3);
});

test('a link-local address is told to who came by it', () => {
  const portals = [portal('fe80::1%eth0'), portal('2001:db8::1')];
  assert.equal(seen('2001:db8::1', 3260, ...portals), ['[2001:db8::1]:3260,1']);
  assert.equal(seen('fe80::1%eth0', 3260, ...portals), ['[fe80::1]:3260,1', '[2001:db8::1]:3260,1']);
});

test('what looks the same from here is told once', () => {
  assert.equal(seen('192.0.2.7', 3260, portal('0.0.0.0'), portal('::'), portal('192.0.2.7')), ['192.0.2.7:3260,1']);
});

test('loopback is all of 127.0.0.0/8 and ::1, mapped too', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '0:0:0:0:0:0:0:1']) assert.ok(isLoopbackAddress(address), address);
  for (const address of ['128.0.0.1', '::2', '::', '0.0.0.0', '', 'localhost', '::ffff:10.0.0.1']) assert.not(isLoopbackAddress(address), address);
});

test.run();
