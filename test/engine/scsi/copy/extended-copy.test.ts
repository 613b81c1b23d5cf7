import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { THIRD_PARTY_COPY_OUT } from '../../../../engine/scsi/copy/extended-copy.js';
import { THIRD_PARTY_COPY_IN } from '../../../../engine/scsi/copy/receive-copy.js';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { CommandFlag } from '../../../../engine/shm/layout.js';
import { assertBytes } from '../../../support/assert-bytes.js';
import { assertCheck, assertGood, nexus, otherNexus, run, runDeferred, TestDeferral } from '../scsi-fixture.js';
import {
  blockSegment,
  blocksOf,
  type CopyScene,
  copyInCdb,
  copyOutCdb,
  cscd,
  lid1List,
  lid4List,
  makeCopyScene,
  maskedNexus,
  NAA,
  offsetSegment,
  uint32,
} from './copy-scene.js';

const bothTargets = [cscd(NAA[0], 512), cscd(NAA[1], 4096)];
const LID1 = 0x00;
const LID4 = 0x01;

function copy(scene: CopyScene, list: Uint8Array, by = nexus, serviceAction = LID1): Promise<CommandSlot> {
  return runDeferred(scene.units[0] as LogicalUnit, copyOutCdb(serviceAction, list), { dataOut: list, nexus: by });
}

/** Sense key and code, as `0a/0d/02`, and what stands in COMMAND-SPECIFIC INFORMATION of fixed sense data. */
function senseOf(command: CommandSlot): { code: string; specific: string } {
  assert.is(command.status, ScsiStatus.checkCondition);
  const text = (from: number, to: number) => Buffer.from(command.sense.subarray(from, to)).toString('hex');
  return { code: `${text(2, 3)}/${text(12, 13)}/${text(13, 14)}`, specific: text(8, 12) };
}

test('EXTENDED COPY(LID1): blocks of a unit reach a unit with longer blocks', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 8, 32);
  assertGood(await copy(scene, lid1List(bothTargets, [blockSegment({ count: 32, sourceLba: 8, destinationLba: 3 })])));
  assertBytes(blocksOf(scene, 1, 3, 4), source);
});

test('EXTENDED COPY(LID1): with DC the count is that of the destination', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 0, 16);
  const after = blocksOf(scene, 1, 2, 1);
  assertGood(await copy(scene, lid1List(bothTargets, [blockSegment({ dc: true, count: 2, sourceLba: 0, destinationLba: 0 })])));
  assertBytes(blocksOf(scene, 1, 0, 2), source);
  assertBytes(blocksOf(scene, 1, 2, 1), after);
});

test('EXTENDED COPY(LID1): CSCD descriptor ID FFFFh is the logical unit itself', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 0, 8);
  assertGood(await copy(scene, lid1List([], [blockSegment({ from: 0xffff, to: 0xffff, count: 8, sourceLba: 0, destinationLba: 100 })])));
  assertBytes(blocksOf(scene, 0, 100, 8), source);
});

test('EXTENDED COPY(LID1): segments are done in their order, each on what the one before it wrote', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 0, 8);
  const there = blockSegment({ count: 8, sourceLba: 0, destinationLba: 5 });
  const back = blockSegment({ from: 1, to: 0, count: 1, sourceLba: 5, destinationLba: 64 });
  assertGood(await copy(scene, lid1List(bothTargets, [there, back])));
  assertBytes(blocksOf(scene, 0, 64, 8), source);
});

test('EXTENDED COPY(LID1): bytes with an offset leave the rest of their blocks alone', async () => {
  const scene = makeCopyScene();
  const expected = blocksOf(scene, 1, 0, 4);
  expected.set(blocksOf(scene, 0, 0, 32).subarray(512 + 7, 512 + 7 + 9000), 4096 + 5);
  assertGood(await copy(scene, lid1List(bothTargets, [offsetSegment(9000, [1, 7], [1, 5])])));
  assertBytes(blocksOf(scene, 1, 0, 4), expected);
});

test('EXTENDED COPY(LID1): no parameter list is nothing to do', async () => {
  assertGood(await copy(makeCopyScene(), new Uint8Array(0)));
});

test('EXTENDED COPY(LID1): lists that are cut off are a PARAMETER LIST LENGTH ERROR', async () => {
  const scene = makeCopyScene();
  const whole = lid1List(bothTargets, [blockSegment({ count: 1, sourceLba: 0, destinationLba: 0 })]);
  for (const length of [1, 15, 16 + 31, 16 + 64, whole.length - 1]) assertCheck(await copy(scene, whole.subarray(0, length)), '05/1a/00');
});

