import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../../engine/clock.js';
import { parseSenseText } from '../../../../engine/devices/passthrough/disturbance.js';
import { passthroughKind } from '../../../../engine/devices/passthrough/index.js';
import { remoteConnector } from '../../../../engine/devices/passthrough/remote/remote-connector.js';
import { isidOf } from '../../../../engine/devices/passthrough/remote/session-connector.js';
import { defaultLimits } from '../../../../engine/limits.js';

const URL = 'iscsi://host/iqn.2001-04.com.example:disks/3';

test('a source is a URL of a logical unit or a device file', () => {
  for (const right of [URL, 'iscsi://user%secret-of-mine@[::1]:3261/iqn.a/0?header_digest=crc32c', 'iscsi://user@host/iqn.a/0', '/dev/sg3']) {
    assert.is(passthroughKind.parseSource(right).value, right);
  }
  for (const wrong of ['', 'host/iqn.a/0', 'iscsi://host', 'iscsi://host/iqn.a', 'iscsi://host/iqn.a/99999', 'sg3', '/srv/disk.img']) {
    assert.match(passthroughKind.parseSource(wrong).fault ?? '', 'expected passthrough:iscsi://host[:port]/target-name/lun or passthrough:/dev/sgN', wrong);
  }
});

test('no message and nothing that is shown has the secret of a source', () => {
  const source = 'iscsi://user%secret-of-mine@host/iqn.a/0?target_user=t&target_password=secret-of-it';
  assert.not.match(passthroughKind.showSource?.(source) ?? 'secret', /secret-of/);
  assert.not.match(passthroughKind.parseSource(`${source}&nonsense=1`).fault ?? 'secret-of', /secret-of/);
});

test('options are those of the kind of way', () => {
  const faults = (source: string, options: Record<string, unknown>) =>
    passthroughKind.check?.({ kind: 'passthrough', source, options }, false).map(({ key }) => key);
  assert.equal(faults(URL, { 'io-timeout': 5 }), ['io-timeout']);
  assert.equal(faults(URL, { 'secret-file': '/a' }), ['secret-file'], 'nobody is named');
  assert.equal(faults('iscsi://user@host/iqn.a/0', { 'secret-file': '/a', session: 'shared' }), []);
  assert.equal(faults('iscsi://user@host/iqn.a/0', { 'target-secret-file': '/a' }), ['target-secret-file']);
  assert.equal(
    passthroughKind.check?.({ kind: 'passthrough', source: URL, options: {} }, true).map(({ key }) => key),
    ['readonly'],
  );
  assert.equal(faults('/dev/sg0', { session: 'nexus', 'initiator-name': 'iqn.a' }), ['session', 'initiator-name']);
});

test('ratios and sense are read as people write them', () => {
  const read = (key: string, value: unknown) => passthroughKind.options[key]?.safeParse(value);
  assert.is(read('error-rate', '0.01')?.data, 0.01);
  assert.is(read('drop-rate', 1)?.data, 1);
  for (const wrong of ['', '2', 'half', -0.1, Number.NaN]) assert.not.ok(read('error-rate', wrong)?.success, String(wrong));
  assert.is(read('error-sense', '4/44/00')?.data, '4/44/00', 'configurations keep what was written');
  assert.equal(parseSenseText('4/44/00').value, { key: 4, asc: 0x4400 });
  assert.not.ok(read('delay', -1)?.success);
});

test('a secret comes from a file of its own; where there is none, or no good one, the LUN does not open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-passthrough-'));
  const file = join(folder, 'secret');
  writeFileSync(file, 'secret-of-mine\n', { mode: 0o600 });
  const open = (options: Record<string, unknown>) =>
    remoteConnector(
      { lun: 0, readOnly: false, device: { kind: 'passthrough', source: 'iscsi://user@host/iqn.a/0', options } },
      { limits: defaultLimits, clock: systemClock },
    );
  const codeIs = (code: string) => (error: { code?: string; message: string }) => error.code === code && !error.message.includes('secret-of');
  try {
    const connector = open({ 'secret-file': file, session: 'shared' });
    assert.equal([connector.name, connector.isPerNexus], ['iscsi://user@host/iqn.a/0', false]);
    assert.throws(() => open({}), codeIs('PASSTHROUGH_SOURCE'));
    assert.throws(() => open({ 'secret-file': join(folder, 'none') }), codeIs('PASSTHROUGH_SECRET'));
    chmodSync(file, 0o644);
    assert.throws(() => open({ 'secret-file': file }), codeIs('PASSTHROUGH_SECRET'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the ISID of a way is its own, the same every time, and of the random type', () => {
  assert.is(isidOf('seed/iqn.a,i,0x1'), isidOf('seed/iqn.a,i,0x1'));
  assert.is.not(isidOf('seed/iqn.a,i,0x1'), isidOf('seed/iqn.a,i,0x2'));
  assert.match(isidOf('seed/'), /^80[0-9a-f]{10}$/);
});

test.run();
