import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { crc32c } from '../../../../../engine/pdu/digest.js';
import { runNode } from '../../../../support/run-node.js';
import { assertCode, blockOf, contentsOf, loadedDrive, MIB, newCartridge, newDrive, tapeSuite, writeBlock, writeMarks } from './tape-fixture.js';

const test = tapeSuite('tape image: opening');
const open = (path: string, readOnly = false) => newDrive().load({ path, readOnly, create: null });

test('an image is made when it is missing and there is a capacity, and nothing else is left', ({ path, folder }) => {
  assertCode(() => open(path), 'TAPE_IMAGE_NOT_FOUND', /capacity/);
  const drive = newDrive();
  assert.is(drive.load({ path, readOnly: false, create: newCartridge }).wasCreated, true);
  assert.is(drive.unload().fault, null);
  assert.equal(readdirSync(folder), ['cartridge.tape']);
  assert.is(drive.load({ path, readOnly: false, create: newCartridge }).wasCreated, false);
  assert.is(drive.facts()?.nativeCapacityBytes, newCartridge.capacityBytes);
  drive.unload();
});

test('other content is refused and stays as it is', ({ path }) => {
  for (const content of ['', 'LUN', 'x'.repeat(100_000)]) {
    writeFileSync(path, content);
    assertCode(() => newDrive().load({ path, readOnly: false, create: newCartridge }), 'TAPE_IMAGE_UNKNOWN', /no tape image/);
    assert.is(readFileSync(path, 'utf8'), content);
    assert.not.ok(existsSync(`${path}.lock`));
  }
});

test('a folder, a missing folder, and a capacity or a barcode that cannot be are refused', ({ path, folder }) => {
  mkdirSync(path);
  assertCode(() => open(path), 'TAPE_IMAGE_NOT_A_FILE');
  const other = join(folder, 'other.tape');
  const make = (creation: object) => newDrive().load({ path: other, readOnly: false, create: { ...newCartridge, ...creation } });
  for (const capacityBytes of [0, 1000, 1.5 * MIB + 0.5, 2 ** 52]) assertCode(() => make({ capacityBytes }), 'TAPE_IMAGE_CAPACITY');
  for (const barcode of ['', 'ä', 'x'.repeat(33)]) assertCode(() => make({ barcode }), 'TAPE_IMAGE_BARCODE');
  assertCode(() => newDrive().load({ path: join(folder, 'no', 'x.tape'), readOnly: false, create: newCartridge }), 'TAPE_IMAGE_NOT_FOUND');
  assert.not.ok(existsSync(other));
});

/** Changes bytes of the header and of its copy and makes their CRCs right. */
function changeHeaders(path: string, at: number, value: number): Buffer {
  const bytes = readFileSync(path);
  for (const offset of [0, 12288]) {
    const header = bytes.subarray(offset, offset + 4096);
    header[at] = value;
    header.writeUInt32BE(0, 12);
    header.writeUInt32BE(crc32c(header, 0, header.length), 12);
  }
  writeFileSync(path, bytes);
  return bytes;
}

test('a newer version, and features that are not known, are refused', ({ path }) => {
  loadedDrive(path).unload();
  const newer = changeHeaders(path, 11, 2);
  assertCode(() => open(path), 'TAPE_IMAGE_TOO_NEW', /version 2; this program knows version 1/);
  assert.equal(readFileSync(path), newer);
  changeHeaders(path, 11, 1);
  changeHeaders(path, 19, 4);
  assertCode(() => open(path), 'TAPE_IMAGE_TOO_NEW', /0x4/);
  changeHeaders(path, 19, 0);
  // Those that may be ignored are.
  changeHeaders(path, 23, 1);
  open(path);
});

test('values of the header are checked against their bounds', ({ path }) => {
  loadedDrive(path).unload();
  changeHeaders(path, 48, 0x7f);
  assertCode(() => open(path), 'TAPE_IMAGE_DAMAGED', /out of bounds/);
});

