import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startStopUnitRow } from '../../../../engine/scsi/sbc/start-stop-unit.js';
import { StoreFault } from '../../../../engine/store/store.js';
import { makeBackgroundUnit } from '../background-fixture.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, dataInOf, makeCommand, nexus, otherNexus, run, runDeferred, TestDeferral } from '../scsi-fixture.js';

const START = '1b 00 00 00 01 00';
const STOP = '1b 00 00 00 00 00';
const EJECT = '1b 00 00 00 02 00';
const LOAD = '1b 00 00 00 03 00';
const PREVENT = '1e 00 00 00 01 00';
const READ = '28 00 00 00 00 00 00 00 01 00';

function polledAsc(unit: ReturnType<typeof makeBackgroundUnit>['unit']): string {
  const sense = dataInOf(run(unit, '03 00 00 00 fc 00'));
  return [sense[2], sense[12], sense[13]].map((byte) => (byte as number).toString(16).padStart(2, '0')).join('/');
}

test('START STOP UNIT: STOP makes the unit not ready, START ready again', async () => {
  const { unit } = makeBackgroundUnit();
  assertGood(await runDeferred(unit, STOP));
  assertCheck(run(unit, '00'), '02/04/02');
  assert.is(polledAsc(unit), '02/04/02');
  assertGood(run(unit, '1b 01 00 00 01 00'));
  assertGood(run(unit, '00'));
});

test('START STOP UNIT: STOP writes the cache first unless NO_FLUSH is set', async () => {
  const store = new MemoryStore(BLOCK);
  const { unit } = makeBackgroundUnit({ store });
  assertGood(run(unit, '1b 00 00 00 04 00'));
  assert.is(store.calls.length, 0);
  assertGood(await runDeferred(unit, STOP));
  assert.equal(
    store.calls.map(({ call }) => call),
    ['flush'],
  );
});

test('START STOP UNIT: nothing is written behind the flush of a STOP', async () => {
  const { unit } = makeBackgroundUnit();
  const deferral = new TestDeferral();
  run(unit, STOP, {}, deferral);
  assert.ok(deferral.isDeferred, 'the flush is not done yet');
  assertCheck(run(unit, READ), '02/04/02');
  await deferral.done;
});

test('START STOP UNIT: a unit whose cache cannot be written does not stop', async () => {
  const { unit, store } = makeBackgroundUnit();
  store.fault = StoreFault.io;
  assertCheck(await runDeferred(unit, STOP), '03/0c/00');
  assert.is(unit.stopped, false);
});

test('START STOP UNIT: LOEJ needs a removable medium', () => {
  const { unit } = makeBackgroundUnit();
  assertCheck(run(unit, EJECT), '05/24/00', '4.1');
  assertCheck(run(unit, LOAD), '05/24/00', '4.1');
});

test('START STOP UNIT: an ejected medium is not there until it is loaded', async () => {
  const { unit, store } = makeBackgroundUnit({ removable: true });
  assertGood(await runDeferred(unit, EJECT));
  assert.is(store.calls.at(-1)?.call, 'flush');
  for (const refused of ['00', READ, '25', '35', '9e 10', '2a 00 00 00 00 00 00 00 01 00']) assertCheck(run(unit, refused), '02/3a/00');
  assert.is(polledAsc(unit), '02/3a/00');
  // To take out what is out changes nothing.
  assertGood(run(unit, EJECT));
  unit.reset('logical-unit-reset');
  assertCheck(run(unit, '00'), '02/3a/00');
  assertGood(run(unit, LOAD));
  assertGood(run(unit, '00'));
  assertGood(run(unit, READ));
});

test('START STOP UNIT: who loads a medium knows it, all others are told that it may have changed', async () => {
  const { unit } = makeBackgroundUnit({ removable: true });
  assertGood(await runDeferred(unit, EJECT));
  assertGood(run(unit, LOAD));
  assertGood(run(unit, '00', { nexus }));
  assertCheck(run(unit, '00', { nexus: otherNexus }), '06/28/00');
  assertGood(run(unit, '00', { nexus: otherNexus }));
  // A medium that is in is not loaded again.
  assertGood(run(unit, LOAD));
  assertGood(run(unit, '00', { nexus: otherNexus }));
});

test('START STOP UNIT: a medium that was taken out otherwise can be loaded all the same', () => {
  const { unit } = makeBackgroundUnit({ removable: true });
  unit.changeMedium(null);
  assertGood(run(unit, LOAD));
  assertGood(run(unit, READ));
});

