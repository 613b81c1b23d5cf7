// test-timeout: 60 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ExecutionPolicy } from '../../engine/scsi/logical-unit.js';
import { SenseKey } from '../../engine/scsi/sense.js';
import { type LogicalUnitClient, ScsiError } from '../../initiator/index.js';
import { withRig } from './fault-rig.js';

const BLOCK = 512;
const LBA_COUNT = 256;
const SESSION_COUNT = 3;
const LANES_PER_SESSION = 2;
const INCREMENTS_PER_LANE = 100;
/** Two blocks of which each holds half of the counter's digits: a torn compare or write would show. */
const COUNTER_BLOCKS = 2;
const COUNTER_LBAS = [3, 100] as const;

const counterOf = (value: number) => Buffer.alloc(COUNTER_BLOCKS * BLOCK, String(value).padStart(8, '0'));

/** Adds one, however often another is quicker. Answers how often that was. */
async function increment(unit: LogicalUnitClient, lba: number): Promise<number> {
  for (let lostCount = 0; ; lostCount++) {
    const present = await unit.read(lba, COUNTER_BLOCKS, BLOCK);
    const value = Number(present.toString('latin1', 0, 8));
    assert.equal(present, counterOf(value), 'the counter is whole');
    try {
      await unit.compareAndWrite(lba, present, counterOf(value + 1), BLOCK);
      return lostCount;
    } catch (error) {
      if (!(error instanceof ScsiError) || error.senseKey !== SenseKey.miscompare) throw error;
    }
  }
}

for (const execution of ['inline', 'pool'] as const satisfies readonly ExecutionPolicy[]) {
  test(`COMPARE AND WRITE as a lock: several sessions lose no increment (${execution})`, () =>
    withRig(
      () => ({ execution, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: LBA_COUNT * BLOCK }, blockLengthBytes: BLOCK, readOnly: false }] }),
      async (rig) => {
        const units = await Promise.all(Array.from({ length: SESSION_COUNT }, () => rig.login(0)));
        const first = units[0] as LogicalUnitClient;
        for (const lba of COUNTER_LBAS) await first.write(lba, counterOf(0), BLOCK);
        const lanes = units.flatMap((unit) => Array.from({ length: LANES_PER_SESSION }, () => unit));
        const lostCounts = await Promise.all(
          lanes.map(async (unit, lane) => {
            let lostCount = 0;
            for (let count = 0; count < INCREMENTS_PER_LANE; count++) lostCount += await increment(unit, COUNTER_LBAS[(lane + count) % 2] as number);
            return lostCount;
          }),
        );
        let sum = 0;
        for (const lba of COUNTER_LBAS) sum += Number((await first.read(lba, 1, BLOCK)).toString('latin1', 0, 8));
        assert.is(sum, lanes.length * INCREMENTS_PER_LANE);
        assert.ok(
          lostCounts.some((count) => count > 0),
          'the lanes were in each other’s way',
        );
        await rig.logoutAll();
      },
    ));
}

test.run();
