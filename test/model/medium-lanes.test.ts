// test-timeout: 120 s
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig } from '../../engine/config/engine-config.js';
import { runLanes } from '../integrity/extent-lane.js';
import { type RigOptions, withRig } from '../integrity/fault-rig.js';
import { seededRandom } from '../support/random.js';
import { LANE_BLOCK_COUNT, MediumLane } from './medium-lane.js';
import { RegisterHistory } from './register-history.js';
import { checkSeconds, givenSeed } from './sequence-search.js';

const SESSION_COUNT = 3;
const LANES_PER_SESSION = 2;
const KIND_COUNT = 6;
const seed = givenSeed ?? Date.now() % 2 ** 32;

type BlockLength = DiskLunConfig['blockLengthBytes'];

async function share(label: string, execution: RigOptions['execution'], blockLengthBytes: BlockLength, isFile: boolean, thin: boolean): Promise<void> {
  const sizeBytes = LANE_BLOCK_COUNT * blockLengthBytes;
  const lunIn = (folder: string): DiskLunConfig => ({
    lun: 0,
    store: isFile ? { kind: 'file', path: join(folder, 'shared.img'), sizeBytes, direct: false } : { kind: 'ram', sizeBytes },
    blockLengthBytes,
    readOnly: false,
    thin,
  });
  await withRig(
    (folder) => ({ execution, luns: [lunIn(folder)] }),
    async (rig) => {
      const histories = Array.from({ length: LANE_BLOCK_COUNT }, () => new RegisterHistory(0n));
      const lanes: MediumLane[] = [];
      for (let i = 0; i < SESSION_COUNT; i++) {
        const unit = await rig.login(0, i === 0 ? {} : { InitialR2T: 'Yes', ImmediateData: 'No', MaxOutstandingR2T: '2' });
        const anchors = thin && (await unit.vpd('logicalBlockProvisioning')).anchorSupported;
        for (let j = 0; j < LANES_PER_SESSION; j++) {
          lanes.push(new MediumLane(unit, { blockLengthBytes, thin, anchors, histories, random: seededRandom(seed + lanes.length) }));
        }
      }
      await runLanes(lanes, (checkSeconds * 1000) / KIND_COUNT);
      await lanes[0]?.read(0, LANE_BLOCK_COUNT, 16);
      const faults = histories.flatMap((history, lba) => history.fault()?.replace(/^/, `block ${lba}: `) ?? []);
      assert.equal(faults, [], `${label}, seed ${seed}`);
      console.log(`${label}: ${MediumLane.commandCount} commands so far, seed ${seed}`);
      await rig.logoutAll();
    },
  );
}

const kinds: readonly (readonly [string, RigOptions['execution'], BlockLength, boolean, boolean])[] = [
  ['ram, thin, inline', 'inline', 512, false, true],
  ['ram, thin, pool', 'pool', 512, false, true],
  ['ram, 4096-byte blocks, pool', 'pool', 4096, false, false],
  ['ram, 520-byte blocks, thin, pool', 'pool', 520, false, true],
  ['file, thin, pool', 'pool', 4096, true, true],
  ['file, 520-byte blocks, thin, auto', 'auto', 520, true, true],
];

for (const kind of kinds) test(`what commands of several sessions see of a block has an order that explains it: ${kind[0]}`, () => share(...kind));

test('a history that no order explains is found', () => {
  const stale = new RegisterHistory(0n);
  for (const [id, value] of [5n, 6n].entries()) {
    stale.begin(id);
    stale.end(id, { kind: 'write', value });
  }
  stale.begin(9);
  stale.end(9, { kind: 'read', value: 5n });
  assert.match(stale.fault() as string, 'read 5 is in no order');
  const lost = new RegisterHistory(0n);
  lost.begin(1);
  lost.begin(2);
  lost.end(1, { kind: 'swap', seen: 0n, value: 1n });
  lost.end(2, { kind: 'swap', seen: 0n, value: 2n });
  assert.match(lost.fault() as string, 'swap 0→2');
});

test.run();
