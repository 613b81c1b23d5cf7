import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InitiatorError } from '../../initiator/errors.js';
import { loginOptionsOf, maskIscsiUrl, parseIscsiUrl, parsePortalUrl } from '../../initiator/iscsi-url.js';

const none = {};
const SECRET = 'correct-horse-battery';

function errorOf(parse: () => unknown): InitiatorError | null {
  try {
    parse();
    return null;
  } catch (error) {
    if (error instanceof InitiatorError) return error;
    throw error;
  }
}

test('host, port, target name and LUN', () => {
  assert.equal(parseIscsiUrl('iscsi://10.0.0.1:3261/iqn.2025-01.lab:disk1/7', none), {
    host: '10.0.0.1',
    port: 3261,
    targetName: 'iqn.2025-01.lab:disk1',
    lun: 7,
    chap: null,
    digests: { header: false, data: false },
  });
});

test('the port is 3260 unless told, IPv6 hosts stand in brackets', () => {
  const plain = parseIscsiUrl('iscsi://lab/eui.0123456789abcdef/0', none);
  assert.equal([plain.host, plain.port, plain.targetName, plain.lun], ['lab', 3260, 'eui.0123456789abcdef', 0]);
  const six = parseIscsiUrl('iscsi://[fe80::1%eth0]:860/iqn.x:y/16383', none);
  assert.equal([six.host, six.port, six.lun], ['fe80::1%eth0', 860, 16_383]);
});

test('a target name may be percent-escaped', () => {
  assert.is(parseIscsiUrl('iscsi://h/iqn.x%3Ay%2fz/0', none).targetName, 'iqn.x:y/z');
  assert.is(errorOf(() => parseIscsiUrl('iscsi://h/iqn.x%zz/0', none))?.code, 'URL_INVALID');
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
  'iscsi://@host/iqn.x/0',
  'iscsi://%secretsecret@host/iqn.x/0',
  'iscsi://host/iqn.x/0?what=1',
  'iscsi://host/iqn.x/0?header_digest=md5',
  'iscsi://user@host/iqn.x/0',
  'iscsi://host/iqn.x/0?target_password=secret-of-the-target',
]) {
  test(`refused: ${url === '' ? 'nothing' : url}`, () => assert.is(errorOf(() => parseIscsiUrl(url, none))?.code, 'URL_INVALID'));
}

test('user and secret: the first percent sign parts them, others escape', () => {
  assert.equal(parseIscsiUrl(`iscsi://admin%${SECRET}@host/iqn.x/0`, none).chap, { name: 'admin', secret: SECRET });
  assert.equal(parseIscsiUrl('iscsi://iqn.x:me%a%40b%2Fc%25d%3fefghij@host/iqn.x/0', none).chap, { name: 'iqn.x:me', secret: 'a@b/c%d?efghij' });
  // An @ that was not escaped still belongs to the secret.
  assert.equal(parseIscsiUrl('iscsi://u%p@ss@host/iqn.x/0', none).chap?.secret, 'p@ss');
});

test('the target proves itself too when the URL says with what', () => {
  const url = parseIscsiUrl(`iscsi://u%${SECRET}@h/iqn.x/0?target_user=them&target_password=another%26secret`, none);
  assert.equal(url.chap, { name: 'u', secret: SECRET, target: { name: 'them', secret: 'another&secret' } });
  assert.not('security' in loginOptionsOf(url), 'then a target that wants no authentication does not get away');
  assert.is(loginOptionsOf(parseIscsiUrl(`iscsi://u%${SECRET}@h/iqn.x/0`, none)).security, 'none');
});

