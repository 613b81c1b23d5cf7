import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveConfig } from '../../../engine/config/load-config.js';
import { ConfigError } from '../../../engine/config/problem.js';
import { STORE_FORM } from '../../../engine/config/store-text.js';
import { parseYamlSource } from '../../../engine/config/yaml-source.js';

/** The lines and the code that a YAML text fails with. */
function problemsOf(text: string): { code: string; lines: string[] } {
  try {
    resolveConfig(parseYamlSource(text, 'lab.yaml'));
  } catch (error) {
    if (error instanceof ConfigError) return { code: error.code, lines: error.message.split('\n') };
    throw error;
  }
  return { code: 'none', lines: [] };
}

function assertLines(text: string, expected: readonly string[]): void {
  assert.equal(problemsOf(text).lines, expected);
}

const TARGET = 'targets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "ram:1MiB" }] }]\n';

test('portal groups that no portal has, and an iSNS server that is none', () => {
  assertLines(
    `portals: [127.0.0.1:1, "127.0.0.1:2,7"]
targets:
  - { name: iqn.2026-11.io.lunloom:x, portal-groups: [7, 8, 0], luns: [{ lun: 0, store: "ram:1MiB" }] }
  - { name: iqn.2026-11.io.lunloom:y, portal-groups: [], luns: [{ lun: 0, store: "ram:1MiB" }] }
isns: { server: "isns:0", refresh: 5 }
`,
    [
      'lab.yaml:3:58: targets[0].portal-groups[1]: no portal has the portal group tag 8; write it behind the portal, such as 127.0.0.1:3260,8',
      'lab.yaml:3:61: targets[0].portal-groups[2]: expected a whole number from 1 to 65535, found 0',
      'lab.yaml:4:54: targets[1].portal-groups: expected at least one portal group tag, found an empty list',
      'lab.yaml:5:17: isns.server: expected a port from 1 to 65535, found "0"',
      'lab.yaml:5:27: isns.refresh: unknown key',
    ],
  );
  assertLines(`${TARGET}isns: { entity: lab }\n`, [
    'lab.yaml:2:7: isns.server: missing; expected HOST[:PORT] such as isns.example.com, 192.0.2.1:3205 or [2001:db8::1]:3205',
  ]);
  assertLines(`targets: [{ name: iqn.2026-11.io.lunloom:x, portal-groups: [2], luns: [{ lun: 0, store: "ram:1MiB" }] }]\n`, [
    'lab.yaml:1:61: targets[0].portal-groups[0]: no portal has the portal group tag 2; write it behind the portal, such as 127.0.0.1:3260,2',
  ]);
});

test('all problems of a file are answered, in its order, with line, column, key path, expected and found', () => {
  assertLines(
    `portals:
  - 127.0.0.1:99999
targets:
  - name: disk
    luns:
      - { lun: 0, store: "ram:1GiB", block-size: 1024 }
      - { lun: 0, store: "floppy:1", blocksize: 512 }
      - lun: 20000
        store: "file:"
        readonly: "no"
  - name: iqn.2026-11.io.lunloom:x
    luns: []
exekution: auto
workers: 1.5
limits:
  slotcount: 5
  arenaBytes: 1GiBB
  drainMsMax: -1
`,
    [
      'lab.yaml:2:5: portals[0]: expected a port from 0 to 65535, found "99999"',
      'lab.yaml:4:11: targets[0].name: expected an iSCSI name such as iqn.2026-11.io.lunloom:disk1 (iqn.YEAR-MONTH.REVERSED-DOMAIN[:NAME]), found "disk"',
      'lab.yaml:6:50: targets[0].luns[0].block-size: expected 512, 520, 528, 4096, 4104, 4160 or 4224, found 1024',
      'lab.yaml:7:16: targets[0].luns[1].lun: LUN 0 is there twice, first as targets[0].luns[0]',
      `lab.yaml:7:26: targets[0].luns[1].store: expected ${STORE_FORM}, found "floppy:1"`,
      'lab.yaml:7:38: targets[0].luns[1].blocksize: unknown key; did you mean "block-size"?',
      'lab.yaml:8:14: targets[0].luns[2].lun: expected a whole number from 0 to 16383, found 20000',
      'lab.yaml:9:16: targets[0].luns[2].store: expected file:PATH such as file:/srv/disk.img, found "file:"',
      'lab.yaml:10:19: targets[0].luns[2].readonly: expected true or false, found "no"',
      'lab.yaml:12:11: targets[1].luns: expected at least one LUN, found an empty list',
      'lab.yaml:13:1: exekution: unknown key; did you mean "execution"?',
      'lab.yaml:14:10: workers: expected a whole number from 0, found 1.5',
      'lab.yaml:16:3: limits.slotcount: unknown key; did you mean "slotCount"?',
      'lab.yaml:17:15: limits.arenaBytes: expected a whole number from 16777216 to 2147483648, found "1GiBB"',
      'lab.yaml:18:15: limits.drainMsMax: expected a whole number from 0 to 600000, found -1',
    ],
  );
});