test('a damaged header is replaced by its copy; both damaged are refused', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  drive.unload();
  const bytes = readFileSync(path);
  bytes[30] = (bytes[30] as number) ^ 1;
  writeFileSync(path, bytes);
  const again = newDrive();
  assert.equal(again.load({ path, readOnly: false, create: null }).notices, ['the header is damaged; its copy stands in']);
  assert.equal(contentsOf(again), [blockOf(0).toString('latin1')]);
  again.unload();
  const worse = readFileSync(path);
  worse[12288 + 30] = (worse[12288 + 30] as number) ^ 1;
  writeFileSync(path, worse);
  assertCode(() => open(path), 'TAPE_IMAGE_DAMAGED', /copy/);
  assert.equal(readFileSync(path), worse);
});

test('one image has one writer: another drive of the process, by another name too, is refused', ({ path, folder }) => {
  const drive = loadedDrive(path);
  const other = newDrive({}, 'drive-1');
  const link = join(folder, 'link.tape');
  symlinkSync(path, link);
  for (const name of [path, link]) {
    assertCode(() => other.load({ path: name, readOnly: false, create: null }), 'TAPE_IMAGE_IN_USE', /another logical unit/);
    assertCode(() => other.load({ path: name, readOnly: true, create: null }), 'TAPE_IMAGE_IN_USE');
  }
  drive.unload();
  other.load({ path, readOnly: false, create: null });
  other.unload();
});

test('the same drive gets its image back when its thread died', ({ path }) => {
  writeBlock(loadedDrive(path), blockOf(0));
  const again = newDrive();
  assert.is(again.load({ path, readOnly: false, create: null }).wasRecovered, true);
  assert.equal(contentsOf(again), [blockOf(0).toString('latin1')]);
});

test('another process is refused, and the lock of one that is gone is taken over', async ({ path }) => {
  const drive = loadedDrive(path);
  const script = `${path}.mjs`;
  const module = new URL('../../../../../engine/devices/tape/image/tape-service.js', import.meta.url);
  const limits = JSON.stringify({ tapeBlockLengthBytesMax: MIB, tapePartitionCountMax: 4, tapeCapacityBytesMax: 1024 * MIB, tapeCheckpointBytes: MIB });
  writeFileSync(
    script,
    `import { create } from ${JSON.stringify(module.href)};
     const drive = create({ owner: 'drive-0', limits: ${limits} });
     try { drive.load({ path: ${JSON.stringify(path)}, readOnly: false, create: null }); process.kill(process.pid, 'SIGKILL'); }
     catch (error) { console.log(error.code); }`,
  );
  assert.match((await runNode(script, {})).output, 'TAPE_IMAGE_IN_USE');
  drive.unload();
  assert.is((await runNode(script, {})).exitCode, null, 'it was killed with the image open');
  assert.ok(existsSync(`${path}.lock`));
  const { facts } = newDrive({}, 'drive-2').load({ path, readOnly: false, create: null });
  assert.is(facts.loadCount, 3);
});

test('a cartridge that is only read refuses every change, and its file does not change', ({ path }) => {
  const drive = loadedDrive(path);
  writeBlock(drive, blockOf(0));
  writeMarks(drive);
  drive.unload();
  const before = readFileSync(path);
  drive.load({ path, readOnly: true, create: null });
  assert.is(drive.facts()?.writeProtected, true);
  const faults = [drive.writeBlock(blockOf(1)), drive.writeFilemarks(1, true), drive.erase(true), drive.formatMedium([MIB]), drive.setCapacity(1)];
  for (const { fault } of faults) assert.equal(fault, { kind: 'writeProtected' });
  assert.is(drive.writeFilemarks(0, true).fault, null, 'to flush is no change');
  assert.is(contentsOf(drive).length, 2);
  assert.is(drive.unload().fault, null);
  assert.equal(readFileSync(path), before);
});

test('unload and facts say so when nothing is loaded', () => {
  const drive = newDrive();
  assert.equal([drive.unload().fault, drive.facts()], [null, null]);
  drive.setCompression(true);
});

test.run();