test('EXTENDED COPY(LID1): descriptors beyond the operating parameters are refused before anything is copied', async () => {
  const scene = makeCopyScene({ limits: { copyTargetDescriptorCountMax: 2, copySegmentCountMax: 2, copyDescriptorBytesMax: 4096 } });
  const segment = blockSegment({ count: 1, sourceLba: 0, destinationLba: 0 });
  const many = (count: number, text: string) => new Array<string>(count).fill(text);
  const target = cscd(NAA[0], 512);
  assert.is(senseOf(await copy(scene, lid1List(many(3, target), [segment]))).code, '05/26/06');
  assert.is(senseOf(await copy(scene, lid1List([target], many(3, segment)))).code, '05/26/08');
  assert.is(senseOf(await copy(scene, lid1List(many(129, target), []))).code, '05/1a/00');
  assert.is(senseOf(await copy(scene, lid1List([target], [], { inlineLength: 1 }))).code, '05/26/0b');
});

test('EXTENDED COPY(LID1): wrong fields of descriptors are named by their offset', async () => {
  const scene = makeCopyScene();
  const segment = blockSegment({ count: 1, sourceLba: 0, destinationLba: 0 });
  const cases: readonly (readonly [Uint8Array, string, number | null])[] = [
    [lid1List([cscd(NAA[0], 512).replace(/^e4/, 'e0')], [segment]), '05/26/07', 16],
    [lid1List([cscd(NAA[0], 512)], [segment.replace(/^02/, '03')]), '05/26/09', 48],
    [lid1List([cscd(NAA[0], 512).replace(/^e4 00/, 'e4 c0')], [segment]), '05/26/00', 17],
    [lid1List([cscd(NAA[0], 512)], [segment.replace('0018', '0017')]), '05/26/00', 50],
    [lid1List([], [], { flags: '08' }), '05/26/00', 1],
    [lid1List([], [], { flags: '18', listIdentifier: 3 }), '05/26/00', 0],
  ];
  for (const [list, code, at] of cases) {
    const command = await copy(scene, list);
    assert.is(senseOf(command).code, code);
    assert.is(Buffer.from(command.sense.subarray(15, 18)).toString('hex'), `80${(at ?? 0).toString(16).padStart(4, '0')}`);
  }
});

test('EXTENDED COPY(LID1): a reserved bit of the CDB is a wrong field', () => {
  const { units } = makeCopyScene();
  assertCheck(run(units[0] as LogicalUnit, '83 00 01 000000 00000000 00000000 00 00'), '05/24/00', '2.0');
});

test('EXTENDED COPY(LID1): a target that is not there, or that the nexus does not see, cannot be reached', async () => {
  const scene = makeCopyScene();
  const segment = blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 });
  const before = blocksOf(scene, 1, 0, 1);
  assert.equal(senseOf(await copy(scene, lid1List([cscd('3fffffffffffffff', 512), cscd(NAA[1], 4096)], [segment]))), {
    code: '0a/0d/02',
    specific: '00000000',
  });
  assert.is(senseOf(await copy(scene, lid1List(bothTargets, [segment]), maskedNexus)).code, '0a/0d/02');
  assert.is(senseOf(await copy(scene, lid1List([cscd(NAA[0], 512, { nul: true }), cscd(NAA[1], 4096)], [segment]))).code, '0a/0d/02');
  assert.is(senseOf(await copy(scene, lid1List([cscd(NAA[0], 512)], [segment]))).code, '0a/08/04');
  assertBytes(blocksOf(scene, 1, 0, 1), before);
});

test('EXTENDED COPY(LID1): a target of another kind is of the INCORRECT COPY TARGET DEVICE TYPE', async () => {
  const scene = makeCopyScene();
  const segment = blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 });
  const tape = cscd(NAA[1], 4096, { peripheralDeviceType: 1 });
  assert.is(senseOf(await copy(scene, lid1List([cscd(NAA[0], 512), tape], [segment]))).code, '0a/0d/03');
  assert.is(senseOf(await copy(scene, lid1List([cscd(NAA[0], 512), cscd(NAA[1], 512)], [segment]))).code, '0a/0d/03');
  const toStream = `00 00 0014 0000 0001 ${'00'.repeat(16)}`;
  const command = await copy(scene, lid1List(bothTargets, [toStream]));
  assert.is(senseOf(command).code, '0a/0d/03');
  // SENSE KEY SPECIFIC: byte 6 of the segment descriptor.
  assertBytes(command.sense.subarray(15, 18), Uint8Array.of(0xa0, 0x00, 0x06));
});