test('START STOP UNIT: nothing is ejected or loaded while a nexus prevents it', async () => {
  const { unit } = makeBackgroundUnit({ removable: true });
  assertGood(run(unit, PREVENT, { nexus: otherNexus }));
  assertCheck(run(unit, EJECT), '05/53/02');
  assertCheck(run(unit, LOAD), '05/53/02');
  assertGood(run(unit, READ));
  assertGood(run(unit, '1e 00 00 00 00 00', { nexus: otherNexus }));
  assertGood(await runDeferred(unit, EJECT));
});

test('START STOP UNIT: a low power condition is told to those who ask, and ends when the medium is wanted', async () => {
  const conditions: [string, string][] = [
    ['1b 00 00 00 20 00', '00/5e/03'],
    ['1b 00 00 01 20 00', '00/5e/06'],
    ['1b 00 00 02 20 00', '00/5e/08'],
    ['1b 00 00 00 30 00', '00/5e/04'],
    ['1b 00 00 01 30 00', '00/5e/0a'],
    ['1b 00 00 00 a0 00', '00/5e/01'],
    ['1b 00 00 01 a0 00', '00/5e/05'],
    ['1b 00 00 02 a0 00', '00/5e/07'],
    ['1b 00 00 00 b0 00', '00/5e/02'],
    ['1b 00 00 01 b0 00', '00/5e/09'],
  ];
  for (const [cdb, sense] of conditions) {
    const { unit } = makeBackgroundUnit();
    assertGood(await runDeferred(unit, cdb));
    assert.is(polledAsc(unit), sense, cdb);
    assertGood(run(unit, '00'));
    assert.is(polledAsc(unit), sense, 'TEST UNIT READY wakes nothing');
    assertGood(run(unit, READ));
    assert.is(polledAsc(unit), '00/00/00');
    assert.is(unit.gates.length, 0, 'an active unit pays nothing');
  }
});

test('START STOP UNIT: START, ACTIVE and a reset end a low power condition, LU_CONTROL changes none', async () => {
  const { unit } = makeBackgroundUnit();
  const idle = () => run(unit, '1b 00 00 00 20 00');
  for (const cdb of [START, '1b 00 00 00 10 00']) {
    assertGood(idle());
    assertGood(run(unit, cdb));
    assert.is(polledAsc(unit), '00/00/00');
  }
  assertGood(idle());
  assertGood(run(unit, '1b 00 00 00 70 00'));
  assert.is(polledAsc(unit), '00/5e/03');
  unit.reset('logical-unit-reset');
  assert.is(polledAsc(unit), '00/00/00');
  // From stopped to idle: the unit can be used again.
  assertGood(await runDeferred(unit, STOP));
  assertGood(idle());
  assertGood(run(unit, READ));
});

test('START STOP UNIT: a power condition leaves the medium where it is, whatever LOEJ and START say', async () => {
  const { unit } = makeBackgroundUnit({ removable: true });
  for (let condition = 0x1; condition <= 0xf; condition++) {
    assertGood(await runDeferred(unit, `1b 01 00 00 ${condition.toString(16)}2 00`));
    assertGood(run(unit, '00'));
  }
});

test('START STOP UNIT: a drive for removable media that is stopped starts when its medium is wanted', async () => {
  const { unit, store } = makeBackgroundUnit({ removable: true });
  assertGood(await runDeferred(unit, STOP));
  assert.is(store.calls.at(-1)?.call, 'flush');
  assert.is(polledAsc(unit), '00/5e/04');
  assertGood(run(unit, '00'));
  assertGood(run(unit, READ));
  assert.is(polledAsc(unit), '00/00/00');
});

test('START STOP UNIT: power conditions and modifiers that are not there are refused', () => {
  const { unit } = makeBackgroundUnit();
  for (const condition of ['4', '5', '6', '8', '9', 'c', 'd', 'e', 'f']) assertCheck(run(unit, `1b 00 00 00 ${condition}0 00`), '05/24/00', '4.7');
  for (const cdb of ['1b 00 00 01 10 00', '1b 00 00 03 20 00', '1b 00 00 02 30 00', '1b 00 00 01 70 00', '1b 00 00 03 a0 00', '1b 00 00 02 b0 00']) {
    assertCheck(run(unit, cdb), '05/24/00', '3.3');
  }
});

test('START STOP UNIT: only a plain START is allowed in the presence of a reservation', () => {
  const classOf = (cdb: string) => (startStopUnitRow.reservation as (command: ReturnType<typeof makeCommand>) => string)(makeCommand(cdb));
  assert.is(classOf(START), 'always');
  for (const cdb of [STOP, EJECT, '1b 00 00 00 21 00']) assert.is(classOf(cdb), 'write');
});

test.run();
