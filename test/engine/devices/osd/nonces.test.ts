import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NonceList, nonceTimeMs } from '../../../../engine/devices/osd/security/nonces.js';
import { newNonce } from './osd-client.js';

const START_MS = 1_000_000;

test('a nonce is good once, and not when it is older than the list', () => {
  const list = new NonceList(8, START_MS);
  const nonce = newNonce(START_MS + 5);
  assert.is(nonceTimeMs(nonce), START_MS + 5);
  assert.is(list.note(nonce, START_MS + 5), 'new');
  assert.is(list.note(nonce, START_MS + 5), 'repeated');
  assert.is(list.note(newNonce(START_MS + 5), START_MS + 5), 'new', 'of the same time, with other random bytes');
  assert.is(list.note(newNonce(START_MS - 1), START_MS - 1), 'old');
  assert.is(list.note(newNonce(START_MS), START_MS), 'new');
});

test('a nonce that was forgotten is never taken again, nor one as old', () => {
  const list = new NonceList(3, START_MS);
  const nonces = [10, 30, 20, 40, 50].map((offset) => [newNonce(START_MS + offset), START_MS + offset] as const);
  for (const [nonce, timeMs] of nonces) assert.is(list.note(nonce, timeMs), 'new');
  for (const [nonce, timeMs] of nonces) assert.is.not(list.note(nonce, timeMs), 'new');
  assert.is(list.note(newNonce(START_MS + 30), START_MS + 30), 'old', 'nonces up to that of 30 have been forgotten');
  assert.is(list.note(newNonce(START_MS + 31), START_MS + 31), 'new');
});

test.run();
