import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { hex } from '../../../support/assert-bytes.js';
import { seededRandom } from '../../../support/random.js';
import { runDeferred } from '../scsi-fixture.js';
import { blockSegment, copyOutCdb, cscd, lid1List, lid4List, makeCopyScene, NAA, offsetSegment, uint16, uint32, uint64 } from './copy-scene.js';

const SEED = 4711;
const TURN_COUNT = 3000;
const targets = [cscd(NAA[0], 512, { pad: true }), cscd(NAA[1], 4096)];
const segments = [
  blockSegment({ cat: true, count: 9, sourceLba: 5, destinationLba: 2 }),
  offsetSegment(1000, [1, 3], [2, 5]),
  blockSegment({ from: 1, to: 0, count: 3, sourceLba: 5, destinationLba: 2 }),
];
const range = `${uint64(3)} ${uint32(8)} 00000000`;
const zeroToken = `ffff0001 0000 01f8 ${'00'.repeat(504)}`;

/** Lists that are right, by service action. */
const lists: readonly (readonly [serviceAction: number, list: Uint8Array])[] = [
  [0x00, lid1List(targets, segments)],
  [0x01, lid4List(targets, segments)],
  [0x10, hex(`${uint16(30)} 00 00 00000000 00000000 0000 ${uint16(16)} ${range}`)],
  [0x11, hex(`${uint16(550)} 00 0000000000 ${uint64(0)} ${zeroToken} 000000000000 ${uint16(16)} ${range}`)],
];
const ends: readonly number[] = [ScsiStatus.good, ScsiStatus.checkCondition];

test('third-party copy commands: whatever bytes a parameter list has, the command ends and the copy with it', async () => {
  const random = seededRandom(SEED);
  const scene = makeCopyScene({ limits: { rodTokenCountMax: 8, copyResultCountMax: 4 } });
  for (let turn = 0; turn < TURN_COUNT; turn++) {
    const [serviceAction, right] = lists[random.below(lists.length)] as (typeof lists)[number];
    const list = new Uint8Array(right.subarray(0, random.below(4) === 0 ? random.below(right.length + 1) : right.length));
    for (let count = 1 + random.below(4); count > 0 && list.length > 0; count--) list[random.below(list.length)] = random.boolean() ? random.below(256) : 0xff;
    const command = await runDeferred(scene.units[turn % 2] as LogicalUnit, copyOutCdb(serviceAction, list, turn % 5), { dataOut: list });
    // EXTENDED COPY(LID4) with IMMED may still run, and then its list identifier is in use.
    while (scene.copies.runningCount > 0) await new Promise(setImmediate);
    assert.ok(ends.includes(command.status), `seed ${SEED}, turn ${turn}: status ${command.status}`);
    assert.ok(scene.copies.tokens.count <= 8);
  }
});

test.run();
