import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LoginThrottle, throttleKey } from '../../../engine/access/login-throttle.js';
import { type LimitName, resolveLimits } from '../../../engine/limits.js';

const HOST = '192.0.2.7';
const MS = 1000;

function throttleWith(limits: Partial<Record<LimitName, number>> = {}): LoginThrottle {
  return new LoginThrottle(resolveLimits(limits));
}

test('who has not failed does not wait', () => {
  const throttle = throttleWith();
  assert.is(throttle.waitMs(HOST, 0), 0);
  throttle.onFailure('192.0.2.8', 0);
  assert.is(throttle.waitMs(HOST, 0), 0);
});

test('each failure doubles the wait, up to the bound', () => {
  const throttle = throttleWith({ loginFailureDelayMsMax: 1000 });
  const waits: number[] = [];
  for (let count = 0; count < 6; count++) {
    throttle.onFailure(HOST, 0);
    waits.push(throttle.waitMs(HOST, 0));
  }
  assert.equal(waits, [100, 200, 400, 800, 1000, 1000]);
  for (let count = 0; count < 2000; count++) throttle.onFailure(HOST, 0);
  assert.is(throttle.waitMs(HOST, 0), 1000);
});

test('the wait passes, and the next failure continues where the last one was', () => {
  const throttle = throttleWith();
  throttle.onFailure(HOST, 0);
  assert.is(throttle.waitMs(HOST, 99 * MS), 1);
  assert.is(throttle.waitMs(HOST, 100 * MS), 0);
  throttle.onFailure(HOST, 500 * MS);
  assert.is(throttle.waitMs(HOST, 500 * MS), 200);
});

test('an address without failures for long enough starts anew', () => {
  const throttle = throttleWith({ loginFailureMemoryMsMax: 1000 });
  for (let count = 0; count < 5; count++) throttle.onFailure(HOST, 0);
  throttle.onFailure(HOST, 2000 * MS);
  assert.is(throttle.waitMs(HOST, 2000 * MS), 100);
});

test('0 turns waiting off', () => {
  const throttle = throttleWith({ loginFailureDelayMsMax: 0 });
  throttle.onFailure(HOST, 0);
  assert.is(throttle.waitMs(HOST, 0), 0);
});

test('the memory is bounded: those that failed longest ago are forgotten', () => {
  const throttle = throttleWith({ loginFailureAddressCountMax: 16 });
  for (let host = 0; host < 1000; host++) throttle.onFailure(`10.0.${host >> 8}.${host & 255}`, 0);
  assert.is(throttle.addressCount, 16);
  assert.is(throttle.waitMs('10.0.0.0', 0), 0);
  assert.is(throttle.waitMs('10.0.3.231', 0), 100);
});

test('an IPv6 subnet counts as one, however its addresses are written; IPv4 counts by address', () => {
  assert.is(throttleKey('2001:db8::1'), throttleKey('2001:0db8:0:0:ffff::2'));
  assert.is.not(throttleKey('2001:db8::1'), throttleKey('2001:db8:0:1::1'));
  assert.is(throttleKey('fe80::1%eth0'), throttleKey('fe80::2%eth1'));
  assert.is(throttleKey('::ffff:192.0.2.7'), HOST);
  assert.is(throttleKey('::1'), '0:0:0:0');
  assert.is.not(throttleKey('192.0.2.7'), throttleKey('192.0.2.8'));
});

test.run();