test('EXTENDED COPY(LID1): a range beyond the medium ends the copy at its segment', async () => {
  const scene = makeCopyScene();
  const good = blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 });
  const source = blocksOf(scene, 0, 0, 8);
  for (const bad of [
    { sourceLba: 2047, destinationLba: 0 },
    { sourceLba: 0, destinationLba: 256 },
    { sourceLba: 0, destinationLba: 2 ** 60 },
  ]) {
    const command = await copy(scene, lid1List(bothTargets, [good, blockSegment({ count: 8, ...bad })]));
    const { code, specific } = senseOf(command);
    assert.is(code, '0a/00/00');
    assert.is(specific.slice(4), '0001', 'segment 1');
    // The status and the sense data of the end that failed stand behind ours.
    const at = command.sense[8] || (command.sense[9] as number);
    assertBytes(command.sense.subarray(at, at + 4), Uint8Array.of(0x02, 0x70, 0x00, 0x05));
  }
  assertBytes(blocksOf(scene, 1, 0, 1), source);
});

test('EXTENDED COPY(LID1): what a device answers is passed on in descriptor sense', async () => {
  const scene = makeCopyScene({ readOnlyLun: 1 });
  const unit = scene.units[0] as LogicalUnit;
  unit.setCommandFlag(CommandFlag.descriptorSense, true);
  const { sense, senseLength } = await copy(scene, lid1List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 })]));
  assert.is(senseLength, (sense[7] as number) + 8);
  assertBytes(sense.subarray(0, 4), Uint8Array.of(0x72, 0x0a, 0x0d, 0x01));
  // After the command-specific information descriptor: forwarded sense data of the destination, CHECK CONDITION, DATA PROTECT.
  assertBytes(sense.subarray(20, 27), Uint8Array.of(0x0c, 0x14, 0x02, 0x02, 0x70, 0x00, 0x07));
});

test('EXTENDED COPY(LID1): a fault of the source is a THIRD PARTY DEVICE FAILURE with its sense data', async () => {
  const scene = makeCopyScene();
  if (scene.stores[0] !== undefined) scene.stores[0].fault = -1;
  const command = await copy(scene, lid1List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 })]));
  const { code, specific } = senseOf(command);
  assert.is(code, '0a/0d/01');
  assert.is(specific, '12000000', 'the area of the source begins at byte 18');
  assertBytes(command.sense.subarray(18, 22), Uint8Array.of(0x02, 0xf0, 0x00, 0x03));
});

test('EXTENDED COPY(LID1): a reservation of the destination by another nexus holds for copies', async () => {
  const scene = makeCopyScene();
  const before = blocksOf(scene, 1, 0, 1);
  assertGood(run(scene.units[1] as LogicalUnit, '16 00 00 00 00 00', { nexus: otherNexus }));
  const command = await copy(scene, lid1List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 })]));
  assert.is(senseOf(command).code, '0a/0d/01');
  assert.is(command.sense[command.sense[9] as number], ScsiStatus.reservationConflict);
  assertBytes(blocksOf(scene, 1, 0, 1), before);
});

test('EXTENDED COPY(LID1): an inexact segment needs CAT or PAD', async () => {
  const scene = makeCopyScene();
  const inexact = blockSegment({ count: 9, sourceLba: 0, destinationLba: 0 });
  assert.is(senseOf(await copy(scene, lid1List(bothTargets, [inexact]))).code, '0a/26/0a');
});

test('EXTENDED COPY(LID1): PAD of the destination fills its last block with zeros', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 0, 9);
  const padded = [cscd(NAA[0], 512), cscd(NAA[1], 4096, { pad: true })];
  assertGood(await copy(scene, lid1List(padded, [blockSegment({ count: 9, sourceLba: 0, destinationLba: 0 })])));
  assertBytes(blocksOf(scene, 1, 0, 2), Buffer.concat([source, new Uint8Array(7 * 512)]));
});

test('EXTENDED COPY(LID1): CAT keeps what is left for the next segment', async () => {
  const scene = makeCopyScene();
  const [first, second] = [blocksOf(scene, 0, 0, 9), blocksOf(scene, 0, 100, 7)];
  const segments = [
    blockSegment({ cat: true, count: 9, sourceLba: 0, destinationLba: 0 }),
    blockSegment({ cat: true, count: 7, sourceLba: 100, destinationLba: 9 }),
  ];
  assertGood(await copy(scene, lid1List(bothTargets, segments)));
  assertBytes(blocksOf(scene, 1, 0, 1), first.subarray(0, 4096));
  assertBytes(blocksOf(scene, 1, 9, 1), Buffer.concat([first.subarray(4096), second]));
});

