import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertData, assertGood, dataInOf, nexus, otherNexus, run, runDeferred } from '../scsi-fixture.js';
import { blockSegment, type CopyScene, copyInCdb, copyOutCdb, cscd, lid1List, lid4List, makeCopyScene, NAA } from './copy-scene.js';

const targets = [cscd(NAA[0], 512), cscd(NAA[1], 4096)];
const unitOf = (scene: CopyScene) => scene.units[0] as LogicalUnit;

async function copyLid1(scene: CopyScene, segments: readonly string[], listIdentifier = 1, flags = '00'): Promise<CommandSlot> {
  const list = lid1List(targets, segments, { listIdentifier, flags });
  return runDeferred(unitOf(scene), copyOutCdb(0x00, list), { dataOut: list });
}

const good = blockSegment({ count: 16, sourceLba: 0, destinationLba: 0 });
const bad = blockSegment({ count: 16, sourceLba: 2040, destinationLba: 0 });

test('RECEIVE COPY STATUS(LID1): tells segments and bytes of a copy that has ended', async () => {
  const scene = makeCopyScene();
  await copyLid1(scene, [good, good]);
  assertData(run(unitOf(scene), copyInCdb(0x00, 1)), '00000008 01 0002 00 00004000');
});

test('RECEIVE COPY STATUS(LID1): tells of an error, and the nexus that began the copy alone', async () => {
  const scene = makeCopyScene();
  await copyLid1(scene, [good, bad], 0x77);
  assertData(run(unitOf(scene), copyInCdb(0x00, 0x77)), '00000008 02 0001 00 00002000');
  assertCheck(run(unitOf(scene), copyInCdb(0x00, 0x77), { nexus: otherNexus }), '05/24/00', '2');
});

test('RECEIVE COPY STATUS(LID1): sees a copy that runs', async () => {
  let status: CommandSlot | undefined;
  const scene = makeCopyScene({
    onCommand: () => {
      status ??= run(unitOf(scene), copyInCdb(0x00, 1));
    },
  });
  await copyLid1(scene, [good]);
  assertData(status as CommandSlot, '00000008 00 0000 00 00000000');
});

test('RECEIVE COPY STATUS(LID1): knows no copy without a list identifier, and none of a nexus that was lost', async () => {
  const scene = makeCopyScene();
  await copyLid1(scene, [good], 0, '18');
  assertCheck(run(unitOf(scene), copyInCdb(0x00, 0)), '05/24/00', '2');
  await copyLid1(scene, [good], 5);
  assertGood(run(unitOf(scene), copyInCdb(0x00, 5)));
  unitOf(scene).loseNexus(nexus);
  assertCheck(run(unitOf(scene), copyInCdb(0x00, 5)), '05/24/00', '2');
});

test('RECEIVE COPY STATUS(LID1): the oldest results are forgotten', async () => {
  const scene = makeCopyScene({ limits: { copyResultCountMax: 2 } });
  for (const listIdentifier of [1, 2, 3]) await copyLid1(scene, [good], listIdentifier);
  assertCheck(run(unitOf(scene), copyInCdb(0x00, 1)), '05/24/00', '2');
  for (const listIdentifier of [2, 3]) assertGood(run(unitOf(scene), copyInCdb(0x00, listIdentifier)));
});

test('RECEIVE COPY DATA(LID1): nothing is held', async () => {
  const scene = makeCopyScene();
  assertCheck(run(unitOf(scene), copyInCdb(0x01, 1)), '05/24/00', '2');
  await copyLid1(scene, [good]);
  assertData(run(unitOf(scene), copyInCdb(0x01, 1)), '00000000');
});

test('RECEIVE COPY OPERATING PARAMETERS: tells the limits', () => {
  const scene = makeCopyScene({ limits: { copyTargetDescriptorCountMax: 16, copySegmentCountMax: 17, copyDescriptorBytesMax: 4096, copyCountMax: 300 } });
  const expected = `0000002c 01 000000 0010 0011 00001000 00000000 00000000 00000000 00000000 0000 012c ff 09 00 00 000000 04 00 02 0a e4`;
  assertData(run(unitOf(scene), copyInCdb(0x03)), expected);
  assertData(run(unitOf(scene), copyInCdb(0x03, 0, 8)), '0000002c 01 000000');
  assertCheck(run(unitOf(scene), '84 03 01 000000000000000000001000 0000'), '05/24/00', '2.0');
});

test('RECEIVE COPY FAILURE DETAILS(LID1): has the sense data of a copy that failed', async () => {
  const scene = makeCopyScene();
  const { sense, senseLength } = await copyLid1(scene, [bad]);
  const expected = Buffer.from(sense.subarray(0, senseLength)).toString('hex');
  const length = (56 + senseLength).toString(16).padStart(8, '0');
  assertData(run(unitOf(scene), copyInCdb(0x04, 1)), `${length} ${'00'.repeat(52)} 02 00 ${senseLength.toString(16).padStart(4, '0')} ${expected}`);
});

test('RECEIVE COPY FAILURE DETAILS(LID1): is empty for a copy that went well, and an error for one that is not known', async () => {
  const scene = makeCopyScene();
  assertCheck(run(unitOf(scene), copyInCdb(0x04, 1)), '05/24/00', '2');
  await copyLid1(scene, [good]);
  assertData(run(unitOf(scene), copyInCdb(0x04, 1)), '00000000');
});

test('RECEIVE COPY STATUS(LID4): tells the outcome with its sense data', async () => {
  const scene = makeCopyScene();
  const list = lid4List(targets, [good, bad], { listIdentifier: 0x01020304, immed: true });
  assertGood(run(unitOf(scene), copyOutCdb(0x01, list), { dataOut: list }));
  const running = dataInOf(run(unitOf(scene), copyInCdb(0x05, 0x01020304)));
  assert.is(running[5], 0x12, 'in progress in the background');
  while (scene.copies.runningCount > 0) await new Promise(setImmediate);
  const status = dataInOf(run(unitOf(scene), copyInCdb(0x05, 0x01020304)));
  assert.is(status[4], 0x01, 'of EXTENDED COPY(LID4)');
  assert.is(status[5], 0x02, 'completed with errors');
  assert.is(status[12], 0x02, 'CHECK CONDITION');
  assert.equal(Buffer.from(status.subarray(15, 26)).toString('hex'), '0000000000000020000001');
  assert.equal(Buffer.from(status.subarray(32, 36)).toString('hex'), '70000a00');
  assert.is(status.length, 32 + (status[14] as number));
  assertCheck(run(unitOf(scene), copyInCdb(0x05, 0x01020305)), '05/24/00', '2');
});

test('RECEIVE COPY DATA(LID4): status and no held data', async () => {
  const scene = makeCopyScene();
  const list = lid4List(targets, [good], { listIdentifier: 6 });
  assertGood(await runDeferred(unitOf(scene), copyOutCdb(0x01, list), { dataOut: list }));
  const data = dataInOf(run(unitOf(scene), copyInCdb(0x06, 6)));
  assert.equal(data.subarray(32), hex('00000000'));
  assert.is(data[5], 0x01);
  assertCheck(run(unitOf(scene), copyInCdb(0x06, 7)), '05/24/00', '2');
});

test.run();
