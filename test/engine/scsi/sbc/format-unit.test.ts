import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { disk } from '../../../../engine/scsi/sbc/disk.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { LARGE_BLOCK_COUNT, makeBackgroundUnit } from '../background-fixture.js';
import { turn } from '../internal-io.js';
import { assertCheck, assertGood, BLOCK, dataInOf, run, runDeferred, TestDeferral } from '../scsi-fixture.js';

const FORMAT = '04 00 00 00 00 00';
const WITH_LIST = '04 10 00 00 00 00';
const WITH_LONG_LIST = '04 30 00 00 00 00';
const IMMED = 0x02;
const FOV = 0x80;
const IP = 0x08;

function list(...bytes: number[]): { dataOut: Uint8Array } {
  return { dataOut: Uint8Array.from(bytes) };
}

test('FORMAT UNIT: all blocks read zeros afterwards, on stable storage', async () => {
  const { unit, store, state } = makeBackgroundUnit();
  assertGood(await runDeferred(unit, FORMAT));
  assert.ok(store.bytes.every((byte) => byte === 0));
  assert.is(store.calls.at(-1)?.call, 'flush');
  assert.is(state.sections.size, 0);
  assertGood(run(unit, '00'));
});

test('FORMAT UNIT: an initialization pattern fills each block anew', async () => {
  const { unit, store } = makeBackgroundUnit({ blockCount: 20 });
  assertGood(await runDeferred(unit, WITH_LIST, list(0, FOV | IP, 0, 0, 0, 1, 0, 3, 1, 2, 3)));
  assert.ok(store.bytes.every((byte, at) => byte === 1 + ((at % BLOCK) % 3)));
  assertGood(await runDeferred(unit, WITH_LONG_LIST, list(0, FOV | IP, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0)));
  assert.ok(store.bytes.every((byte) => byte === 0));
});

test('FORMAT UNIT: with IMMED it goes on in the background, and the unit is not ready and tells how far it is', async () => {
  const { unit, io } = makeBackgroundUnit();
  io.hold();
  assertGood(await runDeferred(unit, WITH_LIST, list(0, IMMED, 0, 0)));
  await io.step();
  assertCheck(run(unit, '00'), '02/04/04');
  assertCheck(run(unit, '28 00 00 00 00 00 00 00 01 00'), '02/04/04');
  assertCheck(run(unit, FORMAT), '02/04/04');
  assertGood(run(unit, '12 00 00 00 60 00'));
  const sense = dataInOf(run(unit, '03 00 00 00 fc 00'));
  assert.equal([sense[2], sense[12], sense[13], sense[15]], [0x02, 0x04, 0x04, 0x80]);
  const progress = Buffer.from(sense).readUInt16BE(16) / 0x10000;
  assert.ok(Math.abs(progress - 8192 / LARGE_BLOCK_COUNT) < 0.001, `progress ${progress}`);
  await io.release();
  assertGood(run(unit, '00'));
});

test('FORMAT UNIT: a reset interrupts it, and the medium is corrupt until another one is done', async () => {
  const { unit, io, state } = makeBackgroundUnit();
  io.hold();
  assertGood(await runDeferred(unit, WITH_LIST, list(0, IMMED, 0, 0)));
  unit.reset('logical-unit-reset');
  await turn();
  await io.release();
  assertCheck(run(unit, '00'), '03/31/00');
  assertCheck(run(unit, '28 00 00 00 00 00 00 00 01 00'), '03/31/00');
  assertGood(run(unit, '25 00 00 00 00 00 00 00 00 00'));
  assert.is(state.sections.has('format'), true);
  assertGood(await runDeferred(unit, FORMAT));
  assertGood(run(unit, '00'));
  assert.is(state.sections.size, 0);
});

test('FORMAT UNIT: the end of the process leaves a corrupt medium; a sanitize makes it whole as well', async () => {
  const first = makeBackgroundUnit();
  first.io.hold();
  assertGood(await runDeferred(first.unit, WITH_LIST, list(0, IMMED, 0, 0)));
  const second = makeBackgroundUnit({ store: first.store, state: first.state });
  assertCheck(run(second.unit, '00'), '03/31/00');
  assertGood(await runDeferred(second.unit, '48 02 00 00 00 00 00 00 00 00'));
  assertGood(run(second.unit, '00'));
  assert.is(first.state.sections.size, 0);
});

