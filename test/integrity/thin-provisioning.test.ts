// test-timeout: 60 s

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DiskLunConfig } from '../../engine/config/engine-config.js';
import { Asc, SenseKey } from '../../engine/scsi/sense.js';
import { type LogicalUnitClient, ScsiError } from '../../initiator/index.js';
import { withRig } from './fault-rig.js';

const BLOCK = 512;
const MIB = 1024 * 1024;
const UNIT_BYTES = 64 * MIB;
const WRITTEN_BLOCKS = 2048;
/** Longer than the engine waits before it looks at the space. */
const THRESHOLD_MS = 400;

const common = { lun: 0, blockLengthBytes: BLOCK, readOnly: false, thin: true } as const;
const stores: Record<string, (folder: string) => DiskLunConfig['store']> = {
  ram: () => ({ kind: 'ram', sizeBytes: UNIT_BYTES }),
  file: (folder) => ({ kind: 'file', path: join(folder, 'thin.img'), sizeBytes: UNIT_BYTES, direct: false }),
};

/** Blocks from `lba` on that have space. */
async function mappedBlocks(unit: LogicalUnitClient, lba: number): Promise<number> {
  const runs = await unit.getLbaStatus(lba);
  return runs.filter(({ provisioningStatus }) => provisioningStatus === 0).reduce((sum, { lbaCount }) => sum + lbaCount, 0);
}

async function senseOf(command: Promise<unknown>): Promise<readonly [number | null, number | null]> {
  try {
    await command;
  } catch (error) {
    if (error instanceof ScsiError) return [error.senseKey, error.ascAscq];
    throw error;
  }
  return [null, null];
}

for (const [kind, storeOf] of Object.entries(stores)) {
  for (const execution of ['inline', 'pool'] as const) {
    test(`UNMAP and WRITE SAME give space back and GET LBA STATUS tells it (${kind}, ${execution})`, () =>
      withRig(
        (folder) => ({ execution, luns: [{ ...common, store: storeOf(folder) }] }),
        async (rig) => {
          const unit = await rig.login(0);
          assert.is(await mappedBlocks(unit, 0), 0);
          await unit.write(0, Buffer.alloc(WRITTEN_BLOCKS * BLOCK, 0x5a), BLOCK);
          assert.is(await mappedBlocks(unit, 0), WRITTEN_BLOCKS);
          await unit.unmap([
            { lba: 64, lbaCount: 128 },
            { lba: 1024, lbaCount: 256 },
          ]);
          assert.is(await mappedBlocks(unit, 0), WRITTEN_BLOCKS - 384);
          assert.equal(await unit.read(64, 128, BLOCK), Buffer.alloc(128 * BLOCK));
          assert.equal(await unit.read(192, 8, BLOCK), Buffer.alloc(8 * BLOCK, 0x5a));
          await unit.writeSame(0, 64, Buffer.alloc(BLOCK), { unmap: true });
          assert.is(await mappedBlocks(unit, 0), WRITTEN_BLOCKS - 448);
          await unit.writeSame(1024, 4096, Buffer.alloc(BLOCK, 7));
          assert.equal(await unit.read(5112, 16, BLOCK), Buffer.concat([Buffer.alloc(8 * BLOCK, 7), Buffer.alloc(8 * BLOCK)]));
          await unit.orWrite(1024, Buffer.alloc(8 * BLOCK, 8), BLOCK);
          assert.equal(await unit.read(1024, 8, BLOCK), Buffer.alloc(8 * BLOCK, 15));
          assert.is(await unit.prefetch(0, 256), true);
          await rig.logoutAll();
        },
      ));
  }
}

test('a thin unit that runs full tells its soft threshold, and then that there is no space', () =>
  withRig(
    () => ({ execution: 'pool', luns: [{ ...common, store: { kind: 'ram', sizeBytes: UNIT_BYTES }, spaceBytes: 4 * MIB, thresholdPercent: 50 }] }),
    async (rig) => {
      const unit = await rig.login(0);
      const other = await rig.login(0);
      const megabyte = Buffer.alloc(MIB, 1);
      await unit.write(0, megabyte, BLOCK);
      await pause(THRESHOLD_MS);
      assert.equal(await senseOf(other.read(0, 1, BLOCK)), [null, null]);
      await unit.write(2048, megabyte, BLOCK);
      await pause(THRESHOLD_MS);
      for (const each of [unit, other]) {
        assert.equal(await senseOf(each.read(0, 1, BLOCK)), [SenseKey.unitAttention, Asc.thinProvisioningSoftThresholdReached]);
        assert.equal(await senseOf(each.read(0, 1, BLOCK)), [null, null]);
      }
      await unit.write(4096, Buffer.alloc(2 * MIB, 1), BLOCK);
      assert.equal(await senseOf(unit.write(16384, megabyte, BLOCK)), [SenseKey.dataProtect, Asc.spaceAllocationFailed]);
      assert.equal(await senseOf(unit.writeSame(16384, 8, Buffer.alloc(BLOCK, 1))), [SenseKey.dataProtect, Asc.spaceAllocationFailed]);
      await unit.unmap([{ lba: 0, lbaCount: 2048 }]);
      await unit.write(16384, megabyte, BLOCK);
      await rig.logoutAll();
    },
  ));

test.run();
