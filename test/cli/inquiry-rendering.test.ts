import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePageCode } from '../../cli/inquire.js';
import { designatorLines, hexDump, valueLines } from '../../cli/inquiry-rendering.js';
import { formatSize, jsonValue } from '../../cli/json-values.js';
import { TargetError } from '../../engine/errors.js';
import { vpdParsers } from '../../initiator/index.js';

test('a page is a number, hexadecimal with and without 0x, a name, or all', () => {
  assert.equal(['0x83', '83', 'B0', 'blockLimits', 'BLOCKLIMITS', 'all'].map(parsePageCode), [0x83, 0x83, 0xb0, 0xb0, 0xb0, 'all']);
  for (const text of ['', '0x', '100', 'none'])
    assert.throws(
      () => parsePageCode(text),
      (error: unknown) => error instanceof TargetError,
    );
});

test('parsed pages: members in columns, lists below each other', () => {
  assert.equal(
    valueLines({
      someLength: 3,
      isIt: true,
      nobody: null,
      bytes: Buffer.from('ab'),
      list: [
        { a: 1, b: 2n },
        { a: 3, b: 4n },
      ],
    }),
    ['some length  3', 'is it        yes', 'nobody       –', 'bytes        6162', 'list', '  - a  1', '    b  2', '  - a  3', '    b  4'],
  );
  assert.equal(valueLines([0, 0x80]), ['0x00 0x80']);
  assert.equal(valueLines([]), ['none']);
});

test('designators are a table', () => {
  const page = vpdParsers.deviceIdentification(Buffer.from('01030008600140500000000151940004000000ff', 'hex'));
  assert.equal(designatorLines(page), ['logical unit  NAA                   naa.6001405000000001', 'target port   relative target port  255']);
  assert.equal(designatorLines([]), []);
});

test('pages that nobody knows are dumped', () => {
  assert.equal(hexDump(Buffer.from('0123456789abcdef\x00\xff', 'latin1')), [
    '0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef',
    '0010  00 ff                                            ..',
  ]);
  assert.equal(hexDump(Buffer.alloc(0)), ['empty']);
});

test('JSON keeps every digit', () => {
  assert.equal(jsonValue({ a: 5n, b: [2n ** 60n], c: Buffer.from([1]), d: null }), { a: 5, b: ['1152921504606846976'], c: '01', d: null });
  assert.equal([0, 1023, 1536, 1024 ** 4].map(formatSize), ['0 bytes', '1023 bytes', '1.5 KiB', '1 TiB']);
});

test.run();
