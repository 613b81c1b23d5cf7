import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../../../engine/config/problem.js';
import { ElementType, nameOf } from '../../../../engine/devices/changer/element-layout.js';
import { parseLibrary, readLibraryFile } from '../../../../engine/devices/changer/library-file.js';
import { defaultLimits } from '../../../../engine/limits.js';
import { repositoryRoot } from '../../../support/repository-root.js';

const parse = (text: string) => parseLibrary(text, '/srv/lab.lib.yaml', defaultLimits);

function assertProblems(text: string, expected: readonly string[]): void {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.equal(
      error.message.split('\n').map((line) => line.replace('/srv/lab.lib.yaml:', '')),
      expected,
    );
    return;
  }
  assert.unreachable('the library file is refused');
}

test('a library file: elements, addresses, and cartridges with what was left out', () => {
  const { layout, cartridges, autoUnload } = parse(`
drives: [5, 2]
slots: 3
import-export: 1
pickers: 2
addresses: { drives: 480, slots: 4096 }
auto-unload: false
cartridges:
  - { path: a.tape, barcode: LUN001L6, slot: 2 }
  - { path: /images/debian.iso, import-export: 1 }
  - { path: other, kind: cdrom, drive: 5 }
  - { path: blank }
`);
  assert.equal(
    layout.elements.map((element) => `${element.address}=${nameOf(element)}`),
    ['0=picker 1', '1=picker 2', '480=drive 5', '481=drive 2', '768=import-export 1', '4096=slot 1', '4097=slot 2', '4098=slot 3'],
  );
  assert.equal(layout.range(ElementType.storage), { firstAddress: 4096, count: 3 });
  assert.is(autoUnload, false);
  assert.equal(
    cartridges.map(({ path, barcode, kind, place }) => [path, barcode, kind, place && nameOf(place)]),
    [
      ['/srv/a.tape', 'LUN001L6', 'tape', 'slot 2'],
      ['/images/debian.iso', null, 'cdrom', 'import-export 1'],
      ['/srv/other', null, 'cdrom', 'drive 5'],
      ['/srv/blank', null, 'tape', null],
    ],
  );
});

test('a library file: the least there is has one picker, no import/export elements, and unloads by itself', () => {
  const { layout, autoUnload, cartridges } = parse('drives: [1]\nslots: 1\n');
  assert.equal(
    layout.elements.map(({ address }) => address),
    [0, 256, 1024],
  );
  assert.is(autoUnload, true);
  assert.equal(cartridges, []);
});

test('a library file: everything that is wrong is said at once, with its line and column', () => {
  assertProblems(
    `drives: [1, 1, tape]
slots: 2
import-export: 1
slot: 3
cartridges:
  - { path: a.tape, barcode: AAA, slot: 1 }
  - { path: ./a.tape, barcode: AAA, slot: 1 }
  - { path: b.tape, slot: 3, drive: 9 }
  - { path: c.tape, import-export: 2 }
  - { barcode: "", slott: 1 }
  - { path: ~/d.tape, barcode: 12 }
`,
    [
      '1:13: drives[1]: LUN 1 is there twice',
      '1:16: drives[2]: expected a whole number from 0 to 16383, found "tape"',
      '4:1: slot: unknown key; did you mean "slots"?',
      '7:13: cartridges[1].path: ./a.tape is the image of cartridges[0] already',
      '7:32: cartridges[1].barcode: the barcode AAA is that of cartridges[0] already',
      '7:43: cartridges[1].slot: slot 1 holds cartridges[0] already',
      '8:27: cartridges[2].slot: expected a number from 1 to 2, found 3',
      '8:37: cartridges[2].drive: the cartridge has a place already, slot 3',
      '9:36: cartridges[3].import-export: expected a number from 1 to 1, found 2',
      '10:5: cartridges[4].path: missing; expected the path of a cartridge image, without ~',
      '10:16: cartridges[4].barcode: expected 1 to 32 printable ASCII characters, such as LUN001L6, in quotes, found ""',
      '10:20: cartridges[4].slott: unknown key; did you mean "slot"?',
      '11:13: cartridges[5].path: expected the path of a cartridge image, without ~, found "~/d.tape"',
      '11:32: cartridges[5].barcode: expected 1 to 32 printable ASCII characters, such as LUN001L6, in quotes, found the number 12; put it in quotes',
    ],
  );
});

test('a library file: elements that overlap, too many of them, and addresses beyond the last', () => {
  assertProblems('drives: [1]\nslots: 300\naddresses: { slots: 0 }\n', [
    '3:21: addresses.slots: slots have the element addresses 0 to 299, of which pickers (0 to 0) have some; set addresses so that they do not overlap',
  ]);
  assertProblems('drives: [1]\nslots: 16384\n', ['2:8: slots: expected at most 16384 elements in all (limits.libraryElementCountMax), found 16386']);
  assertProblems('drives: [1]\nslots: 100\naddresses: { slots: 65500 }\n', [
    '3:21: addresses.slots: element addresses end at 65534; slots would reach to 65599',
  ]);
  assertProblems('drives: [1, 2]\nslots: 1\ncartridges: [{ path: a }, { path: b }, { path: c }, { path: d }]\n', [
    '3:13: cartridges: 4 cartridges do not fit into 3 elements',
  ]);
});

test('a library file: what is no mapping, no YAML, too long or not there', () => {
  assertProblems('- 1\n', [
    '1:1: expected a mapping with drives and slots, and import-export, pickers, addresses, auto-unload and cartridges as needed, found a list',
  ]);
  assert.throws(
    () => parse('drives: [1\n'),
    (error: unknown) => error instanceof ConfigError && error.code === 'CONFIG_SYNTAX',
  );
  assert.throws(
    () => readLibraryFile('/nowhere/lab.lib.yaml', defaultLimits),
    (error: unknown) => {
      return error instanceof ConfigError && error.message === '/nowhere/lab.lib.yaml: there is no such file';
    },
  );
});

test('the example of the documentation is a library file', () => {
  const page = readFileSync(resolve(repositoryRoot(), 'docs/devices/changer.md'), 'utf8');
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);
  assert.ok(examples.length > 0);
  for (const text of examples) assert.ok(parse(text).cartridges.length > 0);
});

test.run();
