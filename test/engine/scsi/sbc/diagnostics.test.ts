import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { disk } from '../../../../engine/scsi/sbc/disk.js';
import { Asc, SenseKey, writeFixedSense } from '../../../../engine/scsi/sense.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { makeBackgroundUnit } from '../background-fixture.js';
import { turn } from '../internal-io.js';
import { assertCheck, assertData, assertGood, dataInOf, makeUnit, run, runDeferred, TestDeferral } from '../scsi-fixture.js';

const DEFAULT_TEST = '1d 04 00 00 00 00';

test('SEND DIAGNOSTIC: the default self-test reads places all over the medium', async () => {
  const { unit, store } = makeBackgroundUnit({ blockCount: 100_000 });
  assertGood(await runDeferred(unit, DEFAULT_TEST));
  const positions = store.calls.filter(({ call }) => call === 'read').map(({ positionBytes }) => positionBytes);
  assert.is(positions.length, 16);
  assert.ok((positions.at(-1) as number) > 0.9 * store.sizeBytes);
});

test('SEND DIAGNOSTIC: a foreground extended self-test reads all, and a fault fails it', async () => {
  const { unit, store } = makeBackgroundUnit();
  assertGood(await runDeferred(unit, '1d c0 00 00 00 00'));
  assert.is(
    store.calls.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    store.sizeBytes,
  );
  store.fault = StoreFault.io;
  store.readFaultFromBytes = store.sizeBytes - 1;
  assertCheck(await runDeferred(unit, '1d c0 00 00 00 00'), '04/3e/03');
  // A short one does not come to that place.
  assertGood(await runDeferred(unit, '1d a0 00 00 00 00'));
});

test('SEND DIAGNOSTIC: a background self-test tells its progress, lets commands pass, and can be aborted', async () => {
  for (const start of ['1d 20 00 00 00 00', '1d 40 00 00 00 00']) {
    const { unit, io } = makeBackgroundUnit();
    io.hold();
    assertGood(run(unit, start));
    assertGood(run(unit, '00'));
    const sense = dataInOf(run(unit, '03 00 00 00 fc 00'));
    assert.equal([sense[2], sense[12], sense[13], sense[15]], [0x02, 0x04, 0x09, 0x80]);
    assertCheck(run(unit, start), '02/04/09');
    assertGood(run(unit, '1d 80 00 00 00 00'));
    await turn();
    await io.release();
    assert.is(dataInOf(run(unit, '03 00 00 00 fc 00'))[2], 0x00);
    assertCheck(run(unit, '1d 80 00 00 00 00'), '05/24/00', '1.7');
  }
});

test('SEND DIAGNOSTIC: a block whose protection information does not fit it can be read, and fails no self-test', async () => {
  const ended = (key: SenseKey, asc: number) => {
    const sense = new Uint8Array(32);
    writeFixedSense(sense, key, asc);
    const execute = async () => ({ status: ScsiStatus.checkCondition, sense, dataIn: new Uint8Array(0) });
    return makeUnit({ host: { io: { ...soleUnitHost.io, execute } } });
  };
  assertGood(await runDeferred(ended(SenseKey.abortedCommand, 0x1001), DEFAULT_TEST));
  assertCheck(await runDeferred(ended(SenseKey.mediumError, Asc.unrecoveredReadError), DEFAULT_TEST), '04/3e/03');
});

test('SEND DIAGNOSTIC: an abort ends a foreground self-test', async () => {
  const { unit, io } = makeBackgroundUnit();
  io.hold();
  const deferral = new TestDeferral();
  run(unit, '1d c0 00 00 00 00', {}, deferral);
  await turn();
  deferral.onAbort?.();
  await deferral.done;
  await io.release();
  assert.ok(io.opcodes.length < 4);
});

test('SEND DIAGNOSTIC: parameter lists and codes that contradict each other are refused', () => {
  const { unit } = makeBackgroundUnit();
  assertGood(run(unit, '1d 00 00 00 00 00'));
  assertGood(run(unit, '1d 10 00 00 00 00'));
  assertCheck(run(unit, '1d 00 00 00 04 00', { dataOut: new Uint8Array(4) }), '05/24/00', '3');
  assertCheck(run(unit, '1d 24 00 00 00 00'), '05/24/00', '1.7');
  for (const code of ['60', 'e0']) assertCheck(run(unit, `1d ${code} 00 00 00 00`), '05/24/00', '1.7');
  assertCheck(run(unit, '1d 14 00 00 00 00'), '05/24/00', '1.4');
});

test('SEND DIAGNOSTIC: the page that asks for the supported pages is taken, and no other', () => {
  const unit = makeUnit();
  const send = (...page: number[]) => run(unit, `1d 10 00 00 0${page.length} 00`, { dataOut: Uint8Array.from(page) });
  assertGood(send(0x00, 0x00, 0x00, 0x00));
  assertCheck(send(0x40, 0x00, 0x00, 0x00), '05/26/00');
  assertCheck(send(0x00, 0x00, 0x00, 0x01, 0x00), '05/26/00');
  assertCheck(send(0x00, 0x00, 0x00, 0x00, 0x00), '05/1a/00');
  assertCheck(send(0x00, 0x00, 0x00), '05/1a/00');
});

test('RECEIVE DIAGNOSTIC RESULTS: lists the one page that there is', () => {
  assertData(run(makeUnit(), '1c 01 00 00 10 00'), '00 00 00 01 00');
  assertData(run(makeUnit(), '1c 00 00 00 03 00'), '00 00 00');
  assertCheck(run(makeUnit(), '1c 01 3f 00 10 00'), '05/24/00', '2');
});

test('SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS: conflict with a reservation of another nexus', () => {
  assert.is(disk.commands.findNamed(0x1d)?.reservation, 'write');
  assert.is(disk.commands.findNamed(0x1c)?.reservation, 'read');
});

test.run();
