import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InitiatorError } from '../../initiator/errors.js';
import { parseIscsiUrl } from '../../initiator/iscsi-url.js';

function codeOf(url: string): string {
  try {
    parseIscsiUrl(url);
    return 'accepted';
  } catch (error) {
    return error instanceof InitiatorError ? error.code : String(error);
  }
}

test('host, port, target name and LUN', () => {
  assert.equal(parseIscsiUrl('iscsi://10.0.0.1:3261/iqn.2025-01.lab:disk1/7'), { host: '10.0.0.1', port: 3261, targetName: 'iqn.2025-01.lab:disk1', lun: 7 });
});

test('the port is 3260 unless told, IPv6 hosts stand in brackets', () => {
  assert.equal(parseIscsiUrl('iscsi://lab/eui.0123456789abcdef/0'), { host: 'lab', port: 3260, targetName: 'eui.0123456789abcdef', lun: 0 });
  assert.is(parseIscsiUrl('iscsi://[fe80::1%eth0]:860/iqn.x:y/16383').host, 'fe80::1%eth0');
});

for (const url of [
  '',
  'http://host/iqn.x/0',
  'iscsi://host/iqn.x',
  'iscsi://host/iqn.x/zero',
  'iscsi://host/iqn.x/16384',
  'iscsi:///iqn.x/0',
  'iscsi://host:/iqn.x/0',
  'iscsi://host:0/iqn.x/0',
  'iscsi://host:65536/iqn.x/0',
  'iscsi://fe80::1/iqn.x/0',
  'iscsi://host/iqn.x/0/1',
]) {
  test(`refused: ${url === '' ? 'nothing' : url}`, () => assert.is(codeOf(url), 'URL_INVALID'));
}

test('credentials are understood, refused as not supported yet, and the secret is not repeated', () => {
  assert.is(codeOf('iscsi://user%secret@host/iqn.x/0'), 'NOT_SUPPORTED');
  for (const url of ['iscsi://user%hunter2@host/iqn.x/0', 'iscsi://user%hunter2@host/iqn.x/none']) {
    assert.throws(
      () => parseIscsiUrl(url),
      (error: Error) => !error.message.includes('hunter2'),
    );
  }
});

test.run();
