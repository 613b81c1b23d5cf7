import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProfileName } from '../../../../engine/devices/cdrom/disc/profile.js';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { good, imageFolder, opticalScene, pressedScene, sense } from './optical-fixture.js';

const images = imageFolder();
test.after(images.remove);

interface Told {
  readonly code: number;
  readonly isCurrent: boolean;
  readonly data: Buffer;
}

/** Takes the feature descriptors apart, and finds that they fill the data. */
async function featuresOf(unit: LogicalUnit, request: string): Promise<{ readonly profile: number; readonly features: readonly Told[] }> {
  const data = Buffer.from(await good(unit, `46 ${request} 000000 1000 00`));
  assert.is(data.readUInt32BE(0), data.length - 4);
  const features: Told[] = [];
  let at = 8;
  while (at < data.length) {
    const lengthBytes = data[at + 3] as number;
    assert.is(lengthBytes % 4, 0);
    features.push({ code: data.readUInt16BE(at), isCurrent: ((data[at + 2] as number) & 1) !== 0, data: data.subarray(at + 4, at + 4 + lengthBytes) });
    at += 4 + lengthBytes;
  }
  assert.is(at, data.length);
  return { profile: data.readUInt16BE(6), features };
}

const alwaysCurrent = [0x0000, 0x0001, 0x0002, 0x0003, 0x0100, 0x0105, 0x0107, 0x0108];

test('GET CONFIGURATION: an empty drive has no profile, and persistent features alone are current', async () => {
  const { unit } = await opticalScene(null);
  const { profile, features } = await featuresOf(unit, '00 0000');
  assert.is(profile, 0);
  assert.equal(
    features.filter(({ isCurrent }) => isCurrent).map(({ code }) => code),
    alwaysCurrent,
  );
  const codes = features.map(({ code }) => code);
  assert.equal(
    codes,
    codes.toSorted((one, other) => one - other),
  );
});

const currentOf: Readonly<Record<string, readonly [profile: number, ...codes: number[]]>> = {
  'cd-r': [0x0009, 0x0010, 0x001d, 0x001e, 0x0021, 0x002d],
  'cd-rw': [0x000a, 0x0010, 0x001d, 0x001e, 0x0021, 0x002d, 0x0037],
  'dvd+r': [0x001b, 0x0010, 0x001f, 0x002b],
  'dvd+r-dl': [0x002b, 0x0010, 0x001f, 0x002b, 0x003b],
  // A blank one can be formatted before anything else.
  'dvd+rw': [0x001a, 0x0010, 0x001f, 0x0023, 0x002a],
  'bd-r': [0x0041, 0x0010, 0x0021, 0x0023, 0x0040, 0x0041],
  'bd-re': [0x0043, 0x0010, 0x0023, 0x0040, 0x0041],
};

for (const [name, [number, ...codes]] of Object.entries(currentOf)) {
  test(`GET CONFIGURATION: the current features of a blank ${name}`, async () => {
    const { unit } = await opticalScene(images.path(name), { profile: name as ProfileName, blockCount: 4096 });
    const { profile, features } = await featuresOf(unit, '01 0000');
    assert.is(profile, number);
    assert.equal(
      features.map(({ code }) => code),
      [...alwaysCurrent, ...codes].toSorted((one, other) => one - other),
    );
    // The profile list marks the current one.
    const list = (features[0] as Told).data;
    const marked = Array.from({ length: list.length / 4 }, (_, at) => list.subarray(4 * at, 4 * at + 4)).filter((entry) => entry[2] === 1);
    assert.equal(
      marked.map((entry) => entry.readUInt16BE(0)),
      [number],
    );
  });
}

test('GET CONFIGURATION: profiles of images, features from a number on, one feature, and none', async () => {
  const cd = await pressedScene(images.path('cd.iso'));
  assert.is((await featuresOf(cd.unit, '00 0000')).profile, 0x0008);
  const dvd = await pressedScene(images.path('dvd.iso'), 400, { profile: 'dvd' });
  assert.is((await featuresOf(dvd.unit, '00 0000')).profile, 0x0010);
  const bd = await pressedScene(images.path('bd.iso'), 400, { profile: 'bd' });
  assert.is((await featuresOf(bd.unit, '00 0000')).profile, 0x0040);
  assert.equal(
    (await featuresOf(dvd.unit, '01 0100')).features.map(({ code }) => code),
    [0x0100, 0x0105, 0x0107, 0x0108],
  );
  assertBytes(await good(dvd.unit, '46 02 0010 000000 0010 00'), hex('00000010 0000 0010 0010 01 08 00000800'));
  assertBytes(await good(dvd.unit, '46 02 0038 000000 0010 00'), hex('00000004 0000 0010'));
  assert.is(await sense(dvd.unit, '46 03 0000 000000 0010 00'), '05/24/00');
});

