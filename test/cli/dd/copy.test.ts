import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Copy, type CopyOptions } from '../../../cli/dd/copy.js';
import { progressLine, summaryLines } from '../../../cli/dd/progress.js';
import { TargetError } from '../../../engine/errors.js';
import { pattern } from '../../initiator/session-harness.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { MemorySink, MemorySource } from './memory-endpoints.js';

const BLOCK = 64;
const options: CopyOptions = { blockBytes: BLOCK, depth: 4, skipBytes: 0, seekBytes: 0, lengthBytes: null, isSparse: false, isFlushed: false };

/** Some answers come at once, some turns later. */
function jitter(seed: number): () => Promise<void> {
  const random = seededRandom(seed);
  return async () => {
    for (let turns = random.below(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
  };
}

for (const sequentialSource of [false, true]) {
  for (const sequentialSink of [false, true]) {
    test(`every byte lands in its place: ${sequentialSource ? 'pipe' : 'disk'} to ${sequentialSink ? 'pipe' : 'disk'}`, async () => {
      for (let seed = 0; seed < 20; seed++) {
        const random = seededRandom(seed);
        const data = pattern(random.below(40) * BLOCK + random.below(BLOCK), seed);
        const [skipBytes, seekBytes] = [random.below(100), sequentialSink ? 0 : random.below(100)];
        const expected = data.subarray(skipBytes);
        const source = new MemorySource(data, sequentialSource, jitter(seed));
        const sink = new MemorySink(Buffer.alloc(4096), sequentialSink, jitter(seed + 1000));
        const copy = new Copy(source, sink, { ...options, skipBytes, seekBytes });
        await copy.run();
        assertBytes(sink.bytes.subarray(seekBytes, seekBytes + expected.length), expected);
        assert.is(copy.figures.bytes, expected.length);
        assert.is(copy.figures.fullBlocksIn, Math.floor(expected.length / BLOCK));
        assert.is(copy.figures.partialBlocksIn, expected.length % BLOCK === 0 ? 0 : 1);
        assert.equal(sink.finished, { endBytes: seekBytes + expected.length, flush: false });
        if (sequentialSink)
          assert.ok(
            sink.writes.every((at, index) => index === 0 || at > (sink.writes[index - 1] as number)),
            `seed ${seed}: in order`,
          );
        assert.ok(sink.peakOut <= (sequentialSink ? 1 : options.depth));
      }
    });
  }
}

test('between disks as many blocks are on their way as asked for', async () => {
  const sink = new MemorySink(Buffer.alloc(4096), false, jitter(1));
  await new Copy(new MemorySource(pattern(4096), false, jitter(2)), sink, options).run();
  assert.ok(sink.peakOut > 1, `${sink.peakOut}`);
});

test('count ends it, in the middle of a block too', async () => {
  const sink = new MemorySink(Buffer.alloc(4096), false, jitter(1));
  const copy = new Copy(new MemorySource(pattern(4096), true, jitter(2)), sink, { ...options, lengthBytes: 3 * BLOCK + 5, isFlushed: true });
  assert.is(copy.totalBytes, 3 * BLOCK + 5);
  await copy.run();
  assert.is(copy.figures.bytes, 3 * BLOCK + 5);
  assert.equal(sink.finished, { endBytes: 3 * BLOCK + 5, flush: true });
});

test('what is known not to fit is refused before anything is written', () => {
  const sink = new MemorySink(Buffer.alloc(1000), false, jitter(1));
  const make = () => new Copy(new MemorySource(pattern(990), false, jitter(2)), sink, { ...options, seekBytes: BLOCK });
  assert.throws(make, (error: unknown) => error instanceof TargetError && error.code === 'COPY_FAILED' && /room for 936/.test(error.message));
  assert.equal(sink.writes, []);
});

test('a pipe that does not fit fails where the room ends', async () => {
  const sink = new MemorySink(Buffer.alloc(10 * BLOCK), false, jitter(1));
  const copy = new Copy(new MemorySource(pattern(4096), true, jitter(2)), sink, options);
  const error = await copy.run().catch((cause: unknown) => cause);
  assert.match(String(error), 'no space left');
  assert.is(copy.figures.bytes, 10 * BLOCK);
  assert.is(sink.finished, null);
});

test('the first error ends it, and what was done is told', async () => {
  const sink = new MemorySink(Buffer.alloc(4096), true, jitter(1));
  sink.failAt = 8 * BLOCK;
  const copy = new Copy(new MemorySource(pattern(4096), false, jitter(2)), sink, options);
  assert.instance(await copy.run().catch((cause: unknown) => cause), RangeError);
  assert.is(copy.figures.bytes, 8 * BLOCK);
  assert.is(sink.writes.length, 9);
});

test('stop lets what is on its way finish', async () => {
  const source = new MemorySource(pattern(64 * BLOCK), false, jitter(2));
  const sink = new MemorySink(Buffer.alloc(64 * BLOCK), false, jitter(1));
  const copy = new Copy(source, sink, options);
  const running = copy.run();
  await new Promise((resolve) => setImmediate(resolve));
  copy.stop();
  await running;
  const { bytes } = copy.figures;
  assert.ok(bytes > 0 && bytes < 64 * BLOCK, `${bytes}`);
  assertBytes(sink.bytes.subarray(0, bytes), pattern(64 * BLOCK).subarray(0, bytes));
});

test('sparse leaves blocks of zeros out where the sink can, and writes them where it cannot', async () => {
  const data = pattern(5 * BLOCK);
  data.fill(0, BLOCK, 3 * BLOCK);
  // The same everywhere is not yet zero.
  data.fill(0xff, 4 * BLOCK);
  // One byte that is not zero, at either end.
  data[3 * BLOCK - 1] = 1;
  for (const canLeaveZeros of [true, false]) {
    const sink = new MemorySink(Buffer.alloc(5 * BLOCK), false, jitter(1));
    sink.canLeaveZeros = canLeaveZeros;
    const copy = new Copy(new MemorySource(data, false, jitter(2)), sink, { ...options, isSparse: true });
    await copy.run();
    assert.equal(sink.leftZeros, canLeaveZeros ? [BLOCK] : []);
    assert.is(copy.figures.sparseBytes, canLeaveZeros ? BLOCK : 0);
    assert.is(copy.figures.bytes, 5 * BLOCK);
    assertBytes(sink.bytes, data);
  }
});

test('figures as dd writes them', () => {
  const figures = { bytes: 1_500_000_000, fullBlocksIn: 1430, partialBlocksIn: 1, fullBlocksOut: 1430, partialBlocksOut: 1, sparseBytes: 0 };
  const copied = '1500000000 bytes (1.5 GB, 1.4 GiB) copied, 3 s, 500 MB/s';
  assert.equal(summaryLines(figures, 3, 'default'), ['1430+1 records in', '1430+1 records out', copied]);
  assert.is(summaryLines(figures, 3, 'noxfer').length, 2);
  assert.is(summaryLines(figures, 3, 'none').length, 0);
  assert.is(progressLine(1_500_000_000, 3_000_000_000, 3), `${copied}, 50 %, 3 s left`);
  assert.is(progressLine(10, null, 0.5), '10 bytes copied, 0.5 s, 20 B/s');
  assert.is(progressLine(0, 100, 0), '0 bytes copied, 0 s, 0 B/s, 0 %');
});

test.run();
