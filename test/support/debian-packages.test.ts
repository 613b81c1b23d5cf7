import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { missingPeers, packagesOf, peerPath } from './debian-packages.js';

test('a program is found on the PATH only when it may be executed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-peer-'));
  const before = process.env['PATH'];
  try {
    process.env['PATH'] = folder;
    const path = join(folder, 'iscsi-perf');
    writeFileSync(path, '#!/bin/sh\n');
    assert.is(peerPath('iscsi-perf'), null);
    assert.equal(missingPeers(['iscsi-perf']), ['iscsi-perf']);
    chmodSync(path, 0o755);
    assert.is(peerPath('iscsi-perf'), path);
    assert.equal(missingPeers(['iscsi-perf']), []);
  } finally {
    process.env['PATH'] = before;
    rmSync(folder, { recursive: true });
  }
});

test('a package is named once however many of its programs are wanted', () => {
  assert.equal(packagesOf(['iscsi-ls', 'tgtadm', 'iscsi-inq', 'tgtd']), ['libiscsi-bin', 'tgt']);
});

test.run();
