import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_HEADER, BlockData } from '../../load/block-data.js';
import { WriteLedger } from '../../load/write-ledger.js';
import { seededRandom } from '../support/random.js';

const SEED = 4711;
const LBA = 2 ** 33 + 5;
const BLOCK = 512;
const COUNT = 4;
/** Making one costs some milliseconds. */
const shared = new Map<number, BlockData>();
function blockData(seed: number): BlockData {
  const data = shared.get(seed) ?? new BlockData(seed, BLOCK);
  shared.set(seed, data);
  return data;
}

function written(writeNumber = 9, lba = LBA, seed = SEED): Buffer {
  const buffer = Buffer.alloc(COUNT * BLOCK);
  blockData(seed).fill(buffer, lba, COUNT, writeNumber);
  return buffer;
}

function ledgerOf(writeNumber: number): WriteLedger {
  const ledger = new WriteLedger();
  ledger.record(LBA, COUNT, writeNumber);
  return ledger;
}

const check = (buffer: Buffer, ledger: WriteLedger | null = ledgerOf(9), lengthBytes = buffer.length) =>
  blockData(SEED).check(buffer, LBA, lengthBytes, ledger);

test('a block begins with LBA, write number, seed and tag', () => {
  assert.is(
    written()
      .subarray(BLOCK, BLOCK + BLOCK_HEADER.body)
      .toString('hex'),
    '0000000200000006000000000000000900000000000012676c756e6c6f6f6d00',
  );
});

test('what was written is right, with and without knowing which write it was', () => {
  for (const ledger of [ledgerOf(9), null]) {
    const data = new BlockData(SEED, BLOCK);
    assert.is(data.check(written(), LBA, COUNT * BLOCK, ledger), null);
    assert.is(data.rightBlockCount, COUNT);
  }
});

test('one wrong byte anywhere is found where it is', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 500; round++) {
    const buffer = written();
    const at = random.below(buffer.length);
    const right = buffer[at] as number;
    buffer[at] = right ^ (1 + random.below(255));
    const mismatch = check(buffer);
    assert.ok(mismatch, `byte ${at} was not found`);
    assert.is(mismatch.lba, LBA + Math.floor(at / BLOCK));
    assert.is(mismatch.offsetBytes, at % BLOCK);
    assert.is(mismatch.expected, right);
    assert.is(mismatch.found, buffer[at]);
    assert.is(mismatch.expectedBytes[0], right);
    assert.is(mismatch.foundBytes[0], buffer[at]);
  }
});

test('a wrong byte outside of the write number is found without knowing the write', () => {
  for (let at = 0; at < BLOCK; at++) {
    if (at >= BLOCK_HEADER.writeNumber && at < BLOCK_HEADER.seed) continue;
    const buffer = written();
    buffer[at] = (buffer[at] as number) ^ 0x80;
    assert.is(check(buffer, null)?.offsetBytes, at);
  }
});

test('a number that no write can have is wrong data, not a fault of ours', () => {
  for (const byte of [0x00, 0xff]) {
    assert.ok(check(Buffer.alloc(COUNT * BLOCK, byte), null));
    const buffer = written();
    buffer.fill(byte, BLOCK_HEADER.writeNumber, BLOCK_HEADER.seed);
    assert.ok(check(buffer, null));
  }
});

test('each kind of wrong data is told apart', () => {
  const torn = written();
  written(8).copy(torn, 200, 200, BLOCK);
  const table: readonly (readonly [Buffer, string])[] = [
    [Buffer.alloc(COUNT * BLOCK), 'the block is all zeros'],
    [Buffer.alloc(COUNT * BLOCK, 1), 'the block does not begin as one that disktest -E wrote'],
    [written(8), 'the block holds what write 8 put there, not 9, the last one'],
    [written(9, LBA + 8), `the block holds what was written to LBA ${LBA + 8}`],
    [written(9, LBA, 12), 'the block was written with seed 12, not 4711'],
    [torn, 'the block says that it is of write 9, but its data is not'],
  ];
  for (const [buffer, diagnosis] of table) assert.is(check(buffer)?.diagnosis, diagnosis);
});

test('data of an earlier write is wrong only for who knows the last one', () => {
  assert.is(check(written(8))?.offsetBytes, BLOCK_HEADER.writeNumber + 7);
  assert.is(check(written(8), null), null);
});

test('blocks whose last write is not known are passed over and not counted', () => {
  const ledger = ledgerOf(9);
  ledger.forget(LBA + 1, 1);
  const buffer = written();
  buffer.fill(0, BLOCK, 2 * BLOCK);
  const data = new BlockData(SEED, BLOCK);
  assert.is(data.check(buffer, LBA, buffer.length, ledger), null);
  assert.is(data.rightBlockCount, COUNT - 1);
});

test('bytes behind the length to compare do not matter, those before it do', () => {
  const buffer = written();
  buffer[BLOCK + 40] = (buffer[BLOCK + 40] as number) ^ 1;
  assert.is(check(buffer, ledgerOf(9), BLOCK + 40), null);
  assert.is(check(buffer, ledgerOf(9), BLOCK + 41)?.offsetBytes, 40);
});

test('blocks of other LBAs and writes differ in most of their bytes', () => {
  const body = (lba: number, writeNumber: number) => written(writeNumber, lba).subarray(BLOCK_HEADER.body, BLOCK);
  for (const other of [body(LBA + 1, 9), body(LBA, 10), body(LBA - 2 ** 32, 9)]) {
    const same = other.filter((byte, at) => byte === body(LBA, 9)[at]).length;
    assert.ok(same < 48, `${same} bytes are the same`);
  }
});

test.run();
