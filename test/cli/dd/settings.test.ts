import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ddSettings, parseSize } from '../../../cli/dd/settings.js';
import type { DdOptions } from '../../../cli/target-commands.js';
import { TargetError } from '../../../engine/errors.js';

const URL = 'iscsi://127.0.0.1/iqn.x:y/0';
const MIB = 1024 * 1024;

const settingsOf = (text: string, options: DdOptions = {}) => ddSettings(text.split(' '), options);

function messageOf(text: string, options: DdOptions = {}): string {
  try {
    settingsOf(text, options);
  } catch (error) {
    if (error instanceof TargetError && error.code === 'COPY_USAGE') return error.message;
    throw error;
  }
  return 'accepted';
}

test('only an input: all of it to standard output, in megabytes, eight at a time', () => {
  assert.equal(settingsOf(`if=${URL}`), {
    input: URL,
    output: '-',
    blockBytes: MIB,
    lengthBytes: null,
    skipBytes: 0,
    seekBytes: 0,
    isSparse: false,
    isFlushed: false,
    isDurable: false,
    keepsRest: false,
    status: 'default',
    depth: 8,
    digests: false,
    initiatorName: undefined,
    json: false,
  });
});

test('count, skip and seek are blocks, or bytes when one says so', () => {
  const blocks = settingsOf(`of=${URL} bs=4k count=3 skip=2 seek=5`);
  assert.equal([blocks.blockBytes, blocks.lengthBytes, blocks.skipBytes, blocks.seekBytes], [4096, 12_288, 8192, 20_480]);
  const flags = settingsOf(`of=${URL} bs=4k count=3 skip=2 seek=5 iflag=count_bytes,skip_bytes oflag=seek_bytes`);
  assert.equal([flags.lengthBytes, flags.skipBytes, flags.seekBytes], [3, 2, 5]);
  const suffix = settingsOf(`of=${URL} bs=4k count=512B iseek=7B oseek=1024B`);
  assert.equal([suffix.lengthBytes, suffix.skipBytes, suffix.seekBytes], [512, 7, 1024]);
});

test('sizes as dd has them', () => {
  const rows: readonly (readonly [string, number])[] = [
    ['512', 512],
    ['2b', 1024],
    ['3w', 6],
    ['1kB', 1000],
    ['1K', 1024],
    ['1KiB', 1024],
    ['2MB', 2_000_000],
    ['1M', MIB],
    ['1GiB', 1024 * MIB],
    ['2x512', 1024],
    ['2x2kx3', 12_288],
  ];
  for (const [text, bytes] of rows) assert.is(parseSize('bs', text, 1), bytes, text);
  for (const text of ['', '0', '-1', '1.5', '1Z', 'x', '1x', '99999999999T']) assert.throws(() => parseSize('bs', text, 1), /bs=/, text);
});

test('conversions and flags', () => {
  const all = settingsOf(`of=${URL} conv=sparse,fsync,notrunc oflag=dsync iflag=fullblock status=none`, { depth: '3', digests: true, json: true });
  assert.equal([all.isSparse, all.isFlushed, all.keepsRest, all.isDurable], [true, true, true, true]);
  assert.equal([all.status, all.depth, all.digests, all.json], ['none', 3, true, true]);
});

test('mistakes are named', () => {
  const rows: readonly (readonly [string, RegExp, DdOptions?])[] = [
    ['if=a of=b', /neither if= nor of=/],
    [`if=${URL} if=${URL}`, /twice/],
    [`if=${URL} obs=1k`, /bs= is for both/],
    [`if=${URL} hello`, /expected operands/],
    [`${URL}`, /expected operands/],
    [`if=${URL} conv=swab`, /expected sparse/],
    [`if=${URL} oflag=direct`, /expected seek_bytes/],
    [`if=${URL} status=loud`, /expected none/],
    [`if=${URL} count=many`, /count=/],
    [`if=${URL} seek=1`, /seek= needs/],
    [`if=${URL} conv=fsync`, /fsync needs/],
    [`if=${URL}`, /--json/, { json: true }],
    [`if=${URL}`, /--depth/, { depth: '0' }],
    [`if=${URL} bs=1G`, /memory/, { depth: '2' }],
    [`if=${URL} bs=1T count=99999999`, /memory|beyond/],
  ];
  for (const [text, pattern, options] of rows) assert.match(messageOf(text, options), pattern, text);
});

test.run();