test('EXTENDED COPY(LID1): CAT keeps what was read too much for the next segment', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 1, 0, 1);
  const targets = [cscd(NAA[1], 4096), cscd(NAA[0], 512)];
  const segments = [
    blockSegment({ cat: true, dc: true, count: 3, sourceLba: 0, destinationLba: 0 }),
    blockSegment({ cat: true, dc: true, count: 5, sourceLba: 200, destinationLba: 50 }),
  ];
  assertGood(await copy(scene, lid1List(targets, segments)));
  assertBytes(blocksOf(scene, 0, 0, 3), source.subarray(0, 3 * 512));
  assertBytes(blocksOf(scene, 0, 50, 5), source.subarray(3 * 512));
});

test('EXTENDED COPY(LID1): PAD of the source throws away what was read too much', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 1, 0, 1);
  const targets = [cscd(NAA[1], 4096, { pad: true }), cscd(NAA[0], 512)];
  const segments = [
    blockSegment({ dc: true, count: 3, sourceLba: 0, destinationLba: 0 }),
    blockSegment({ dc: true, count: 3, sourceLba: 0, destinationLba: 50 }),
  ];
  assertGood(await copy(scene, lid1List(targets, segments)));
  assertBytes(blocksOf(scene, 0, 0, 3), source.subarray(0, 3 * 512));
  assertBytes(blocksOf(scene, 0, 50, 3), source.subarray(0, 3 * 512));
});

test('EXTENDED COPY(LID1): a list identifier that is in use, and a copy too many, are refused', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const scene = makeCopyScene({ limits: { copyCountMax: 2 }, onCommand: () => held });
  const unit = scene.units[0] as LogicalUnit;
  const start = (listIdentifier: number) => {
    const list = lid1List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 })], { listIdentifier });
    const deferral = new TestDeferral();
    return { deferral, command: run(unit, copyOutCdb(LID1, list), { dataOut: list }, deferral) };
  };
  const first = start(1);
  assert.is(senseOf(start(1).command).code, '05/00/16');
  const second = start(2);
  assert.is(start(3).command.status, ScsiStatus.busy);
  release();
  await Promise.all([first.deferral.done, second.deferral.done]);
  assertGood(first.command);
  assert.is(scene.copies.runningCount, 0);
});

test('EXTENDED COPY(LID1): the task can be aborted between pieces, and nothing is written afterwards', async () => {
  const deferral = new TestDeferral();
  let commandCount = 0;
  const scene = makeCopyScene({
    limits: { copyPieceBytesMax: 64 * 1024, copyPieceCountMax: 1 },
    onCommand: () => {
      commandCount++;
      if (commandCount === 3) deferral.onAbort?.();
    },
  });
  const list = lid1List(bothTargets, [blockSegment({ count: 2048, sourceLba: 0, destinationLba: 0 })]);
  const command = run(scene.units[0] as LogicalUnit, copyOutCdb(LID1, list), { dataOut: list }, deferral);
  await deferral.done;
  assert.is(command.status, ScsiStatus.taskAborted);
  assert.is(commandCount, 4, 'the piece that was on its way is finished');
});

test('EXTENDED COPY(LID1): a logical unit reset stops its copies and forgets their results', async () => {
  const deferral = new TestDeferral();
  const scene = makeCopyScene({ limits: { copyPieceBytesMax: 64 * 1024 }, onCommand: () => (scene.units[0] as LogicalUnit).reset('logical-unit-reset') });
  const unit = scene.units[0] as LogicalUnit;
  const list = lid1List(bothTargets, [blockSegment({ count: 2048, sourceLba: 0, destinationLba: 0 })]);
  const command = run(unit, copyOutCdb(LID1, list), { dataOut: list }, deferral);
  await deferral.done;
  assert.is(command.status, ScsiStatus.taskAborted);
  assertCheck(run(unit, copyInCdb(0x00, 1)), '05/24/00', '2');
});