test('missing keys point at the mapping that lacks them', () => {
  assertLines('targets:\n  - name: iqn.2026-11.io.lunloom:x\n    luns:\n      - { lun: 0 }\n', [
    `lab.yaml:4:9: targets[0].luns[0].store: missing; expected ${STORE_FORM}`,
  ]);
  assertLines('workers: 1\n', ['lab.yaml:1:1: targets: missing; expected a list of targets']);
});

test('a key without a value points at the key', () => {
  assertLines(`portals:\n${TARGET}`, ['lab.yaml:1:1: portals: expected a list of portals, found nothing']);
});

test('an empty file, a list and a bare word are no configuration', () => {
  const expected =
    'expected a mapping with targets, and portals, execution, workers, insecure, control, state, isns, discovery, redirects and limits as needed';
  assertLines('', [`lab.yaml:1:1: ${expected}, found nothing`]);
  assertLines('# nothing but a comment\n', [`lab.yaml:1:1: ${expected}, found nothing`]);
  assertLines('- a\n', [`lab.yaml:1:1: ${expected}, found a list`]);
  assertLines('hello\n', [`lab.yaml:1:1: ${expected}, found "hello"`]);
});

test('numbers and booleans where text belongs ask for quotes', () => {
  assertLines('targets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "ram:1MiB", serial: 0123, vendor: true }] }]\n', [
    'lab.yaml:1:89: targets[0].luns[0].serial: expected 1 to 64 printable ASCII characters, found the number 123; put it in quotes',
    'lab.yaml:1:103: targets[0].luns[0].vendor: expected 1 to 8 printable ASCII characters, found the boolean true; put it in quotes',
  ]);
});

test('INQUIRY texts fit their fields', () => {
  assertLines('targets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "ram:1MiB", vendor: NINECHARS, product: "tab\\t" }] }]\n', [
    'lab.yaml:1:89: targets[0].luns[0].vendor: expected 1 to 8 printable ASCII characters, found "NINECHARS"',
    'lab.yaml:1:109: targets[0].luns[0].product: expected 1 to 16 printable ASCII characters, found "tab\\t"',
  ]);
});

test('values of a set get a suggestion', () => {
  assertLines(`execution: inlien\n${TARGET}`, ['lab.yaml:1:12: execution: expected inline, pool or auto, found "inlien"; did you mean "inline"?']);
});

test('syntax errors name line and column, all of them, with CONFIG_SYNTAX', () => {
  const { code, lines } = problemsOf('portals: [127.0.0.1:3260\ntargets:\n\t- x\n');
  assert.is(code, 'CONFIG_SYNTAX');
  assert.is(lines[0], 'lab.yaml:2:1: flow sequence in block collection must be sufficiently indented and end with a ]');
});

test('duplicate keys are found beside other problems', () => {
  assertLines(`workers: 1\nworkers: 2\ninsecure: 7\n${TARGET}`, [
    'lab.yaml:2:1: the key workers is there twice in one mapping',
    'lab.yaml:3:11: insecure: expected true or false, found 7',
  ]);
});

