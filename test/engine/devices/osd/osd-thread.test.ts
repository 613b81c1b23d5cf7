import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { osdUnitOf } from '../../../../engine/devices/osd/osd-unit.js';
import { TargetError } from '../../../../engine/errors.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { Osd } from '../../../support/osd-cdb.js';
import { run } from '../../scsi/scsi-fixture.js';
import { bytes, failed, good, OBJECT, openBed, PARTITION } from './osd-fixture.js';

const ids = { partition: PARTITION, object: OBJECT } as const;

test('a thread that dies takes nothing with it that was acknowledged, and the next one goes on', async () => {
  const bed = await openBed({ isBound: true });
  good(await bed.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await bed.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 4, data: bytes('kept') }));
  const unit = osdUnitOf(bed.unit);
  const pending = bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4 });
  await unit.thread?.terminate();
  const lost = await pending;
  if (lost.status !== ScsiStatus.good) failed(lost, '0b/4400');
  for (let count = 0; unit.readiness !== null && count < 200; count++) {
    const notReady = run(bed.unit, '000000000000');
    if (notReady.status === ScsiStatus.checkCondition) assert.is(Buffer.from(notReady.sense.subarray(0, 4)).toString('hex'), '72020400');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.is(good(await bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4 })).dataIn.toString(), 'kept');
  await bed.close();
});

test('a directory with files of something else is refused with a sentence, and left as it is', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lunloom-osd-'));
  writeFileSync(join(directory, 'letter.txt'), 'dear');
  for (const isBound of [false, true]) {
    try {
      await openBed({ directory, isBound });
      assert.unreachable('it was opened');
    } catch (error) {
      assert.instance(error, TargetError);
      assert.is((error as TargetError).code, 'OSD_NOT_A_STORE');
    }
  }
  rmSync(directory, { recursive: true });
});

test('a read-only device reads, and refuses what changes with DATA PROTECT', async () => {
  const first = await openBed();
  good(await first.run({ action: Osd.CREATE_PARTITION, partition: PARTITION }));
  good(await first.run({ action: Osd.CREATE_AND_WRITE, ...ids, length: 4, data: bytes('kept') }));
  await first.device.close();
  const bed = await openBed({ directory: first.directory, readOnly: true });
  assert.is(good(await bed.run({ action: Osd.READ, ...ids, length: 4, dataInLength: 4 })).dataIn.toString(), 'kept');
  failed(await bed.run({ action: Osd.WRITE, ...ids, length: 4, data: bytes('lost') }), '07/2700');
  failed(await bed.run({ action: Osd.CREATE, partition: PARTITION }), '07/2700');
  await bed.close();
});

test('the option capacity= is what the device says it has', async () => {
  const bed = await openBed({ options: { capacity: 64 * 1024 * 1024 } });
  const answer = good(await bed.run({ action: Osd.GET_ATTRIBUTES, get: [{ page: 0x90000001, number: 0x80 }] }));
  assert.is(answer.retrieved.readBigUInt64BE(24), 64n * 1024n * 1024n);
  assert.is(bed.device.describe().sizeBytes, 64 * 1024 * 1024);
  await bed.close();
});

test.run();
