import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CopyManager } from '../../../../../engine/scsi/copy/copy-manager.js';
import type { ITNexus } from '../../../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../../../engine/scsi/logical-unit.js';
import { ControlMode, controlModeDefaults } from '../../../../../engine/scsi/spc/control-mode.js';
import { soleUnitHost } from '../../../../../engine/scsi/unit-host.js';
import { assertCheck, makeCommand, TestDeferral } from '../../scsi-fixture.js';
import {
  Action,
  a,
  assertAttentions,
  b,
  c,
  conflicts,
  generationOf,
  good,
  keyA,
  keyB,
  keyC,
  keysOf,
  makeScene,
  out,
  outLater,
  register,
  reservationOf,
  reserve,
} from './reservation-scene.js';

const TYPES = [1, 3, 5, 6, 7, 8];
const isForAll = (type: number) => type >= 7;

function threeRegistrants(type: number | null): LogicalUnit {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB], [c, keyC]);
  if (type !== null) reserve(unit, a, keyA, type);
  return unit;
}

test('PERSISTENT RESERVE OUT (RESERVE): a registrant reserves with each type, and nobody else', () => {
  for (const type of TYPES) {
    const unit = makeScene();
    register(unit, [a, keyA]);
    conflicts(out(unit, b, Action.reserve, 0n, 0n, { type }));
    conflicts(out(unit, a, Action.reserve, keyB, 0n, { type }));
    reserve(unit, a, keyA, type);
    assert.is(reservationOf(unit), `${isForAll(type) ? '0' : 'a1'}/${type}`);
    assert.is(generationOf(unit), 1, 'RESERVE changes no registration');
  }
});

test('PERSISTENT RESERVE OUT (RESERVE): the holder may reserve again as it did, and not otherwise', () => {
  for (const type of TYPES) {
    const unit = threeRegistrants(type);
    good(out(unit, a, Action.reserve, keyA, 0n, { type }));
    for (const other of TYPES.filter((each) => each !== type)) conflicts(out(unit, a, Action.reserve, keyA, 0n, { type: other }));
    const again = out(unit, b, Action.reserve, keyB, 0n, { type });
    if (isForAll(type)) good(again);
    else conflicts(again);
  }
});

test('PERSISTENT RESERVE OUT (RESERVE): other scopes and types are INVALID FIELD IN CDB', () => {
  const unit = threeRegistrants(null);
  for (const type of [0, 2, 4, 9, 15]) assertCheck(out(unit, a, Action.reserve, keyA, 0n, { type }), '05/24/00', '2.3');
  assertCheck(out(unit, a, Action.reserve, keyA, 0n, { type: 1, scope: 1 }), '05/24/00', '2.7');
  assert.is(reservationOf(unit), null);
});

test('PERSISTENT RESERVE OUT (RELEASE): the holder releases; registrants learn of it unless the type was for the holder alone', () => {
  for (const type of TYPES) {
    const unit = threeRegistrants(type);
    good(out(unit, a, Action.release, keyA, 0n, { type }));
    assertAttentions(unit, type < 5 ? {} : { b: ['2a04'], c: ['2a04'] });
    assert.is(reservationOf(unit), null);
    assert.is(unit.gates.length, makeScene().gates.length, 'nothing is asked any more');
    assert.is(generationOf(unit), 3);
  }
});

test('PERSISTENT RESERVE OUT (RELEASE): NUAR keeps the unit attention away', () => {
  const unit = threeRegistrants(5);
  unit.part(ControlMode).set({ ...controlModeDefaults, noAttentionOnRelease: true });
  good(out(unit, a, Action.release, keyA, 0n, { type: 5 }));
  assertAttentions(unit, {});
});

test('PERSISTENT RESERVE OUT (PREEMPT): NUAR is about RELEASE only, so that another type is told all the same', () => {
  const unit = threeRegistrants(5);
  unit.part(ControlMode).set({ ...controlModeDefaults, noAttentionOnRelease: true });
  good(out(unit, b, Action.preempt, keyB, keyA, { type: 6 }));
  assertAttentions(unit, { a: ['2a05'], c: ['2a04'] });
});

test('PERSISTENT RESERVE OUT (RELEASE): who is no holder is told GOOD and releases nothing', () => {
  const unit = threeRegistrants(1);
  good(out(unit, b, Action.release, keyB, 0n, { type: 1 }));
  good(out(unit, b, Action.release, keyB, 0n, { type: 3 }));
  conflicts(out(unit, b, Action.release, keyA, 0n, { type: 1 }));
  assert.is(reservationOf(unit), 'a1/1');
  good(out(threeRegistrants(null), b, Action.release, keyB, 0n, { type: 1 }));
});