test('an IPv6 portal without quotes is told what YAML made of it', () => {
  assertLines(`portals:\n  - [::1]:3260\n${TARGET}`, ['lab.yaml:2:10: unexpected scalar at node end; put an IPv6 portal in quotes: "[::1]:3260"']);
});

test('aliases, tags, second documents and bottomless nesting are refused in a line each', () => {
  assertLines('a: &x 1\nb: *x\n', ['lab.yaml:2:4: expected a value, found the alias *x; aliases are not taken, write the value out']);
  assertLines(`workers: !int32 1\n${TARGET}`, ['lab.yaml:1:10: unresolved tag: !int32', 'lab.yaml:1:17: workers: expected a whole number from 0, found "1"']);
  assertLines(`${TARGET}---\n${TARGET}`, ['lab.yaml:2:1: expected one YAML document, found a second one']);
  const { lines } = problemsOf('['.repeat(20_000));
  assert.is(lines.length, 1);
  assert.match(lines[0] ?? '', /^lab\.yaml:1:\d+: nested too deeply$/);
});

test('keys that every object has are unknown keys all the same', () => {
  assertLines(`__proto__: { insecure: true }\nconstructor: 1\n${TARGET}`, ['lab.yaml:1:1: __proto__: unknown key', 'lab.yaml:2:1: constructor: unknown key']);
});

test('sizes must be whole blocks, and size and direct belong to files', () => {
  const luns = (lun: string): string => `targets:\n  - name: iqn.2026-11.io.lunloom:x\n    luns:\n      - ${lun}\n`;
  assertLines(luns('{ lun: 0, store: "ram:1000" }'), [
    'lab.yaml:4:26: targets[0].luns[0].store: expected a multiple of the block size of 512 bytes, found 1000 bytes; the next one is 1KiB',
  ]);
  assertLines(luns('{ lun: 0, store: "null:512", block-size: 4096 }'), [
    'lab.yaml:4:26: targets[0].luns[0].store: expected a multiple of the block size of 4096 bytes, found 512 bytes; the next one is 4KiB',
  ]);
  assertLines(luns('{ lun: 0, store: "file:x", size: 513 }'), [
    'lab.yaml:4:42: targets[0].luns[0].size: expected a multiple of the block size of 512 bytes, found 513 bytes; the next one is 1KiB',
  ]);
  assertLines(luns('{ lun: 0, store: "ram:1MiB", size: 1MiB, direct: true }'), [
    'lab.yaml:4:44: targets[0].luns[0].size: size belongs to file: stores; ram:SIZE has its own',
    'lab.yaml:4:58: targets[0].luns[0].direct: direct belongs to file: stores; ram: opens no file',
  ]);
});

