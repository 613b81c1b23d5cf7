import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { assertBytes, hex } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, dataInOf, nexus, otherNexus, run, runDeferred } from '../scsi-fixture.js';
import { blockSegment, blocksOf, type CopyScene, copyInCdb, copyOutCdb, cscd, lid1List, makeCopyScene, NAA, uint16, uint32, uint64 } from './copy-scene.js';

type Range = readonly [lba: number, count: number];
const rangesText = (ranges: readonly Range[]) => ranges.map(([lba, count]) => `${uint64(lba)} ${uint32(count)} 00000000`).join(' ');

interface PopulateOptions {
  readonly flags?: string;
  readonly idleSeconds?: number;
  readonly type?: number;
}

function populateList(ranges: readonly Range[], { flags = '00', idleSeconds = 0, type = 0 }: PopulateOptions = {}): Uint8Array {
  return hex(`${uint16(14 + 16 * ranges.length)} ${flags} 00 ${uint32(idleSeconds)} ${uint32(type)} 0000 ${uint16(16 * ranges.length)} ${rangesText(ranges)}`);
}

function writeList(token: Uint8Array, ranges: readonly Range[], { offset = 0, flags = '00' } = {}): Uint8Array {
  const head = hex(`${uint16(534 + 16 * ranges.length)} ${flags} 0000000000 ${uint64(offset)}`);
  return Buffer.concat([head, token, hex(`000000000000 ${uint16(16 * ranges.length)} ${rangesText(ranges)}`)]);
}

const unitOf = (scene: CopyScene, lun = 0) => scene.units[lun] as LogicalUnit;

function populate(scene: CopyScene, list: Uint8Array, listIdentifier = 1, lun = 0): Promise<CommandSlot> {
  return runDeferred(unitOf(scene, lun), copyOutCdb(0x10, list, listIdentifier), { dataOut: list });
}

function writeUsing(scene: CopyScene, list: Uint8Array, { lun = 1, listIdentifier = 2, by = nexus } = {}): Promise<CommandSlot> {
  return runDeferred(unitOf(scene, lun), copyOutCdb(0x11, list, listIdentifier), { dataOut: list, nexus: by });
}

function tokenOf(scene: CopyScene, listIdentifier = 1, lun = 0): Uint8Array {
  const data = dataInOf(run(unitOf(scene, lun), copyInCdb(0x07, listIdentifier)));
  assert.is(data.length, 32 + 4 + 2 + 512);
  return new Uint8Array(data.subarray(38));
}

async function makeToken(scene: CopyScene, ranges: readonly Range[], options: PopulateOptions = {}): Promise<Uint8Array> {
  assertGood(await populate(scene, populateList(ranges, options)));
  return tokenOf(scene);
}

const zeroToken = Buffer.concat([hex('ffff0001 0000 01f8'), new Uint8Array(504)]);

test('POPULATE TOKEN: makes a token that tells who made it and for how much', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [
    [0, 8],
    [100, 8],
  ]);
  assertBytes(token.subarray(0, 8), hex('00800001 0000 01f8'));
  assertBytes(token.subarray(16, 48), hex(cscd(NAA[0], 512)));
  assertBytes(token.subarray(48, 64), hex('0000000000000000 0000000000002000'));
  assertBytes(token.subarray(96, 100), hex('00000200'));
  assert.not.equal(
    token.subarray(400),
    (
      await makeToken(scene, [
        [0, 8],
        [100, 8],
      ])
    ).subarray(400),
    'no token can be guessed from another one',
  );
});

test('POPULATE TOKEN: no parameter list is nothing to do', async () => {
  const scene = makeCopyScene();
  assertGood(await populate(scene, new Uint8Array(0)));
  assert.is(scene.copies.tokens.count, 0);
});

test('POPULATE TOKEN: fields that are wrong', async () => {
  const scene = makeCopyScene({ limits: { copyRangeCountMax: 2 } });
  const one = populateList([[0, 8]]);
  assertCheck(await populate(scene, one.subarray(0, 15)), '05/1a/00');
  assertCheck(await populate(scene, one.subarray(0, 31)), '05/1a/00');
  assertCheck(await populate(scene, populateList([])), '05/26/00');
  assertCheck(
    await populate(
      scene,
      populateList([
        [0, 8],
        [7, 2],
      ]),
    ),
    '05/26/00',
  );
  assertCheck(await populate(scene, populateList([[2047, 2]])), '05/21/00');
  assertCheck(
    await populate(
      scene,
      populateList([
        [0, 1],
        [1, 1],
        [2, 1],
      ]),
    ),
    '05/26/08',
  );
  assertCheck(await populate(scene, populateList([[0, 1]], { idleSeconds: 601 })), '05/26/00');
  assertCheck(await populate(scene, populateList([[0, 1]], { flags: '02', type: 0x00800002 })), '05/26/00');
});

