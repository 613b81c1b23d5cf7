import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchesNamePattern, normalizeNamePattern } from '../../../engine/access/name-pattern.js';

const NAME = 'iqn.2026-11.com.example:host-7';

for (const pattern of [
  NAME,
  '*',
  '*?',
  'iqn.*',
  '*:host-7',
  '*:host-?',
  'iqn.????-??.com.example:*',
  '*example*',
  '**host**',
  'iqn.2026-11.com.example:host-7*',
  `${'*'.repeat(50)}`,
]) {
  test(`${pattern} fits ${NAME}`, () => assert.ok(matchesNamePattern(pattern, NAME)));
}

for (const pattern of [
  '',
  'iqn',
  `${NAME}?`,
  `?${NAME}`,
  '*:host-',
  '*:host-8',
  'host-7',
  'iqn.2026-11.com.example',
  '?'.repeat(NAME.length - 1),
  '*z*',
  '.*',
  'iqn.2026-11.com.example:host-[0-9]',
]) {
  test(`${JSON.stringify(pattern)} does not fit ${NAME}`, () => assert.not(matchesNamePattern(pattern, NAME)));
}

test('the empty name fits asterisks only', () => {
  assert.ok(matchesNamePattern('', ''));
  assert.ok(matchesNamePattern('***', ''));
  assert.not(matchesNamePattern('?', ''));
});

test('patterns of upper case fit names, which are of lower case', () => {
  assert.ok(matchesNamePattern(normalizeNamePattern('IQN.2026-11.com.example:HOST-*'), NAME));
});

test('a pattern made to be slow is not', () => {
  const started = performance.now();
  for (let count = 0; count < 1000; count++) assert.not(matchesNamePattern(`${'*a'.repeat(100)}b`, 'a'.repeat(223)));
  assert.ok(performance.now() - started < 2000);
});

test.run();
