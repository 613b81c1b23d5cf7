import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressRange } from '../../../engine/access/address-range.js';
import { type AccessRule, openAccess, TargetAccess } from '../../../engine/access/target-access.js';
import { credentials } from '../login/chap-fixture.js';

const HOST = 'iqn.2026-11.com.example:host-7';
const ADDRESS = '192.0.2.7';

function range(text: string): AddressRange {
  const parsed = AddressRange.parse(text);
  assert.ok(parsed !== null);
  return parsed;
}

function seen(access: TargetAccess, user: string | null = null, initiatorName = HOST, remoteAddress = ADDRESS): readonly number[] | 'all' | null {
  const grant = access.grantFor({ initiatorName, remoteAddress, user });
  return grant === null ? null : grant.luns === null ? 'all' : [...grant.luns].sort();
}

function rules(...list: AccessRule[]): TargetAccess {
  return new TargetAccess({ rules: list });
}

test('without users and rules everybody sees everything, and nobody has to authenticate', () => {
  assert.is(seen(openAccess), 'all');
  assert.equal(openAccess.authMethods, ['None']);
  assert.ok(openAccess.mayCome(HOST, ADDRESS));
});

test('users without rules: whoever has proved to be one sees everything; None is not offered', () => {
  const access = new TargetAccess({ credentials: credentials() });
  assert.is(seen(access, 'alice'), 'all');
  assert.is(seen(access, null), null);
  assert.equal(access.authMethods, ['CHAP']);
  assert.ok(access.mayCome(HOST, ADDRESS));
});

test('no rules at all is not an empty list of rules, which lets nobody in', () => {
  assert.is(seen(rules()), null);
  assert.not(rules().mayCome(HOST, ADDRESS));
});

test('a rule wants everything that it names', () => {
  const access = rules({ initiators: ['*:host-?'], addresses: [range('192.0.2.0/24'), range('2001:db8::/32')] });
  assert.is(seen(access), 'all');
  assert.is(seen(access, null, HOST, '2001:db8::7'), 'all');
  assert.is(seen(access, null, HOST, '::ffff:192.0.2.1'), 'all');
  assert.is(seen(access, null, HOST, '198.51.100.1'), null);
  assert.is(seen(access, null, 'iqn.2026-11.com.example:other'), null);
});

test('what the rules that fit give adds up, in any order', () => {
  const list: AccessRule[] = [
    { initiators: ['*'], luns: [5] },
    { initiators: [HOST], luns: [0, 1] },
    { initiators: ['iqn.2026-11.com.example:nobody'], luns: [9] },
  ];
  assert.equal(seen(rules(...list)), [0, 1, 5]);
  assert.equal(seen(rules(...list.toReversed())), [0, 1, 5]);
  assert.is(seen(rules(...list, { addresses: [range(ADDRESS)] })), 'all');
});

test('rules by user: another user, and no user, see nothing; who may come at all does not depend on it', () => {
  const access = new TargetAccess({
    credentials: credentials(),
    rules: [
      { users: ['alice'], luns: [0] },
      { users: ['bob'], initiators: ['*:host-7'] },
    ],
  });
  assert.equal(seen(access, 'alice'), [0]);
  assert.is(seen(access, 'bob'), 'all');
  assert.is(seen(access, 'bob', 'iqn.2026-11.com.example:host-8'), null);
  assert.is(seen(access, 'mallory'), null);
  assert.is(seen(access, null), null);
  assert.ok(access.mayCome('iqn.2026-11.com.example:host-8', ADDRESS));
});

test('a rule that fits gives nothing without authentication where there are users', () => {
  const access = new TargetAccess({ credentials: credentials(), rules: [{ initiators: ['*'] }] });
  assert.is(seen(access, null), null);
});

test('patterns are compared in the normal form of names', () => {
  assert.is(seen(rules({ initiators: ['IQN.2026-11.COM.EXAMPLE:*'] })), 'all');
});

test.run();
