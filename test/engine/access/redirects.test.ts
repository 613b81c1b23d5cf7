import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatRedirectAddress, Redirects } from '../../../engine/access/redirects.js';

const ONE = 'iqn.2026-11.io.lunloom:one';
const TWO = 'iqn.2026-11.io.lunloom:two';
const LOCAL = { address: '192.0.2.2', port: 3260 };

test('by target, by portal and by both; the first that fits decides', () => {
  const redirects = new Redirects([
    { targetName: ONE, portal: { address: '192.0.2.2', port: 3261 }, host: '192.0.2.8', port: 3260, permanent: true },
    { targetName: ONE, host: '192.0.2.9', port: 3260, permanent: false },
    { portal: { address: '0.0.0.0', port: 3262 }, host: 'other.example.com', port: 860, permanent: false },
  ]);
  assert.equal(redirects.find(ONE, LOCAL), { status: 0x0101, targetAddress: '192.0.2.9:3260' });
  assert.equal(redirects.find(ONE, { ...LOCAL, port: 3261 }), { status: 0x0102, targetAddress: '192.0.2.8:3260' });
  assert.is(redirects.find(TWO, LOCAL), null);
  assert.equal(redirects.find(TWO, { ...LOCAL, port: 3262 }), { status: 0x0101, targetAddress: 'other.example.com:860' });
});

test('a wildcard is every address of its port and family; a dual-stack one is both', () => {
  const at = (address: string) => new Redirects([{ portal: { address, port: 3260 }, host: 'h', port: 1, permanent: false }]);
  assert.ok(at('0.0.0.0').find(ONE, LOCAL));
  assert.ok(at('::').find(ONE, { ...LOCAL, address: '::ffff:192.0.2.2' }));
  assert.ok(at('192.0.2.2').find(ONE, { ...LOCAL, address: '::ffff:192.0.2.2' }));
  assert.is(at('0.0.0.0').find(ONE, { ...LOCAL, address: '::1' }), null);
  assert.is(at('192.0.2.3').find(ONE, LOCAL), null);
});

test('TargetAddress of a redirection: IPv6 in brackets, no portal group tag (RFC 7143 §13.8)', () => {
  assert.is(formatRedirectAddress({ host: '2001:db8::9', port: 3260 }), '[2001:db8::9]:3260');
  assert.is(formatRedirectAddress({ host: 'a.example', port: 3260 }), 'a.example:3260');
});

test('the name of a rule is compared in normal form', () => {
  const redirects = new Redirects([{ targetName: 'eui.02004567A425678D', host: 'h', port: 1, permanent: false }]);
  assert.ok(redirects.find('eui.02004567a425678d', LOCAL));
});

test.run();
