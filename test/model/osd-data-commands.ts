import * as assert from 'uvu/assert';
import { descriptorAt } from '../engine/devices/osd/osd-fixture.js';
import { Osd, type OsdCommand, scatterGather } from '../support/osd-cdb.js';
import type { SeededRandom } from '../support/random.js';
import type { OsdModel, OsdName } from './osd-model.js';
import { type Draft, Ending, Permission } from './osd-steps.js';

const LENGTH_MAX = 20_000;

/** Data-Out in one piece or by a scatter/gather list. `at` is where a piece goes, `from` where it lies in the data. */
export function randomDataOut(
  random: SeededRandom,
  start: number,
): { readonly command: Partial<OsdCommand>; readonly data: Buffer; readonly pieces: { at: number; length: number; from: number }[] } {
  const data = Buffer.from(random.bytes(random.below(8) === 0 ? random.below(6000) : random.below(300)));
  const options = random.below(8) === 0 ? 0x08 : 0;
  const command = { options, length: data.length, start: BigInt(start), data };
  if (data.length < 3 || random.below(4) > 0) return { command, data, pieces: [{ at: start, length: data.length, from: 0 }] };
  const cut = 1 + random.below(data.length - 1);
  const gap = random.below(5000);
  const ranges = [
    { offset: BigInt(gap), length: BigInt(cut) },
    { offset: BigInt(random.below(gap + 200)), length: BigInt(data.length - cut) },
  ];
  const pieces = ranges.map(({ offset, length }, index) => ({ at: start + Number(offset), length: Number(length), from: index === 0 ? 0 : cut }));
  return { command: { ...command, continuation: [scatterGather(ranges)] }, data, pieces };
}

/** A command that moves or changes the bytes of an object; null for one whose outcome would be in between. */
export function randomDataCommand(random: SeededRandom, model: OsdModel, target: OsdName): Draft | null {
  const { bytes } = model.object(target);
  const max = model.lengthMax(target);
  const offset = random.below(Math.min(LENGTH_MAX, bytes.length + (random.boolean() ? 1 : 6000)));
  const length = random.below(6) === 0 ? random.below(9000) : 1 + random.below(300);
  const start = BigInt(offset);
  /** Only what makes the object longer is bounded. */
  const isTooLong = (end: number) => end > bytes.length && BigInt(end) > max;
  switch (random.below(8)) {
    case 0:
    case 1: {
      const { command, data, pieces } = randomDataOut(random, offset);
      // A list whose second piece is too long has written its first.
      const bad = pieces.filter((piece) => piece.length > 0 && isTooLong(piece.at + piece.length));
      if (bad.length > 0 && pieces.length > 1) return null;
      return {
        name: 'WRITE',
        action: Osd.WRITE,
        command,
        target,
        permissions: Permission.write,
        sense: bad.length > 0 ? Ending.quota : '',
        run: (of) => {
          for (const piece of pieces) of.write(target, piece.at, data.subarray(piece.from, piece.from + piece.length));
        },
      };
    }
    case 2: {
      const data = Buffer.from(random.bytes(length));
      const at = bytes.length;
      const sense = isTooLong(at + length) ? Ending.quota : '';
      const command = { length, data };
      const run = (of: OsdModel) => of.write(target, at, data);
      return { name: 'APPEND', action: Osd.APPEND, command, target, permissions: Permission.append, sense, run };
    }
    case 3:
      return {
        name: 'CLEAR',
        action: Osd.CLEAR,
        command: { length, start },
        target,
        permissions: Permission.write,
        sense: isTooLong(offset + length) ? Ending.quota : '',
        run: (of) => of.write(target, offset, Buffer.alloc(length)),
      };
    case 4:
      return {
        name: 'PUNCH',
        action: Osd.PUNCH,
        command: { length, start },
        target,
        permissions: Permission.write,
        sense: offset >= bytes.length ? Ending.wrongField : '',
        run(of) {
          const object = of.object(target);
          object.bytes = Buffer.concat([object.bytes.subarray(0, offset), object.bytes.subarray(offset + length)]);
        },
      };
    case 5:
      return readMap(model, target);
    default:
      return read(random, model, target, { offset, length });
  }
}

function read(random: SeededRandom, model: OsdModel, target: OsdName, { offset, length }: { readonly offset: number; readonly length: number }): Draft {
  const { bytes } = model.object(target);
  const isList = random.below(4) === 0 && length > 2;
  const cut = isList ? length >> 1 : length;
  const ranges = isList
    ? [
        { offset: 7n, length: BigInt(cut) },
        { offset: 0n, length: BigInt(length - cut) },
      ]
    : [{ offset: 0n, length: BigInt(length) }];
  const expected = Buffer.alloc(length);
  let at = 0;
  let validBytes = 0;
  for (const range of ranges) {
    const from = offset + Number(range.offset);
    const copied = from < bytes.length ? bytes.copy(expected, at, from, Math.min(bytes.length, from + Number(range.length))) : 0;
    if (copied > 0) validBytes = at + copied;
    at += Number(range.length);
  }
  const isShort = ranges.some((range) => offset + Number(range.offset + range.length) > bytes.length);
  return {
    name: 'READ',
    action: Osd.READ,
    command: { length, start: BigInt(offset), dataInLength: length, ...(isList ? { continuation: [scatterGather(ranges)] } : {}) },
    target,
    permissions: Permission.read,
    sense: isShort ? Ending.readPastEnd : '',
    run(_, answer) {
      if (answer === null) return;
      assert.is(Buffer.compare(answer.dataIn.subarray(0, length), expected), 0, 'the bytes that were written');
      if (!isShort) return;
      const information = answer.senseBytes.readBigUInt64BE(descriptorAt(answer.senseBytes, 0x01) + 4);
      assert.is(information, BigInt(validBytes), 'bytes before the end');
    },
  };
}

function readMap(model: OsdModel, target: OsdName): Draft {
  const { bytes } = model.object(target);
  return {
    name: 'READ MAP',
    action: Osd.READ_MAP,
    command: { length: 4096, dataInLength: 4096 },
    target,
    permissions: Permission.read,
    run(_, answer) {
      if (answer === null) return;
      const count = Number(answer.dataIn.readBigUInt64BE(0)) / 16;
      let at = 0;
      for (let index = 0; index < count; index++) {
        const entry = answer.dataIn.subarray(8 + 16 * index);
        assert.is(Number(entry.readBigUInt64BE(8)), at, 'extents tile the object');
        const end = at + entry.readUInt32BE(4);
        if (entry.readUInt16BE(2) === 2)
          assert.ok(
            bytes.subarray(at, end).every((byte) => byte === 0),
            'a hole is zero',
          );
        at = end;
      }
      assert.is(at, bytes.length, 'extents reach to the end');
    },
  };
}