test('FORMAT UNIT: while a sanitize makes good what an interrupted one left, the sanitize is what is told of, and the last that is forgotten', async () => {
  const { unit, io, state } = makeBackgroundUnit();
  io.hold();
  assertGood(await runDeferred(unit, WITH_LIST, list(0, IMMED, 0, 0)));
  unit.reset('logical-unit-reset');
  await turn();
  await io.release();
  io.hold();
  assertGood(await runDeferred(unit, '48 82 00 00 00 00 00 00 00 00'));
  assertCheck(run(unit, '28 00 00 00 00 00 00 00 01 00'), '02/04/1b');
  const sense = dataInOf(run(unit, '03 00 00 00 fc 00'));
  assert.equal([sense[2], sense[12], sense[13]], [0x02, 0x04, 0x1b]);
  const forgotten: string[] = [];
  const save = state.save.bind(state);
  state.save = (section, value) => {
    if (value === null) forgotten.push(section);
    return save(section, value);
  };
  await io.release();
  assertGood(run(unit, '00'));
  assert.equal(forgotten, ['format', 'sanitize']);
});

test('FORMAT UNIT: who aborts the command stops the format', async () => {
  const { unit, io } = makeBackgroundUnit();
  io.hold();
  const deferral = new TestDeferral();
  run(unit, FORMAT, {}, deferral);
  await turn();
  deferral.onAbort?.();
  await deferral.done;
  await io.release();
  assertCheck(run(unit, '00'), '03/31/00');
});

test('FORMAT UNIT: a fault of the medium ends it', async () => {
  const { unit, store } = makeBackgroundUnit();
  store.fault = StoreFault.io;
  assertCheck(await runDeferred(unit, FORMAT), '03/31/01');
  assertCheck(run(unit, '00'), '03/31/00');
});

test('FORMAT UNIT: it does not begin when it cannot be kept that it has', async () => {
  const { unit, store, state } = makeBackgroundUnit();
  state.fails = true;
  assertCheck(await runDeferred(unit, FORMAT), '04/44/00');
  assert.is(store.calls.length, 0);
  assertGood(run(unit, '00'));
});

test('FORMAT UNIT: fields that ask for what is not there are refused', () => {
  const { unit } = makeBackgroundUnit();
  assertCheck(run(unit, '04 01 00 00 00 00'), '05/24/00', '1.2');
  assertCheck(run(unit, '04 16 00 00 00 00'), '05/24/00', '1.2');
  // Protection information that the unit was not made with.
  for (const flags of ['40', '80', 'c0']) assertCheck(run(unit, `04 ${flags} 00 00 00 00`), '05/24/00', '1.7');
  const refused: [string, string, number[]][] = [
    ['a protection field usage without protection', WITH_LIST, [1, 0, 0, 0]],
    ['options that are said not to be valid', WITH_LIST, [0, 0x20, 0, 0]],
    ['an obsolete bit', WITH_LIST, [0, 0x04, 0, 0]],
    ['a defect', WITH_LIST, [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['a defect of a long list', WITH_LONG_LIST, [0, 0, 0, 0, 0, 0, 0, 8]],
    ['a protection interval', WITH_LONG_LIST, [0, 0, 0, 1, 0, 0, 0, 0]],
    ['an unknown pattern type', WITH_LIST, [0, FOV | IP, 0, 0, 0, 2, 0, 1, 0]],
    ['a default pattern with a length', WITH_LIST, [0, FOV | IP, 0, 0, 0, 0, 0, 1, 0]],
    ['an empty pattern', WITH_LIST, [0, FOV | IP, 0, 0, 0, 1, 0, 0]],
  ];
  for (const [what, cdb, bytes] of refused) {
    const command = run(unit, cdb, list(...bytes));
    assert.equal([command.sense[2], command.sense[12], command.sense[13]], [0x05, 0x26, 0x00], what);
  }
  for (const [cdb, bytes] of [
    [WITH_LIST, [0, 0]],
    [WITH_LONG_LIST, [0, 0, 0, 0]],
    [WITH_LIST, [0, FOV | IP, 0, 0, 0, 1, 0, 9, 1]],
  ] as const) {
    assertCheck(run(unit, cdb, list(...bytes)), '05/1a/00');
  }
});

test('FORMAT UNIT: a write-protected medium is not formatted, and a reservation of another nexus refuses it as a write', () => {
  assertCheck(run(makeBackgroundUnit({ readOnly: true }).unit, FORMAT), '07/27/00');
  assert.is(disk.commands.findNamed(0x04)?.reservation, 'write');
});

test.run();
