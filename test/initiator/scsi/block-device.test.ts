import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InitiatorError } from '../../../initiator/errors.js';
import { BlockDevice, unmapBatches } from '../../../initiator/scsi/block-device.js';
import { ScsiError } from '../../../initiator/scsi.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { pattern } from '../session-harness.js';
import { type DiskPages, MemoryDisk } from './memory-disk.js';
import { cdbHex, checkConditionOf, type Script, scriptedUnit } from './scripted-unit.js';

const BLOCK_BYTES = 512;
const TRANSFER_BLOCKS_MAX = 8;

/** Block Limits with MAXIMUM TRANSFER LENGTH, MAXIMUM UNMAP LBA COUNT and their like. */
function limitsOf(fields: Readonly<Record<number, number>>): Buffer {
  const page = Buffer.alloc(0x40);
  for (const [at, value] of Object.entries(fields)) page.writeUInt32BE(value, Number(at));
  return page.subarray(4);
}

async function openDisk(pages: DiskPages = { blockLimits: limitsOf({ 8: TRANSFER_BLOCKS_MAX }) }, depth = 3) {
  const disk = new MemoryDisk(100, BLOCK_BYTES, pages);
  const scripted = scriptedUnit(disk.answer);
  const device = await BlockDevice.open(scripted.unit, { depth });
  scripted.commands.length = 0;
  return { disk, device, ...scripted };
}

async function codeOf(pending: Promise<unknown>): Promise<string> {
  try {
    await pending;
    return 'none';
  } catch (error) {
    return error instanceof InitiatorError ? error.code : String(error);
  }
}

test('the unit is asked how large it is and what it takes', async () => {
  const { device } = await openDisk();
  assert.is(device.lbaCount, 100n);
  assert.is(device.sizeBytes, 51_200n);
  assert.is(device.blockLengthBytes, BLOCK_BYTES);
  assert.is(device.transferBlocksMax, TRANSFER_BLOCKS_MAX);
});

test('a read is cut at the maximum transfer length, sent several at a time and put together in order', async () => {
  const { disk, device, commands, peak } = await openDisk();
  disk.bytes.set(pattern(disk.bytes.length));
  assertBytes(await device.read(3, 20), disk.bytes.subarray(3 * BLOCK_BYTES, 23 * BLOCK_BYTES));
  assert.equal(commands.map(cdbHex), ['28000000000300000800', '28000000000b00000800', '28000000001300000400']);
  assert.is(peak.out, 3);
});

test('a write lands where it belongs, whatever it was cut into', async () => {
  const { disk, device, commands } = await openDisk();
  const data = pattern(17 * BLOCK_BYTES, 5);
  await device.write(80n, data);
  assert.is(commands.length, 3);
  assertBytes(disk.bytes.subarray(80 * BLOCK_BYTES, 97 * BLOCK_BYTES), data);
  assert.ok(disk.bytes.subarray(0, 80 * BLOCK_BYTES).every((byte) => byte === 0));
  await device.verifyData(80, data);
  const failed = await device.verifyData(80, pattern(17 * BLOCK_BYTES)).catch((error: unknown) => error);
  assert.instance(failed, ScsiError);
  assert.is((failed as ScsiError).ascAscq, 0x1d00);
});

test('a unit without Block Limits gets a megabyte at once', async () => {
  const { device } = await openDisk({});
  assert.is(device.transferBlocksMax, (1024 * 1024) / BLOCK_BYTES);
  assert.is(device.limits, null);
});

test('what lies beyond the end is refused before anything is sent', async () => {
  const { device, commands } = await openDisk();
  for (const pending of [device.read(99, 2), device.read(-1, 1), device.write(100n, Buffer.alloc(BLOCK_BYTES)), device.write(0, Buffer.alloc(100))]) {
    assert.is(await codeOf(pending), 'ARGUMENT_INVALID');
  }
  assert.is(await codeOf(device.unmap([{ lba: 90, lbaCount: 11 }])), 'ARGUMENT_INVALID');
  assert.is(commands.length, 0);
});

test('after an error no further piece is sent, and the error comes when nothing is out any more', async () => {
  const disk = new MemoryDisk(100, BLOCK_BYTES, { blockLimits: limitsOf({ 8: 1 }) });
  let readCount = 0;
  const script: Script = (options) => (options.cdb[0] === 0x28 && ++readCount === 2 ? checkConditionOf(3, 0x1100) : disk.answer(options));
  const { unit } = scriptedUnit(script);
  const device = await BlockDevice.open(unit, { depth: 2 });
  const error = await device.read(0, 50).catch((cause: unknown) => cause);
  assert.instance(error, ScsiError);
  assert.is((error as ScsiError).senseKey, 3);
  assert.ok(readCount <= 4, `${readCount} reads`);
});