test('what the URL leaves out comes from the environment: ours before that of libiscsi', () => {
  const environment = { LIBISCSI_CHAP_USERNAME: 'theirs', LIBISCSI_CHAP_PASSWORD: 'lib-secret-lib', LIBISCSI_CHAP_TARGET_PASSWORD: 'target-secret' };
  const bare = 'iscsi://h/iqn.x/0';
  assert.equal(parseIscsiUrl(bare, environment).chap, { name: 'theirs', secret: 'lib-secret-lib', target: { secret: 'target-secret' } });
  const both = { ...environment, LUNLOOM_CHAP_SECRET: SECRET, LUNLOOM_CHAP_TARGET_USER: 'them' };
  assert.equal(parseIscsiUrl('iscsi://me@h/iqn.x/0', both).chap, { name: 'me', secret: SECRET, target: { name: 'them', secret: 'target-secret' } });
  assert.equal(parseIscsiUrl('iscsi://me%mine-mine-mine@h/iqn.x/0', both).chap?.secret, 'mine-mine-mine');
  assert.is(parseIscsiUrl(bare, { LUNLOOM_CHAP_USER: 'me' }).chap, null);
  assert.is(parseIscsiUrl(bare, { LUNLOOM_CHAP_USER: 'me', LUNLOOM_CHAP_SECRET: '' }).chap, null);
});

test('CHAP algorithms in order of preference, and weak secrets for who asks for them', () => {
  const { chap } = parseIscsiUrl(`iscsi://u%${SECRET}@h/iqn.x/0?chap_algorithm=sha-256,MD5&allow_weak_secret=1`, none);
  assert.equal(chap, { name: 'u', secret: SECRET, algorithms: ['SHA-256', 'MD5'], allowWeakSecret: true });
  assert.is(errorOf(() => parseIscsiUrl(`iscsi://u%${SECRET}@h/iqn.x/0?chap_algorithm=md4`, none))?.code, 'URL_INVALID');
});

test('digests', () => {
  const url = parseIscsiUrl('iscsi://h/iqn.x/0?header_digest=crc32c&data_digest=none', none);
  assert.equal(loginOptionsOf(url), { host: 'h', port: 3260, digests: { header: 'CRC32C', data: 'None' } });
});

test('a portal: with and without scheme, target and LUN', () => {
  const shown = (text: string) => {
    const { host, port } = parsePortalUrl(text, none);
    return `${host} ${port}`;
  };
  assert.is(shown('lab'), 'lab 3260');
  assert.is(shown('192.0.2.7:860'), '192.0.2.7 860');
  assert.is(shown('[2001:db8::7]:3261'), '2001:db8::7 3261');
  assert.is(shown('iscsi://lab:1'), 'lab 1');
  assert.is(shown('iscsi://lab/iqn.x:y/3'), 'lab 3260');
  assert.is(parsePortalUrl(`u%${SECRET}@lab`, none).chap?.name, 'u');
  for (const text of ['', '::1', 'a:b:c', 'lab/iqn/0/1', 'lab:0']) assert.is(errorOf(() => parsePortalUrl(text, none))?.code, 'URL_INVALID', text);
});

test('no message holds a secret, whatever is wrong with the URL', () => {
  for (const url of [
    `iscsi://user%${SECRET}@host/iqn.x/none`,
    `iscsi://user%${SECRET}@/iqn.x/0`,
    `iscsi://user%${SECRET}%@host/iqn.x/0`,
    `iscsi://user%/${SECRET}@host/iqn.x/0`,
    `iscsi://user%?${SECRET}@host/iqn.x/0`,
    `http://user%${SECRET}@host/iqn.x/0`,
    `iscsi://host/iqn.x/0?target_password=${SECRET}&x=1`,
    `iscsi://[fe80::1%eth0]/iqn.x/0?target_password=a@${SECRET}&x=1`,
  ]) {
    const error = errorOf(() => parseIscsiUrl(url, none));
    assert.is(error?.code, 'URL_INVALID', url);
    assert.not.match(error?.message ?? SECRET, SECRET);
    assert.not.match(maskIscsiUrl(url), SECRET);
  }
});

test('masking leaves the rest as it is', () => {
  assert.is(maskIscsiUrl(`iscsi://me%${SECRET}@h/iqn.x/0?target_user=t&target_password=x`), 'iscsi://me%***@h/iqn.x/0?target_user=t&target_password=***');
  assert.is(maskIscsiUrl('iscsi://[fe80::1%eth0]/iqn.x/0'), 'iscsi://[fe80::1%eth0]/iqn.x/0');
});

test.run();
