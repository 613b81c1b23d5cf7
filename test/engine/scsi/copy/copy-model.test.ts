import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { type SeededRandom, seededRandom } from '../../../support/random.js';
import type { MemoryStore } from '../memory-store.js';
import { assertGood, runDeferred } from '../scsi-fixture.js';
import { blockSegment, type CopyScene, copyOutCdb, cscd, lid1List, makeCopyScene, offsetSegment } from './copy-scene.js';

const blockLengths = [512, 4096, 520] as const;
const ROUND_COUNT = 60;
const SEGMENT_COUNT_MAX = 6;

interface ModelSegment {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly sourceByte: number;
  readonly destinationByte: number;
  readonly lengthBytes: number;
}

const sizeOf = (scene: CopyScene, lun: number) => (scene.stores[lun] as MemoryStore).sizeBytes;

function exactSegment(scene: CopyScene, random: SeededRandom, from: number, to: number): ModelSegment {
  const [source, destination] = [blockLengths[from] as number, blockLengths[to] as number];
  // A multiple of 8 × 4096 × 65 bytes is one of whole blocks of all units; of one unit any count of blocks is.
  const step = from === to ? source : [512, 4096].includes(source) && [512, 4096].includes(destination) ? 4096 : 266_240;
  const lengthBytes = step * random.below(from === to ? 300 : step === 4096 ? 40 : 3);
  const sourceLba = random.below((sizeOf(scene, from) - lengthBytes) / source);
  const near = Math.max(0, sourceLba + random.below(41) - 20);
  const last = (sizeOf(scene, to) - lengthBytes) / destination;
  const destinationLba = from === to && random.boolean() ? Math.min(near, last) : random.below(last);
  const dc = random.boolean();
  const text = blockSegment({ from, to, dc, count: lengthBytes / (dc ? destination : source), sourceLba, destinationLba });
  return { text, from, to, sourceByte: sourceLba * source, destinationByte: destinationLba * destination, lengthBytes };
}

function byteSegment(scene: CopyScene, random: SeededRandom, from: number, to: number): ModelSegment {
  const lengthBytes = random.below(200_000);
  const sourceByte = random.below(sizeOf(scene, from) - lengthBytes);
  const last = sizeOf(scene, to) - lengthBytes;
  const isNear = from === to && random.boolean();
  const destinationByte = isNear ? Math.min(last, Math.max(0, sourceByte + random.below(20_001) - 10_000)) : random.below(last);
  const place = (byte: number, lun: number) => {
    const blockLength = blockLengths[lun] as number;
    const lba = Math.floor(byte / blockLength);
    // Offsets may be longer than a block.
    const back = Math.min(lba, random.below(3));
    return [lba - back, byte - (lba - back) * blockLength] as const;
  };
  return {
    text: offsetSegment(lengthBytes, place(sourceByte, from), place(destinationByte, to), from, to),
    from,
    to,
    sourceByte,
    destinationByte,
    lengthBytes,
  };
}

test('EXTENDED COPY(LID1): random segments between units of several block lengths do what a byte model does, overlaps included', async () => {
  const seed = 20_261_123;
  const random = seededRandom(seed);
  const onCommand = async () => {
    for (let turns = random.below(3); turns > 0; turns--) await new Promise(setImmediate);
  };
  const scene = makeCopyScene({ blockLengths, limits: { copyPieceBytesMax: 64 * 1024, copyPieceCountMax: 3 }, onCommand });
  const model = scene.stores.map((store) => new Uint8Array(store.bytes.slice()));
  const targets = blockLengths.map((blockLength, lun) => cscd(`300000000000000${lun + 1}`, blockLength));
  for (let round = 0; round < ROUND_COUNT; round++) {
    const segments = Array.from({ length: 1 + random.below(SEGMENT_COUNT_MAX) }, () => {
      const [from, to] = [random.below(3), random.below(3)];
      return (random.boolean() ? exactSegment : byteSegment)(scene, random, from, to);
    });
    for (const { from, to, sourceByte, destinationByte, lengthBytes } of segments) {
      (model[to] as Uint8Array).set((model[from] as Uint8Array).slice(sourceByte, sourceByte + lengthBytes), destinationByte);
    }
    const list = lid1List(
      targets,
      segments.map(({ text }) => text),
    );
    assertGood(await runDeferred(scene.units[round % 3] as LogicalUnit, copyOutCdb(0x00, list), { dataOut: list }));
    for (const [lun, store] of scene.stores.entries()) {
      assert.is(Buffer.compare(store.bytes, model[lun] as Uint8Array), 0, `seed ${seed}, round ${round}, LUN ${lun}`);
    }
  }
});

test.run();