test('a finalized disc is written no more: its write features are not current', async () => {
  const { unit } = await opticalScene(images.path('final'), { profile: 'bd-r', blockCount: 4096 });
  await good(unit, '2a00 00000000 00 0020 00', { dataOut: new Uint8Array(32 * 2048) });
  await good(unit, '5b00 01 00 0001 000000 00');
  await good(unit, '5b00 06 00 0000 000000 00');
  const codes = (await featuresOf(unit, '01 0000')).features.map(({ code }) => code);
  assert.not.ok(codes.includes(0x0041));
  assert.ok(codes.includes(0x0040));
});

test('INQUIRY: a removable CD/DVD device that claims MMC-6', async () => {
  const { unit } = await opticalScene(null);
  const data = await good(unit, '12 00 00 0060 00');
  assertBytes(data.subarray(0, 2), hex('05 80'));
  assertBytes(data.subarray(58, 66), hex('00a0 0460 04e0 0960'));
  assertBytes(await good(unit, '12 01 00 0060 00'), hex('05 00 0004 00 80 83 86'));
});

test('MODE SENSE (10): page 2Ah has what sr and burner programs look for', async () => {
  const { unit, drive } = await opticalScene(null);
  const data = Buffer.from(await good(unit, '5a 00 2a 00 000000 0100 00'));
  assertBytes(data.subarray(0, 16), hex('002e 00 00 00 00 0000 2a26 1f13 c010 29 00'));
  assert.is(data.readUInt16BE(8 + 30), 2);
  await good(unit, '1e 000000 01 00');
  assert.is((await good(unit, '5a 08 2a 00 000000 0100 00'))[14], 0x2b);
  assert.ok(drive.isRemovalPrevented);
});

test('MODE SENSE (6): all pages fit, and MODE SELECT (10) sets the write parameters', async () => {
  const { unit } = await opticalScene(images.path('modes'), { profile: 'cd-r', blockCount: 4096 });
  const all = await good(unit, '1a 00 3f 00 ff 00');
  const codes: number[] = [];
  for (let at = 4; at < all.length; at += 2 + (all[at + 1] as number)) codes.push((all[at] as number) & 0x3f);
  assert.equal(codes, [0x01, 0x05, 0x0a, 0x0d, 0x0e, 0x1a, 0x1d, 0x2a]);
  const page = Buffer.from(await good(unit, '5a 08 05 00 000000 003c 00'));
  // Raw sectors of audio are nothing that an image of user data could hold.
  const raw = Uint8Array.from(page).map((byte, at) => (at < 2 ? 0 : at === 12 ? 0x00 : byte));
  assert.is(await sense(unit, '55 10 0000000000 003c 00', { dataOut: raw }), '05/26/00');
  // Session at once would have to come with a cue sheet: of a CD it cannot be chosen, of a DVD+R it means nothing.
  const sessionAtOnce = Uint8Array.from(page).map((byte, at) => (at < 2 ? 0 : at === 10 ? 0x42 : byte));
  assert.is(await sense(unit, '55 10 0000000000 003c 00', { dataOut: sessionAtOnce }), '05/26/00');
  const dvd = await opticalScene(images.path('dvd-modes'), { profile: 'dvd+r', blockCount: 4096 });
  await good(dvd.unit, '55 10 0000000000 003c 00', { dataOut: sessionAtOnce });
  const open = Uint8Array.from(page).map((byte, at) => (at < 2 ? 0 : at === 11 ? 0xc4 : byte));
  await good(unit, '55 10 0000000000 003c 00', { dataOut: open });
  assert.is((await good(unit, '5a 08 05 00 000000 003c 00'))[11], 0xc4);
});

test.run();
