import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MediumRemoval, preventAllowMediumRemovalRow } from '../../../../engine/scsi/spc/medium-removal.js';
import { assertCheck, assertGood, dataInOf, makeCommand, makeUnit, nexus, otherNexus, run } from '../scsi-fixture.js';
import { Action, a, b, keyA, keyB, makeScene, out, register } from './reservations/reservation-scene.js';

const PREVENT = '1e 00 00 00 01 00';
const ALLOW = '1e 00 00 00 00 00';

test('PREVENT ALLOW MEDIUM REMOVAL: the medium stays in until all nexuses allow that it goes', () => {
  const unit = makeUnit({ removable: true });
  const removal = unit.part(MediumRemoval);
  assertGood(run(unit, PREVENT, { nexus }));
  assertGood(run(unit, PREVENT, { nexus }));
  assertGood(run(unit, PREVENT, { nexus: otherNexus }));
  assertGood(run(unit, ALLOW, { nexus }));
  assert.is(removal.isPrevented, true);
  assertGood(run(unit, ALLOW, { nexus: otherNexus }));
  assert.is(removal.isPrevented, false);
});

test('PREVENT ALLOW MEDIUM REMOVAL: it is over with the nexus, with a reset and with a preempted reservation', () => {
  const unit = makeUnit({ removable: true });
  const removal = unit.part(MediumRemoval);
  const ends: (() => void)[] = [() => unit.loseNexus(nexus), () => unit.reset('logical-unit-reset'), () => removal.allow(nexus.id)];
  for (const end of ends) {
    assertGood(run(unit, PREVENT));
    assert.is(removal.isPrevented, true);
    end();
    assert.is(removal.isPrevented, false);
  }
});

test('PREVENT ALLOW MEDIUM REMOVAL: what a nexus prevented is over when it is preempted and its tasks are aborted', () => {
  for (const [action, isOver] of [
    [Action.preemptAndAbort, true],
    [Action.preempt, false],
  ] as const) {
    const unit = makeScene();
    const removal = unit.part(MediumRemoval);
    register(unit, [a, keyA], [b, keyB]);
    assertGood(run(unit, PREVENT, { nexus: a }));
    assertGood(out(unit, b, action, keyB, keyA));
    assert.is(removal.isPrevented, !isOver);
  }
});

test('PREVENT ALLOW MEDIUM REMOVAL: works without a medium, and knows no obsolete values', () => {
  const unit = makeUnit({ removable: true, hasMedium: false });
  assertGood(run(unit, PREVENT));
  assertCheck(run(unit, '1e 00 00 00 02 00'), '05/24/00', '4.1');
  assertCheck(run(unit, '1e 00 00 00 03 00'), '05/24/00', '4.1');
});

test('PREVENT ALLOW MEDIUM REMOVAL: to prevent conflicts with a reservation of another nexus, to allow never does', () => {
  const classOf = (cdb: string) => (preventAllowMediumRemovalRow.reservation as (command: ReturnType<typeof makeCommand>) => string)(makeCommand(cdb));
  assert.is(classOf(PREVENT), 'write');
  assert.is(classOf(ALLOW), 'always');
});

test('INQUIRY: RMB says whether the medium can be removed', () => {
  const rmbOf = (removable: boolean) => dataInOf(run(makeUnit({ removable }), '12 00 00 00 60 00'))[1];
  assert.is(rmbOf(true), 0x80);
  assert.is(rmbOf(false), 0x00);
});

test.run();