test('WRITE USING TOKEN: writes what the token stands for to another unit with other ranges', async () => {
  const scene = makeCopyScene();
  const expected = Buffer.concat([blocksOf(scene, 0, 0, 8), blocksOf(scene, 0, 100, 24)]);
  const token = await makeToken(scene, [
    [0, 8],
    [100, 24],
  ]);
  assertGood(
    await writeUsing(
      scene,
      writeList(token, [
        [10, 1],
        [3, 0],
        [20, 3],
      ]),
    ),
  );
  assertBytes(Buffer.concat([blocksOf(scene, 1, 10, 1), blocksOf(scene, 1, 20, 3)]), expected);
});

test('WRITE USING TOKEN: the offset counts blocks of the destination, and ranges need not fit its blocks', async () => {
  const scene = makeCopyScene();
  const expected = Buffer.concat([blocksOf(scene, 0, 50, 3), blocksOf(scene, 0, 200, 21)]).subarray(4096, 2 * 4096);
  const token = await makeToken(scene, [
    [50, 3],
    [200, 21],
  ]);
  assertGood(await writeUsing(scene, writeList(token, [[7, 1]], { offset: 1 })));
  assertBytes(blocksOf(scene, 1, 7, 1), expected);
});

test('WRITE USING TOKEN: more than the token stands for is refused, and nothing is written', async () => {
  const scene = makeCopyScene();
  const before = blocksOf(scene, 1, 0, 2);
  const token = await makeToken(scene, [[0, 8]]);
  assertCheck(await writeUsing(scene, writeList(token, [[0, 2]])), '05/26/00');
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]], { offset: 1 })), '05/26/00');
  assertBytes(blocksOf(scene, 1, 0, 2), before);
});

test('WRITE USING TOKEN: fields that are wrong', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  assertGood(await writeUsing(scene, new Uint8Array(0)));
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]]).subarray(0, 535)), '05/1a/00');
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]]).subarray(0, 551)), '05/1a/00');
  assertCheck(await writeUsing(scene, writeList(token, [])), '05/26/00');
  assertCheck(await writeUsing(scene, writeList(token, [[256, 1]])), '05/21/00');
});

test('WRITE USING TOKEN: tokens that are none', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  const changed = (at: number, value: number) => {
    const bytes = new Uint8Array(token);
    bytes[at] = value;
    return writeList(bytes, [[0, 1]]);
  };
  assertCheck(await writeUsing(scene, changed(3, 0x77)), '05/23/01');
  assertCheck(await writeUsing(scene, changed(7, 0xf9)), '05/23/0a');
  assertCheck(await writeUsing(scene, changed(8, (token[8] as number) ^ 1)), '05/23/04');
  assertCheck(await writeUsing(scene, changed(511, (token[511] as number) ^ 1)), '05/23/05');
  const almostZero = Buffer.from(zeroToken);
  almostZero[9] = 1;
  assertCheck(await writeUsing(scene, writeList(almostZero, [[0, 1]])), '05/23/01');
});

test('WRITE USING TOKEN: the block device zero ROD token writes zeros', async () => {
  const scene = makeCopyScene({ limits: { copyPieceBytesMax: 64 * 1024 } });
  const before = blocksOf(scene, 1, 101, 1);
  assertGood(
    await writeUsing(
      scene,
      writeList(zeroToken, [
        [2, 99],
        [200, 1],
      ]),
    ),
  );
  assertBytes(blocksOf(scene, 1, 2, 99), new Uint8Array(99 * 4096));
  assertBytes(blocksOf(scene, 1, 200, 1), new Uint8Array(4096));
  assertBytes(blocksOf(scene, 1, 101, 1), before);
});

test('WRITE USING TOKEN: a token of blocks that were written since is revoked', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [
    [0, 8],
    [100, 8],
  ]);
  assertGood(run(unitOf(scene), '2a 00 00000008 00 0001 00', { dataOut: new Uint8Array(512) }));
  assertGood(run(unitOf(scene), '2a 00 00000063 00 0001 00', { dataOut: new Uint8Array(512) }));
  assertGood(await writeUsing(scene, writeList(token, [[0, 2]])));
  assertGood(run(unitOf(scene), '2a 00 0000006b 00 0001 00', { dataOut: new Uint8Array(512) }));
  assertCheck(await writeUsing(scene, writeList(token, [[0, 2]])), '05/23/06');
  assert.is(unitOf(scene).gates.length, 1, 'the watch goes with the next command');
  run(unitOf(scene), '2a 00 00000000 00 0001 00', { dataOut: new Uint8Array(512) });
  assert.is(unitOf(scene).gates.length, 0);
});

test('WRITE USING TOKEN: a token is revoked by what a copy writes, too, and in the middle of its use', async () => {
  let isFirst = true;
  const scene = makeCopyScene({
    limits: { copyPieceBytesMax: 64 * 1024, copyPieceCountMax: 1 },
    onCommand: (lun) => {
      if (lun === 1 && isFirst) assertGood(run(unitOf(scene), '2a 00 00000200 00 0001 00', { dataOut: new Uint8Array(512) }));
      isFirst = isFirst && lun !== 1;
    },
  });
  const token = await makeToken(scene, [[0, 1024]]);
  assertCheck(await writeUsing(scene, writeList(token, [[0, 128]])), '05/23/06');
  const second = await makeToken(scene, [[0, 8]]);
  const list = lid1List([], [blockSegment({ from: 0xffff, to: 0xffff, count: 1, sourceLba: 100, destinationLba: 7 })]);
  assertGood(await runDeferred(unitOf(scene), copyOutCdb(0x00, list), { dataOut: list }));
  assertCheck(await writeUsing(scene, writeList(second, [[0, 1]])), '05/23/06');
});

