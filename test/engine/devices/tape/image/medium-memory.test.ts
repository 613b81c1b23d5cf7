import { readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { loadedDrive, MIB, newDrive, tapeSuite } from './tape-fixture.js';

const test = tapeSuite('tape image: attributes');
const attribute = (identifier: number, text: string, partition = 0) => ({ partition, identifier, format: 1, value: Uint8Array.from(Buffer.from(text)) });

test('attributes are replaced and removed one by one, in order, and kept over loads and crashes', ({ path }) => {
  const drive = loadedDrive(path);
  assert.equal(drive.attributes(), []);
  assert.is(drive.writeAttributes([attribute(0x80c, 'coherent'), attribute(0x400, 'maker')]).fault, null);
  assert.is(drive.writeAttributes([attribute(0x80c, 'again'), attribute(0x400, ''), attribute(0x20, 'x', 1)]).fault, null);
  const expected = [attribute(0x80c, 'again'), attribute(0x20, 'x', 1)];
  assert.equal(drive.attributes(), expected);
  // Not closed.
  const again = newDrive();
  again.load({ path, readOnly: false, create: null });
  assert.equal(again.attributes(), expected);
  again.unload();
  again.load({ path, readOnly: true, create: null });
  assert.equal(again.writeAttributes([attribute(1, 'y')]).fault, { kind: 'writeProtected' });
  assert.equal(again.attributes(), expected);
});

test('more than there is room for is refused, and what was there stays', ({ path }) => {
  const drive = loadedDrive(path);
  drive.writeAttributes([attribute(1, 'kept')]);
  assert.equal(drive.writeAttributes([attribute(2, 'x'.repeat(8190))]).fault, { kind: 'attributes' });
  const tiny = Array.from({ length: 3000 }, (_, identifier) => attribute(identifier, 'x'));
  assert.equal(drive.writeAttributes(tiny).fault, { kind: 'attributes' });
  assert.equal(drive.attributes(), [attribute(1, 'kept')]);
});

test('a format takes the attributes of partitions that are gone', ({ path }) => {
  const drive = loadedDrive(path);
  drive.formatMedium([MIB, MIB]);
  drive.writeAttributes([attribute(1, 'a'), attribute(1, 'b', 1)]);
  drive.formatMedium([MIB, 2 * MIB]);
  assert.is(drive.attributes().length, 2);
  drive.setCapacity(65535);
  assert.equal(drive.attributes(), [attribute(1, 'a')]);
});

test('a torn write leaves what was before; when both places are damaged that is said', ({ path }) => {
  const drive = loadedDrive(path);
  drive.writeAttributes([attribute(1, 'old')]);
  drive.writeAttributes([attribute(1, 'new')]);
  drive.unload();
  const bytes = readFileSync(path);
  // The second has an even sequence.
  bytes[16384 + 47] = 0;
  writeFileSync(path, bytes);
  assert.equal(drive.load({ path, readOnly: true, create: null }).notices, []);
  assert.equal(drive.attributes(), [attribute(1, 'old')]);
  drive.unload();
  bytes[32768 + 47] = 0;
  writeFileSync(path, bytes);
  assert.equal(drive.load({ path, readOnly: true, create: null }).notices, ['the attributes that hosts wrote are damaged and gone']);
  assert.equal(drive.attributes(), []);
});

test.run();