test('PERSISTENT RESERVE OUT (RELEASE): another type or scope is INVALID RELEASE OF PERSISTENT RESERVATION', () => {
  const unit = threeRegistrants(5);
  assertCheck(out(unit, a, Action.release, keyA, 0n, { type: 6 }), '05/26/04');
  assertCheck(out(unit, a, Action.release, keyA, 0n, { type: 5, scope: 2 }), '05/26/04');
  assert.is(reservationOf(unit), 'a1/5');
});

test('PERSISTENT RESERVE OUT (CLEAR): a registrant takes all registrations and the reservation away, and the others learn of it', () => {
  const unit = threeRegistrants(3);
  conflicts(out(unit, b, Action.clear, keyA));
  good(out(unit, b, Action.clear, keyB));
  assertAttentions(unit, { a: ['2a03'], c: ['2a03'] });
  assert.equal(keysOf(unit), []);
  assert.is(reservationOf(unit), null);
  assert.is(generationOf(unit), 4);
  conflicts(out(unit, b, Action.clear, keyB));
});

test('PERSISTENT RESERVE OUT (PREEMPT): with the key of the holder it takes the reservation over', () => {
  for (const type of [1, 3, 5, 6]) {
    const unit = threeRegistrants(type);
    good(out(unit, b, Action.preempt, keyB, keyA, { type }));
    assertAttentions(unit, { a: ['2a05'] });
    assert.equal(keysOf(unit), [keyB, keyC]);
    assert.is(reservationOf(unit), `b2/${type}`);
    assert.is(generationOf(unit), 4);
  }
});

test('PERSISTENT RESERVE OUT (PREEMPT): who stays registered learns of another type', () => {
  const unit = threeRegistrants(1);
  good(out(unit, b, Action.preempt, keyB, keyA, { type: 6 }));
  assertAttentions(unit, { a: ['2a05'], c: ['2a04'] });
  assert.is(reservationOf(unit), 'b2/6');
});

test('PERSISTENT RESERVE OUT (PREEMPT): with another key it takes registrations away, and looks at no scope and type', () => {
  for (const type of [null, ...TYPES]) {
    const unit = threeRegistrants(type);
    const before = reservationOf(unit);
    good(out(unit, b, Action.preempt, keyB, keyC, { type: 0, scope: 5 }));
    assertAttentions(unit, { c: ['2a05'] });
    assert.equal(keysOf(unit), [keyA, keyB]);
    assert.is(reservationOf(unit), before);
  }
});

test('PERSISTENT RESERVE OUT (PREEMPT): all registrations with the key go, the one that asks too unless it takes over', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB], [c, keyB]);
  good(out(unit, b, Action.preempt, keyB, keyB, { type: 1 }));
  assertAttentions(unit, { c: ['2a05'] });
  assert.equal(keysOf(unit), [keyA]);
  const held = makeScene();
  register(held, [a, keyA], [b, keyB], [c, keyB]);
  reserve(held, b, keyB, 1);
  good(out(held, b, Action.preempt, keyB, keyB, { type: 3 }));
  assertAttentions(held, { a: ['2a04'], c: ['2a05'] });
  assert.equal(keysOf(held), [keyA, keyB]);
  assert.is(reservationOf(held), 'b2/3');
});

test('PERSISTENT RESERVE OUT (PREEMPT): key 0 takes all of an "all registrants" reservation, and no other', () => {
  for (const type of [7, 8]) {
    const unit = threeRegistrants(type);
    good(out(unit, b, Action.preempt, keyB, 0n, { type: 1 }));
    assertAttentions(unit, { a: ['2a05'], c: ['2a05'] });
    assert.equal(keysOf(unit), [keyB]);
    assert.is(reservationOf(unit), 'b2/1');
  }
  for (const type of [null, 1, 3, 5, 6]) {
    const unit = threeRegistrants(type);
    assertCheck(out(unit, b, Action.preempt, keyB, 0n, { type: 1 }), '05/26/00');
    assert.is(keysOf(unit).length, 3);
  }
});

test('PERSISTENT RESERVE OUT (PREEMPT): an "all registrants" reservation ends with its last registrant', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyA]);
  reserve(unit, a, keyA, 7);
  good(out(unit, a, Action.preempt, keyA, keyA, { type: 7 }));
  assert.equal(keysOf(unit), []);
  assert.is(reservationOf(unit), null);
  assertAttentions(unit, { b: ['2a05'] });
});

