import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ZodType } from 'zod';
import { renderResolvedConfig } from '../../../cli/check.js';
import { parseLunOption } from '../../../cli/lun-option.js';
import { overlayOptions } from '../../../cli/overlay.js';
import { documentOf, readConfigDocument } from '../../../engine/config/config-document.js';
import type { EngineConfig } from '../../../engine/config/engine-config.js';
import { showLunText, withoutSecrets } from '../../../engine/config/store-text.js';
import type { DeviceKind } from '../../../engine/devices/device-kind.js';
import { deviceKinds } from '../../../engine/devices/registry.js';

/** Every option of every kind: from the command line to a configuration, to a document, to a configuration. */

const HERE = '/here';
const SOURCES = ['', 'some.image', 'iscsi://user@array.lab/iqn.2001-04.com.example:disks/3', '/dev/sg0'];
/** One of them is taken by whatever option there is; enumerations say what they take when they refuse. */
const VALUES = ['on', '1', '0', '65536', '0.25', '1GiB', '3/11/00', 'some text', 'relative/path'];

interface Sample {
  readonly kind: DeviceKind;
  readonly key: string;
  readonly value: string;
}

function wordsOf(schema: ZodType): readonly string[] {
  const issues = schema.safeParse('no such value').error?.issues ?? [];
  return issues.flatMap(({ message }) => message.match(/[\w+-]+/g) ?? []);
}

const samples: Sample[] = deviceKinds.flatMap((kind) =>
  Object.entries(kind.options).flatMap(([key, schema]) =>
    [...new Set([...wordsOf(schema), ...VALUES])].map((value) => ({ kind, key, value })).filter((sample) => schema.safeParse(rawOf(sample)).success),
  ),
);

function rawOf({ kind, key, value }: Sample): unknown {
  return parseLunOption(`1=${kind.name}:,${key}=${value}`, HERE).raw?.[key];
}

function configOf(lun: string): EngineConfig | null {
  const { raw } = parseLunOption(lun, HERE);
  return readConfigDocument({ targets: [{ name: 'iqn.2026-11.io.lunloom:options', luns: [raw] }] }, '/of/the/file').config;
}

/** As LUNs of a command line: alone, and beside another option that it may need. */
function* lunsOf({ kind, key, value }: Sample): Generator<string> {
  const others = samples.filter((other) => other.kind === kind && other.key !== key).map((other) => `,${other.key}=${other.value}`);
  for (const beside of ['', ...others]) for (const source of SOURCES) yield `1=${kind.name}:${source},${key}=${value}${beside}`;
}

function firstConfigOf(sample: Sample): EngineConfig | null {
  for (const lun of lunsOf(sample)) {
    const config = configOf(lun);
    if (config !== null) return config;
  }
  return null;
}

for (const kind of deviceKinds) {
  for (const key of Object.keys(kind.options)) {
    test(`${kind.name}: ${key} makes the way through documents and stays what it is`, () => {
      let takenCount = 0;
      for (const sample of samples) {
        if (sample.kind !== kind || sample.key !== key) continue;
        const config = firstConfigOf(sample);
        if (config === null) continue;
        takenCount++;
        const document = JSON.parse(JSON.stringify(documentOf(config)));
        const again = readConfigDocument(document, '/wherever');
        assert.equal(again.problems, [], sample.value);
        assert.equal(again.config, config, sample.value);
      }
      assert.ok(takenCount > 0, `one of the values is taken: ${VALUES.join(' ')}`);
    });
  }

  test(`${kind.name}: options that are paths start where the command was typed, or at the file`, () => {
    for (const key of kind.pathOptions ?? []) {
      assert.ok(Object.hasOwn(kind.options, key), key);
      const { raw } = parseLunOption(`1=${kind.name}:x,${key}=a/b`, HERE);
      assert.is(raw?.[key], `${HERE}/a/b`);
    }
  });

  test(`${kind.name}: a source stays what it is when it is written and read again`, () => {
    const taken = SOURCES.filter((source) => kind.parseSource(source).fault === undefined);
    assert.ok(taken.length > 0);
    for (const source of taken) {
      const config = configOf(`1=${kind.name}:${source}`);
      assert.ok(config, source);
      assert.equal(readConfigDocument(documentOf(config), '/wherever').config, config);
    }
  });
}

test('tape: a block size is one of tapes, whatever disks have', () => {
  assert.equal(configOf('1=tape:,block-size=65536')?.targets[0]?.luns[0]?.device?.options, { 'block-size': 65536 });
  assert.is(configOf('1=tape:,block-size=16777216'), null);
  assert.is(configOf('1=ram:1MiB,block-size=65536'), null);
});

test('passthrough: the files of secrets are beside the configuration file that names them', () => {
  const luns = [{ lun: 0, store: `passthrough:${SOURCES[2]}`, 'secret-file': 'array.secret', 'target-secret-file': '/etc/its.secret' }];
  const { config } = readConfigDocument({ targets: [{ name: 'iqn.2026-11.io.lunloom:options', luns }] }, '/of/the/file');
  assert.equal(config?.targets[0]?.luns[0]?.device?.options, { 'secret-file': '/of/the/file/array.secret', 'target-secret-file': '/etc/its.secret' });
});

test('passthrough: no message and no text for people holds the secret of a URL', () => {
  const urls = [
    'iscsi://me%hunter22@h/iqn.2001-04.com.example:d/3',
    'iscsi://me%hunter22@h/iqn.2001-04.com.example:d/3?target_user=t&target_password=hunter22',
  ];
  for (const url of urls) {
    const lun = configOf(`1=passthrough:${url}`)?.targets[0]?.luns[0];
    assert.ok(lun);
    assert.not.match(showLunText(lun), /hunter22/);
    for (const store of [
      `passthrough:${url.replace('/3', '/x')}`,
      `passthru:${url}`,
      `passthrough:x${url}`,
      url,
      `file${url}`,
      `bridge:${url}`,
      `controller:${url}`,
    ]) {
      const luns = [{ lun: 0, store }];
      const { problems } = readConfigDocument({ targets: [{ name: 'iqn.2026-11.io.lunloom:options', luns }] }, '/');
      assert.ok(problems.length > 0, store);
      assert.not.match(JSON.stringify(problems), /hunter22/, store);
      const typed = overlayOptions(null, { lun: [`0=${store},delay=-1`] }, HERE).locate(['targets', 0, 'luns', 0, 'delay'], 'value');
      assert.not.match(JSON.stringify(typed), /hunter22/, store);
    }
    const file = join(mkdtempSync(join(tmpdir(), 'lunloom-options-')), 'lab.yaml');
    writeFileSync(file, JSON.stringify({ targets: [{ name: 'iqn.2026-11.io.lunloom:options', luns: [{ lun: 0, store: `passthrough:${url}` }] }] }));
    for (const json of [true, false]) {
      const shown = renderResolvedConfig(file, json);
      assert.match(shown, 'me%***@h');
      assert.not.match(shown, /hunter22/);
    }
    rmSync(dirname(file), { recursive: true });
  }
  assert.is(withoutSecrets('file:/srv/100%/me@home'), 'file:/srv/100%/me@home');
});

test.run();