test('GOOD with fewer bytes than asked for is no success', async () => {
  const disk = new MemoryDisk(100, BLOCK_BYTES);
  const { unit } = scriptedUnit((options) => (options.cdb[0] === 0x28 ? { dataIn: Buffer.alloc(100) } : disk.answer(options)));
  assert.is(await codeOf((await BlockDevice.open(unit)).read(0, 1)), 'TARGET_FAILURE');
});

test('WRITE SAME is cut at its own maximum', async () => {
  const { disk, device, commands } = await openDisk({ blockLimits: limitsOf({ 40: 30 }) });
  await device.writeSame(1, 70, Buffer.alloc(BLOCK_BYTES, 0xa5));
  assert.equal(commands.map(cdbHex), ['41000000000100001e00', '41000000001f00001e00', '41000000003d00000a00']);
  assert.ok(disk.bytes.subarray(BLOCK_BYTES, 71 * BLOCK_BYTES).every((byte) => byte === 0xa5));
  assert.is(disk.bytes[71 * BLOCK_BYTES], 0);
});

test('UNMAP ranges are cut by blocks and by their number', () => {
  const ranges = [
    { lba: 0, lbaCount: 25 },
    { lba: 100n, lbaCount: 3 },
    { lba: 200, lbaCount: 0 },
    { lba: 300, lbaCount: 1 },
  ];
  const shown = unmapBatches(ranges, 10, 2).map((batch) => batch.map(({ lba, lbaCount }) => `${lba}+${lbaCount}`));
  assert.equal(shown, [['0+10'], ['10+10'], ['20+5', '100+3'], ['300+1']]);
});

test('GET LBA STATUS goes on until the end, and neighbours alike are one run', async () => {
  const disk = new MemoryDisk(100, BLOCK_BYTES);
  const runs = [
    [0n, 10, 0],
    [10n, 20, 1],
    [30n, 5, 1],
    [35n, 65, 0],
  ] as const;
  const { unit } = scriptedUnit((options) => {
    const cdb = Buffer.from(options.cdb);
    if (cdb[0] !== 0x9e || cdb[1] !== 0x12) return disk.answer(options);
    const lba = cdb.readBigUInt64BE(2);
    const dataIn = Buffer.alloc(24);
    dataIn.writeUInt32BE(20, 0);
    const [start, count, status] = runs.find(([from, length]) => lba < from + BigInt(length)) as (typeof runs)[number];
    dataIn.writeBigUInt64BE(start, 8);
    dataIn.writeUInt32BE(count, 16);
    dataIn[20] = status;
    return { dataIn };
  });
  const device = await BlockDevice.open(unit);
  assert.equal(await device.getLbaStatus(5, 40), [
    { lba: 5n, lbaCount: 5, provisioningStatus: 0 },
    { lba: 10n, lbaCount: 25, provisioningStatus: 1 },
    { lba: 35n, lbaCount: 10, provisioningStatus: 0 },
  ]);
});

test('COMPARE AND WRITE is never cut', async () => {
  const page = limitsOf({});
  page[1] = 4;
  const { device, commands } = await openDisk({ blockLimits: page });
  const data = Buffer.alloc(5 * BLOCK_BYTES);
  assert.is(await codeOf(device.compareAndWrite(0, data, data)), 'ARGUMENT_INVALID');
  assert.is(commands.length, 0);
});

test('a device without blocks is said to be one', async () => {
  const standard = (type: number) => ({ dataIn: Buffer.from([type, 0x80, 6, 2, 31, ...new Array(31).fill(0x20)]) });
  const unitOf = (type: number) => scriptedUnit(({ cdb }) => (cdb[0] === 0x00 ? {} : cdb[0] === 0x12 ? standard(type) : checkConditionOf(5, 0x2000))).unit;
  const messageOf = (type: number) =>
    BlockDevice.open(unitOf(type)).then(
      () => 'open',
      (error: Error) => error.message,
    );
  assert.is(await messageOf(0x01), 'LUN 0 has no blocks to read and write: its type is tape');
  assert.match(await messageOf(0x00), /READ CAPACITY .*ILLEGAL REQUEST/);
});

test.run();