test('PERSISTENT RESERVE OUT (PREEMPT): strangers, wrong keys and keys that nobody has conflict', () => {
  const unit = threeRegistrants(1);
  conflicts(out(unit, b, Action.preempt, keyA, keyA, { type: 1 }));
  conflicts(out(unit, b, Action.preempt, keyB, 0x99n, { type: 1 }));
  good(out(unit, c, Action.register, keyC, 0n));
  conflicts(out(unit, c, Action.preempt, 0n, keyA, { type: 1 }));
  assertCheck(out(unit, b, Action.preempt, keyB, keyA, { type: 2 }), '05/24/00', '2.3');
  assert.is(reservationOf(unit), 'a1/1');
});

interface Aborts {
  readonly concerned: string[];
  finish: () => void;
}

/** A unit whose task set has a task of each of them. */
function withTasks(tasks: readonly ITNexus[]): { unit: LogicalUnit; aborts: Aborts } {
  const aborts: Aborts = { concerned: [], finish: () => {} };
  const unit = makeScene({
    tasks: {
      ...soleUnitHost.tasks,
      abort(concerns, except, done) {
        assert.ok(except !== null, 'the command does not stop itself');
        aborts.concerned.push(...tasks.filter((nexus) => concerns(nexus, true)).map(({ initiatorPortName }) => initiatorPortName));
        aborts.finish = done;
      },
    },
  });
  return { unit, aborts };
}

test('PERSISTENT RESERVE OUT (PREEMPT AND ABORT): stops the tasks of whom it preempts, ends after them and says whose', async () => {
  const { unit, aborts } = withTasks([a, b, c]);
  register(unit, [a, keyA], [b, keyB], [c, keyA]);
  reserve(unit, a, keyA, 3);
  let isEnded = false;
  const ended = outLater(unit, b, Action.preemptAndAbort, keyB, keyA, { type: 3 }).then((command) => {
    isEnded = true;
    return command;
  });
  await Promise.resolve();
  assert.not.ok(isEnded, 'it waits for the tasks');
  assert.equal(aborts.concerned, [a.initiatorPortName, c.initiatorPortName]);
  aborts.finish();
  good(await ended);
  assertAttentions(unit, { a: ['2a05', '2f00'], c: ['2a05', '2f00'] });
  assert.is(reservationOf(unit), 'b2/3');
});

test('PERSISTENT RESERVE OUT (PREEMPT AND ABORT): COMMANDS CLEARED is for those that had tasks, and with TAS for nobody', async () => {
  for (const taskAbortedStatus of [false, true]) {
    const { unit, aborts } = withTasks([c]);
    unit.part(ControlMode).set({ ...controlModeDefaults, taskAbortedStatus });
    register(unit, [a, keyA], [b, keyB], [c, keyC]);
    reserve(unit, a, keyA, 7);
    const ended = outLater(unit, b, Action.preemptAndAbort, keyB, 0n, { type: 7 });
    aborts.finish();
    good(await ended);
    assertAttentions(unit, { a: ['2a05'], c: taskAbortedStatus ? ['2a05'] : ['2a05', '2f00'] });
  }
});

test('PERSISTENT RESERVE OUT (PREEMPT AND ABORT): stops copies of whom it preempts that nobody waits for, and no others', () => {
  const unit = threeRegistrants(1);
  const copies = unit.part(CopyManager);
  for (const nexus of [a, c]) {
    const run = () => new Promise<null>(() => {});
    copies.begin(makeCommand('83'), nexus, new TestDeferral(), { listIdentifier: 7, serviceAction: 1, isNamed: true, isImmediate: true, run });
  }
  good(out(unit, b, Action.preemptAndAbort, keyB, keyA, { type: 1 }));
  assert.equal([copies.find(a, 7)?.isAborted, copies.find(c, 7)?.isAborted], [true, false]);
});

test('PERSISTENT RESERVE OUT (PREEMPT AND ABORT): ends at once when nothing runs, and refuses like PREEMPT', () => {
  const unit = threeRegistrants(1);
  conflicts(out(unit, b, Action.preemptAndAbort, keyB, 0x99n, { type: 1 }));
  assertCheck(out(unit, b, Action.preemptAndAbort, keyB, 0n, { type: 1 }), '05/26/00');
  good(out(unit, b, Action.preemptAndAbort, keyB, keyA, { type: 1 }));
  assertAttentions(unit, { a: ['2a05'] });
});

test.run();