test('the shape of a disk: physical blocks, names, thin provisioning, positions that are exact', () => {
  const luns = (lun: string): string => `targets:\n  - name: iqn.2026-11.io.lunloom:x\n    luns:\n      - { lun: 0, ${lun} }\n`;
  const problemOf = (lun: string): string =>
    problemsOf(luns(lun))
      .lines.map((line) => line.replace(/^lab.yaml:4:\d+: targets\[0\]\.luns\[0\]\./, ''))
      .join('\n');
  assert.is(problemOf('store: "ram:1MiB", physical-block-size: 4096'), '');
  assert.is(problemOf('store: "ram:1MiB", physical-block-size: 4096, block-size: 4096'), '');
  const physical = 'physical-block-size: expected the block size of 512 bytes or a power of two times it, such as 4KiB; found';
  assert.is(problemOf('store: "ram:1MiB", physical-block-size: 1536'), `${physical} 1536`);
  assert.is(problemOf('store: "ram:1MiB", physical-block-size: 256'), `${physical} 256`);
  assert.is(problemOf('store: "ram:520KiB", block-size: 520, physical-block-size: 4160'), '');
  assert.is(
    problemOf('store: "file:x", block-size: 528, direct: true').split(';')[0],
    'direct: direct needs blocks that are sectors of a device, of 512 or 4096 bytes',
  );
  assert.is(problemOf('store: "file:x", size: 4EiB'), '');
  assert.is(problemOf('store: "file:x", size: 8EiB, block-size: 4096'), '');
  assert.is(problemOf('store: "file:x", size: 5EiB'), 'size: expected at most 4EiB of blocks of 512 bytes, found 5EiB; larger blocks reach further');
  assert.is(
    problemOf('store: "file:x", size: 9223372036854775807, block-size: 4096'),
    'size: expected text for a size above 8PiB, such as "8EiB", found the number 9223372036854776000; put it in quotes',
  );
  assert.is(problemOf('store: "file:x", size: 130PiB, block-size: 520').split(',')[0], 'size: expected at most 64PiB of blocks of 520 bytes');
  assert.is(problemOf('store: "ram:1MiB", threshold: 80, space: 512KiB'), '');
  assert.is(problemOf('store: "ram:1MiB", threshold: 80, thin: false'), 'threshold: threshold belongs to thin units; thin is false here');
  assert.is(problemOf('store: "ram:1MiB", threshold: 101'), 'threshold: expected a whole number from 1 to 100, found 101');
  assert.is(problemOf('store: "null:1MiB", thin: true'), 'thin: null: keeps nothing, so that there is nothing to give back');
  assert.is(problemOf('store: "null:1MiB", space: 1MiB'), 'space: space belongs to thin units; null: is none');
  assert.is(problemOf('store: "ram:1MiB", space: 1MiB, readonly: true'), 'space: space is about what writes take, and the LUN is readonly');
  assert.is(problemOf('store: "ram:1MiB", trheshold: 1'), 'trheshold: unknown key; did you mean "threshold"?');
  const naa = 'naa: expected an NAA name: 16 hexadecimal digits that begin with 2, 3 or 5, or 32 that begin with 6; in quotes, found';
  assert.is(problemOf('store: "ram:1MiB", naa: "5000C50012345678"'), '');
  assert.is(problemOf('store: "ram:1MiB", naa: "600C0FF00012345678123456789ABCDE"'), '');
  assert.is(problemOf('store: "ram:1MiB", naa: "4000c50012345678"'), `${naa} "4000c50012345678"`);
  assert.is(problemOf('store: "ram:1MiB", naa: "6000c50012345678"'), `${naa} "6000c50012345678"`);
  assertLines(luns('store: "ram:1MiB", naa: "5000C50012345678" }\n      - { lun: 1, store: "ram:1MiB", naa: "0x5000c50012345678"'), [
    'lab.yaml:5:43: targets[0].luns[1].naa: 5000c50012345678 names targets[0].luns[0] already; two disks must not have one name',
  ]);
});

test('target port groups hold every portal group once', () => {
  const target = (groups: string): string =>
    `portals: [127.0.0.1:1, "127.0.0.1:2,7"]\ntargets: [{ name: iqn.2026-11.io.lunloom:x, port-groups: ${groups}, luns: [{ lun: 0, store: "ram:1MiB" }] }]\n`;
  const linesOf = (groups: string): string[] => problemsOf(target(groups)).lines.map((line) => line.replace(/^lab.yaml:2:\d+: targets\[0\]\./, ''));
  assert.equal(linesOf('[{ id: 1, portals: [1] }, { id: 2, portals: [7], state: standby, preferred: true }]'), []);
  assert.equal(linesOf('[{ id: 1, portals: [1] }]'), ['port-groups: portal group 7 reaches the target too; put it into one of the target port groups']);
  assert.equal(linesOf('[{ id: 1, portals: [1, 7] }, { id: 1, portals: [7, 9] }]'), [
    'port-groups[1].id: target port group 1 is there twice, first as targets[0].port-groups[0]',
    'port-groups[1].portals[0]: portal group 7 is in targets[0].port-groups[0] already; a port has one access state',
    'port-groups[1].portals[1]: the target is not reached by a portal with the portal group tag 9',
  ]);
  assert.equal(linesOf('[{ id: 1, portals: [1, 7], state: stanby }]'), [
    'port-groups[0].state: expected active-optimized, active-non-optimized, standby or unavailable, found "stanby"; did you mean "standby"?',
  ]);
});