test('EXTENDED COPY(LID1): a unit that goes while the copy runs cannot be reached any more', async () => {
  const scene = makeCopyScene({
    limits: { copyPieceBytesMax: 64 * 1024, copyPieceCountMax: 1 },
    onCommand: (lun) => {
      if (lun === 1) scene.gone.add(1);
    },
  });
  const after = blocksOf(scene, 1, 16, 1);
  const [stayed, gone] = scene.units as [LogicalUnit, LogicalUnit];
  const command = await copy(scene, lid1List(bothTargets, [blockSegment({ count: 256, sourceLba: 0, destinationLba: 0 })]));
  assert.is(senseOf(command).code, '0a/0d/02');
  (scene.units as LogicalUnit[]).splice(0, 1, stayed, gone);
  assertBytes(blocksOf(scene, 1, 16, 1), after);
});

test('EXTENDED COPY(LID1): a mistake of ours ends the copy with INTERNAL TARGET FAILURE and is told', async () => {
  const defect = new TypeError('made by the test');
  const scene = makeCopyScene({
    onCommand: () => {
      throw defect;
    },
  });
  const command = await copy(scene, lid1List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 0 })]));
  assertCheck(command, '04/44/00');
  assert.equal(scene.defects, [defect]);
  assert.is(scene.copies.runningCount, 0);
});

test('EXTENDED COPY(LID4): copies as LID1 does', async () => {
  const scene = makeCopyScene();
  const source = blocksOf(scene, 0, 0, 8);
  assertGood(await copy(scene, lid4List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 7 })]), nexus, LID4));
  assertBytes(blocksOf(scene, 1, 7, 1), source);
});

test('EXTENDED COPY(LID4): the header is checked', async () => {
  const scene = makeCopyScene();
  const wrong = (at: number, value: number) => {
    const list = lid4List(bothTargets, []);
    list[at] = value;
    return list;
  };
  for (const [at, value] of [
    [0, 0],
    [1, 0x08],
    [3, 0x21],
    [15, 0x02],
    [16, 0],
  ] as const) {
    assert.is(senseOf(await copy(scene, wrong(at, value), nexus, LID4)).code, '05/26/00');
  }
  assert.is(senseOf(await copy(scene, lid4List([], []).subarray(0, 47), nexus, LID4)).code, '05/1a/00');
});

test('EXTENDED COPY(LID4): with IMMED the command ends when the copy has begun', async () => {
  const scene = makeCopyScene();
  const unit = scene.units[0] as LogicalUnit;
  const source = blocksOf(scene, 0, 0, 8);
  const list = lid4List(bothTargets, [blockSegment({ count: 8, sourceLba: 0, destinationLba: 7 })], { listIdentifier: 0xabcdef01, immed: true });
  const deferral = new TestDeferral();
  assertGood(run(unit, copyOutCdb(LID4, list), { dataOut: list }, deferral));
  assert.not.ok(deferral.isDeferred);
  assert.is(scene.copies.runningCount, 1);
  while (scene.copies.runningCount > 0) await new Promise(setImmediate);
  assertBytes(blocksOf(scene, 1, 7, 1), source);
});

test('COPY OPERATION ABORT: stops the copy and ends when it has stopped', async () => {
  let aborting: Promise<CommandSlot> | undefined;
  const abortCdb = `83 1c ${uint32(9)} 00000000 00000000 0000`;
  const scene = makeCopyScene({
    limits: { copyPieceBytesMax: 64 * 1024, copyPieceCountMax: 1 },
    onCommand: () => {
      aborting ??= runDeferred(scene.units[0] as LogicalUnit, abortCdb);
    },
  });
  const list = lid4List(bothTargets, [blockSegment({ count: 2048, sourceLba: 0, destinationLba: 0 })], { listIdentifier: 9 });
  const copying = copy(scene, list, nexus, LID4);
  assertGood(await (aborting as unknown as Promise<CommandSlot>));
  assert.is((await copying).status, ScsiStatus.taskAborted);
  assertCheck(run(scene.units[0] as LogicalUnit, abortCdb), '05/24/00', '2');
});

test('third-party copy commands: conflict with a reservation of another nexus', () => {
  const { units } = makeCopyScene();
  const unit = units[0] as LogicalUnit;
  assertGood(run(unit, '16 00 00 00 00 00', { nexus: otherNexus }));
  for (const row of unit.deviceType.commands.rows) {
    if (row.opcode !== THIRD_PARTY_COPY_OUT && row.opcode !== THIRD_PARTY_COPY_IN) continue;
    const cdb = `${row.opcode.toString(16)} ${(row.serviceAction as number).toString(16).padStart(2, '0')}${'00'.repeat(14)}`;
    assert.is(run(unit, cdb).status, ScsiStatus.reservationConflict, row.name);
  }
});

test.run();
