import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openFileSink, openFileSource } from '../../../cli/dd/file-endpoint.js';
import { StreamSource } from '../../../cli/dd/stream-endpoint.js';
import { TargetError } from '../../../engine/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'lunloom-file-endpoint-'));
test.after(() => rmSync(folder, { recursive: true }));
const options = { seekBytes: 0, keepsRest: false, isDurable: false };

function put(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('an output file is cut where the copy begins, unless it is to keep its rest', async () => {
  for (const [keepsRest, expected] of [
    [false, 'abcXY'],
    [true, 'abcXYfghij'],
  ] as const) {
    const path = put('out', 'abcdefghij');
    const sink = await openFileSink(path, { seekBytes: 3, keepsRest, isDurable: true });
    assert.is(await sink.leaveZeros(3, 2), !keepsRest, 'only where nothing is can be left out');
    await sink.write(3, Buffer.from('XY'));
    await sink.finish(5, true);
    await sink.close();
    assert.is(readFileSync(path, 'latin1'), expected);
  }
});

test('a hole at the end is there all the same', async () => {
  const path = join(folder, 'hole');
  const sink = await openFileSink(path, options);
  await sink.write(0, Buffer.from('x'));
  await sink.finish(1_000_000, false);
  await sink.close();
  assert.is(statSync(path).size, 1_000_000);
});

test('an input file is read from any place, and fewer bytes are its end', async () => {
  const source = await openFileSource(put('in', '0123456789'));
  assert.equal([source.sizeBytes, source.isSequential], [10, false]);
  assert.is((await source.read(8, 5)).toString(), '89');
  assert.is((await source.read(2, 3)).toString(), '234');
  assert.is((await source.read(20, 3)).length, 0);
  await source.close();
});

test('devices without places are read and written in order', async () => {
  const [source, sink] = [await openFileSource('/dev/zero'), await openFileSink('/dev/null', options)];
  assert.equal([source.sizeBytes, source.isSequential, sink.isSequential], [null, true, true]);
  assert.is((await source.read(1e15, 100)).length, 100);
  assert.is(await sink.leaveZeros(0, 1), false);
  await sink.write(1e15, Buffer.alloc(10));
  await Promise.all([source.close(), sink.close()]);
});

test('what cannot be opened is told in a line', async () => {
  const codeOf = async (pending: Promise<unknown>) => {
    const error = await pending.catch((cause: unknown) => cause);
    return error instanceof TargetError ? `${error.code} ${error.message.replace(folder, '')}` : String(error);
  };
  assert.is(await codeOf(openFileSource(join(folder, 'none'))), 'COPY_FILE cannot open /none: ENOENT');
  assert.is(await codeOf(openFileSource(folder)), 'COPY_FILE cannot read : it is a folder');
  assert.is(await codeOf(openFileSink(folder, options)), 'COPY_FILE cannot open : EISDIR');
});

test('a pipe in small pieces makes whole blocks, and the rest of a piece is not lost', async () => {
  const pieces = ['a', 'bcdefg', '', 'hi', 'jklmnopqrs', 't'].map((text) => Buffer.from(text));
  const source = new StreamSource(Readable.from(pieces));
  const blocks: string[] = [];
  for (;;) {
    const block = await source.read(0, 4);
    if (block.length === 0) break;
    blocks.push(block.toString());
  }
  assert.equal(blocks, ['abcd', 'efgh', 'ijkl', 'mnop', 'qrst']);
});

test('a pipe that is interrupted ends with what it said', async () => {
  const stream = new Readable({ read() {} });
  stream.push(Buffer.from('abc'));
  const source = new StreamSource(stream);
  const pending = source.read(0, 10);
  await new Promise((resolve) => setTimeout(resolve, 5));
  source.interrupt();
  assert.is((await pending).toString(), 'abc');
});

test.run();