test('a file is served once, unless every LUN on it is readonly', () => {
  const twice = (first: string, second: string): string => `targets:
  - name: iqn.2026-11.io.lunloom:x
    luns:
      - { lun: 0, store: "file:/srv/a.img"${first} }
      - { lun: 1, store: "file:/srv/../srv/a.img"${second} }
`;
  const expected = [
    'lab.yaml:5:26: targets[0].luns[1].store: /srv/a.img is served already as targets[0].luns[0]; a file may be shared only when every LUN on it is readonly',
  ];
  assertLines(twice('', ''), expected);
  assertLines(twice(', readonly: true', ''), expected);
  assertLines(twice(', readonly: true', ', readonly: true'), []);
});

test('portals and target names are there once; port 0 is another port each time', () => {
  assertLines(`portals: [127.0.0.1, "127.0.0.1:3260", "127.0.0.1:0", "127.0.0.1:0"]\n${TARGET}`, [
    'lab.yaml:1:22: portals[1]: 127.0.0.1:3260 is there twice, first as portals[0]',
  ]);
  const target = '  - { name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "ram:1MiB" }] }\n';
  assertLines(`targets:\n${target}${target}`, ['lab.yaml:3:13: targets[1].name: iqn.2026-11.io.lunloom:x is there twice, first as targets[0]']);
  const eui = (name: string): string => `  - { name: ${name}, luns: [{ lun: 0, store: "ram:1MiB" }] }\n`;
  assertLines(`targets:\n${eui('eui.02004567A425678D')}${eui('eui.02004567a425678d')}`, [
    'lab.yaml:3:13: targets[1].name: eui.02004567a425678d is there twice, first as targets[0]',
  ]);
});

test('open portals are refused with their own code, and allowed with insecure', () => {
  const { code, lines } = problemsOf(`portals: ["0.0.0.0:3260", "[::]:3260"]\n${TARGET}`);
  assert.is(code, 'CONFIG_OPEN_PORTAL');
  assert.is(lines.length, 2);
  assert.match(lines[0] ?? '', /^lab\.yaml:1:11: portals\[0\]: 0\.0\.0\.0:3260 can be reached from other machines/);
  assert.match(lines[1] ?? '', /^lab\.yaml:1:27: portals\[1\]: \[::\]:3260 can be reached/);
  assertLines(`portals: ["0.0.0.0:3260"]\ninsecure: true\n${TARGET}`, []);
});

test('pool without workers cannot be', () => {
  assertLines(`workers: 0\nexecution: pool\n${TARGET}`, ['lab.yaml:2:12: execution: pool needs workers, and workers is 0']);
  assertLines('workers: 0\ntargets: [{ name: iqn.2026-11.io.lunloom:x, luns: [{ lun: 0, store: "ram:1MiB", execution: pool }] }]\n', [
    'lab.yaml:2:92: targets[0].luns[0].execution: pool needs workers, and workers is 0',
  ]);
  assertLines(`workers: 65\n${TARGET}`, ['lab.yaml:1:10: workers: expected a whole number from 0 to 64 (limits.workerCountMax), found 65']);
  assertLines(`workers: 65\nlimits: { workerCountMax: 65 }\n${TARGET}`, []);
});

test('limits that contradict each other blame the one that was written', () => {
  assertLines(`limits:\n  firstBurstLengthBytes: 2MiB\n${TARGET}`, [
    'lab.yaml:2:26: limits.firstBurstLengthBytes: expected firstBurstLengthBytes (2097152) to be at most maxBurstLengthBytes (1048576): ' +
      'RFC 7143 §13.14 wants FirstBurstLength within MaxBurstLength',
  ]);
  assertLines(`limits:\n  slotCount: 64\n${TARGET}`, [
    'lab.yaml:2:14: limits.slotCount: expected commandWindowCountMax (128) to be at most slotCount (64): every command of a window needs a slot',
  ]);
});

test.run();