test('WRITE USING TOKEN: access upon reference reads what is there when it is used', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]], { flags: '02', type: 0x00010000 });
  assert.is(unitOf(scene).gates.length, 0, 'nothing has to watch');
  assertGood(run(unitOf(scene), '2a 00 00000000 00 0001 00', { dataOut: new Uint8Array(512).fill(0x5a) }));
  assertGood(await writeUsing(scene, writeList(token, [[0, 1]])));
  assert.is(blocksOf(scene, 1, 0, 1)[0], 0x5a);
});

test('WRITE USING TOKEN: another medium in the source ends its tokens', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  unitOf(scene).changeMedium(new Medium(new MemoryStore(1024 * 1024), { blockLengthBytes: 512, readOnly: false, transferLengthBytesMax: 1024 * 1024 }));
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]])), '05/23/06');
});

test('WRITE USING TOKEN: a unit that is taken away from its target takes its tokens with it', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  unitOf(scene).retire();
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]])), '05/23/06');
});

test('WRITE USING TOKEN: a token that nobody uses expires, each use begins its time anew', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]], { idleSeconds: 10 });
  for (const _turn of [1, 2, 3]) {
    scene.clock.advance(9_000);
    assertGood(await writeUsing(scene, writeList(token, [[0, 1]])));
  }
  scene.clock.advance(11_000);
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]])), '05/23/07');
});

test('WRITE USING TOKEN: DEL_TKN deletes the token after its use', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  assertGood(await writeUsing(scene, writeList(token, [[0, 1]], { flags: '02' })));
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]])), '05/23/09');
});

test('WRITE USING TOKEN: more tokens than may be push out the one that was not used for the longest time', async () => {
  const scene = makeCopyScene({ limits: { rodTokenCountMax: 2 } });
  const first = await makeToken(scene, [[0, 8]]);
  const second = await makeToken(scene, [[8, 8]]);
  assertGood(await writeUsing(scene, writeList(first, [[0, 1]])));
  const third = await makeToken(scene, [[16, 8]]);
  assert.is(scene.copies.tokens.count, 2);
  assertCheck(await writeUsing(scene, writeList(second, [[0, 1]])), '05/23/04');
  assertGood(await writeUsing(scene, writeList(first, [[0, 1]])));
  assertGood(await writeUsing(scene, writeList(third, [[0, 1]])));
});

test('WRITE USING TOKEN: the token works for who has it, while the nexus that made it may read the source', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 8]]);
  const masked = { ...otherNexus, visibleLuns: [1] };
  assertGood(await writeUsing(scene, writeList(token, [[0, 1]]), { by: masked }));
  assertGood(run(unitOf(scene), '16 00 00 00 00 00', { nexus: otherNexus }));
  const command = await writeUsing(scene, writeList(token, [[0, 1]]));
  assert.equal(Buffer.from(command.sense.subarray(12, 14)).toString('hex'), '0d01');
});

test('WRITE USING TOKEN: what the destination finds is its own error', async () => {
  const scene = makeCopyScene({ readOnlyLun: 1 });
  const token = await makeToken(scene, [[0, 8]]);
  assertCheck(await writeUsing(scene, writeList(token, [[0, 1]])), '07/27/00');
});

test('RECEIVE ROD TOKEN INFORMATION: tells the blocks that a copy wrote', async () => {
  const scene = makeCopyScene();
  const token = await makeToken(scene, [[0, 16]]);
  assertGood(await writeUsing(scene, writeList(token, [[0, 2]]), { listIdentifier: 0x0a0b0c0d }));
  const data = dataInOf(run(unitOf(scene, 1), copyInCdb(0x07, 0x0a0b0c0d)));
  assertBytes(data.subarray(0, 6), hex('00000020 11 01'));
  assertBytes(data.subarray(12, 26), hex('00 00 00 f1 0000000000000002 0000'));
  assertBytes(data.subarray(32), hex('00000000'));
  assertCheck(run(unitOf(scene, 1), copyInCdb(0x07, 0x0a0b0c0e)), '05/24/00', '2');
});

test('REPORT ALL ROD TOKENS: lists the tokens of the unit without what makes them usable', async () => {
  const scene = makeCopyScene();
  const first = await makeToken(scene, [[0, 8]]);
  const second = await makeToken(scene, [[8, 8]]);
  assertGood(await populate(scene, populateList([[0, 1]]), 1, 1));
  const data = dataInOf(run(unitOf(scene), copyInCdb(0x08)));
  assertBytes(data, Buffer.concat([hex('000000c4 00000000'), first.subarray(0, 96), second.subarray(0, 96)]));
  assertCheck(run(unitOf(scene), '84 08 00 00 01 0000000000 00001000 0000'), '05/24/00', '4.0');
});

test.run();
