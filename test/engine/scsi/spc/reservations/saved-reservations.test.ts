import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TargetError } from '../../../../../engine/errors.js';
import type { LogicalUnit } from '../../../../../engine/scsi/logical-unit.js';
import { PersistentReservations } from '../../../../../engine/scsi/spc/reservations/persistent-reservations.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import type { StateValue, UnitState } from '../../../../../engine/scsi/unit-host.js';
import { assertCheck, makeCommand, run, TestDeferral } from '../../scsi-fixture.js';
import {
  Action,
  a,
  assertAttentions,
  b,
  c,
  capabilitiesOf,
  conflicts,
  generationOf,
  good,
  isAdmitted,
  keyA,
  keyB,
  keysOf,
  makeScene,
  outLater,
  reservationOf,
} from './reservation-scene.js';

/** A state directory that can fail, and that can take its time. */
class TestState implements UnitState {
  readonly isKept = true;
  kept: StateValue | undefined;
  saveCount = 0;
  fails = false;
  gate: Promise<void> = Promise.resolve();

  load(section: string): StateValue | undefined {
    return section === 'reservations' ? this.kept : undefined;
  }

  async save(section: string, value: StateValue): Promise<void> {
    assert.is(section, 'reservations');
    const text = JSON.stringify(value);
    await this.gate;
    if (this.fails) throw new TargetError('STATE_SAVE_FAILED', 'no space left');
    this.saveCount++;
    this.kept = JSON.parse(text) as StateValue;
  }
}

const keep = { persistThroughPowerLoss: true };
const WRITE = '2a000000000000000100';

async function reservedAndKept(state: TestState, type: number): Promise<LogicalUnit> {
  const unit = makeScene({ state });
  good(await outLater(unit, a, Action.register, 0n, keyA, keep));
  good(await outLater(unit, b, Action.register, 0n, keyB, keep));
  good(await outLater(unit, a, Action.reserve, keyA, 0n, { type }));
  return unit;
}

test('PERSISTENT RESERVE OUT (REGISTER): with APTPL registrations and the reservation are there after a loss of power', async () => {
  for (const type of [1, 3, 5, 6, 7, 8]) {
    const state = new TestState();
    const before = await reservedAndKept(state, type);
    const after = makeScene({ state });
    assert.equal(keysOf(after), [keyA, keyB]);
    assert.is(reservationOf(after), reservationOf(before));
    assert.not.ok(isAdmitted(after, WRITE, c), 'and it is in force before anybody asks');
    assert.is(generationOf(after), 0);
    assert.is((capabilitiesOf(after)[3] as number) & 1, 1, 'PTPL_A');
  }
});

test('PERSISTENT RESERVE OUT (REGISTER): without APTPL nothing is kept, and the last one that says so counts', async () => {
  const state = new TestState();
  const unit = await reservedAndKept(state, 1);
  good(await outLater(unit, b, Action.register, keyB, keyB));
  assert.is(state.kept, null);
  assert.equal(keysOf(makeScene({ state })), []);
  assert.is(reservationOf(unit), 'a1/1');
  const count = state.saveCount;
  good(await outLater(unit, a, Action.release, keyA, 0n, { type: 1 }));
  assert.is(state.saveCount, count, 'what is not kept is not saved');
});

test('PERSISTENT RESERVE OUT (CLEAR): clears what is kept too', async () => {
  const state = new TestState();
  const unit = await reservedAndKept(state, 1);
  good(await outLater(unit, b, Action.clear, keyB));
  assert.is(state.kept, null);
});

test('PERSISTENT RESERVE OUT (REGISTER): a target that is powered on again keeps what APTPL keeps', async () => {
  const unit = await reservedAndKept(new TestState(), 3);
  unit.reset('power-on');
  assert.is(reservationOf(unit), 'a1/3');
  assert.is(generationOf(unit), 0);
});

test('PERSISTENT RESERVE OUT: takes effect and is answered when it is on stable storage, not before', async () => {
  const state = new TestState();
  let open = () => {};
  state.gate = new Promise((resolve) => {
    open = resolve;
  });
  const unit = makeScene({ state });
  let isEnded = false;
  const ended = outLater(unit, a, Action.register, 0n, keyA, keep).then((command) => {
    isEnded = true;
    return command;
  });
  await new Promise(setImmediate);
  assert.not.ok(isEnded);
  assert.equal(unit.part(PersistentReservations).state.registrations, []);
  open();
  good(await ended);
  assert.equal(keysOf(unit), [keyA]);
});

test('RESERVE (6) and RELEASE (6): are BUSY while registrations are saved, so that nobody has both', async () => {
  const unit = makeScene({ state: new TestState() });
  const ended = outLater(unit, a, Action.register, 0n, keyA, keep);
  const reservations = unit.part(PersistentReservations);
  assert.ok(reservations.isChanging);
  for (const [cdb, nexus] of [
    ['160000000000', b],
    ['170000000000', a],
  ] as const) {
    const deferral = new TestDeferral();
    assert.is(run(unit, cdb, { nexus }, deferral).status, ScsiStatus.busy);
  }
  await ended;
  assert.not.ok(reservations.isChanging);
  assert.equal(reservations.state.registrations.length, 1);
});

test('PERSISTENT RESERVE OUT: what cannot be saved fails and has changed nothing', async () => {
  const state = new TestState();
  const unit = await reservedAndKept(state, 1);
  state.fails = true;
  assertCheck(await outLater(unit, b, Action.preempt, keyB, keyA, { type: 1 }), '04/44/00');
  assert.is(reservationOf(unit), 'a1/1');
  assertAttentions(unit, {});
  state.fails = false;
  good(await outLater(unit, b, Action.preempt, keyB, keyA, { type: 1 }));
  assert.is(reservationOf(unit), 'b2/1');
});

test('PERSISTENT RESERVE OUT: commands that come while one is saved decide on what it leaves, in their order', async () => {
  const state = new TestState();
  const unit = await reservedAndKept(state, 1);
  const reservations = unit.part(PersistentReservations);
  const outcomes: string[] = [];
  const request = (nexus: typeof a, key: bigint, action: 3 | 4, serviceActionKey = 0n) => ({
    nexus,
    action,
    scope: 0,
    type: 1,
    key,
    serviceActionKey,
    isKeptWithoutPower: false,
    allTargetPorts: false,
    unregisters: false,
    specifiesInitiatorPorts: false,
    transportIds: [],
    relativeTargetPortIdentifier: 0,
  });
  const job = (name: string, fields: ReturnType<typeof request>, isCancelled = false) => ({
    request: fields,
    command: makeCommand('5f'),
    isCancelled,
    finish: ({ kind }: { kind: string }) => outcomes.push(`${name} ${kind}`),
  });
  reservations.perform(job('preempt', request(b, keyB, 4, keyA)));
  reservations.perform(job('aborted', request(b, keyB, 3), true));
  reservations.perform(job('preempted', request(a, keyA, 3)));
  reservations.perform(job('clear', request(b, keyB, 3)));
  reservations.perform(job('again', request(b, keyB, 3)));
  assert.equal(outcomes, []);
  for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate);
  assert.equal(outcomes, ['preempt done', 'aborted unchanged', 'preempted conflict', 'clear done', 'again conflict']);
});

test('PERSISTENT RESERVE OUT: one whose task is aborted while it waits takes no effect and ends', async () => {
  const state = new TestState();
  const unit = await reservedAndKept(state, 1);
  const first = outLater(unit, a, Action.release, keyA, 0n, { type: 1 });
  const deferral = new TestDeferral();
  const dataOut = Buffer.alloc(24);
  dataOut.writeBigUInt64BE(keyB, 0);
  run(unit, '5f030000000000001800', { nexus: b, dataOut }, deferral);
  deferral.onAbort?.();
  await Promise.all([first, deferral.done]);
  assert.equal(keysOf(unit), [keyA, keyB]);
});

test('PERSISTENT RESERVE OUT: waits in no circle when two preempt each other', async () => {
  const unit = await reservedAndKept(new TestState(), 1);
  const [one, other] = [outLater(unit, b, Action.preemptAndAbort, keyB, keyA, { type: 1 }), outLater(unit, a, Action.preemptAndAbort, keyA, keyB, { type: 1 })];
  await one;
  conflicts(await other);
  assert.is(reservationOf(unit), 'b2/1');
});

const registration = { initiatorPort: a.initiatorPortName, targetPort: 1, key: '00000000000000a1' };
const corrupt: StateValue[] = [
  7,
  'text',
  [],
  {},
  { registrations: {} },
  { registrations: [] },
  { registrations: [null], reservation: null },
  { registrations: [registration, registration], reservation: null },
  { registrations: [{ ...registration, key: '0000000000000000' }], reservation: null },
  { registrations: [{ ...registration, key: 'a1' }], reservation: null },
  { registrations: [{ ...registration, key: 161 }], reservation: null },
  { registrations: [{ ...registration, targetPort: 65536 }], reservation: null },
  { registrations: [{ ...registration, targetPort: '1' }], reservation: null },
  { registrations: [{ ...registration, initiatorPort: 'someone' }], reservation: null },
  { registrations: [{ ...registration, initiatorPort: 'iqn.2024-01.test:A,i,0x800000000001' }], reservation: null },
  { registrations: [registration], reservation: 1 },
  { registrations: [registration], reservation: { type: 2, holder: 0 } },
  { registrations: [registration], reservation: { type: 1, holder: null } },
  { registrations: [registration], reservation: { type: 1, holder: 1 } },
];

test('persistent reservations that were kept and make no sense are an error, never taken for none', () => {
  for (const kept of corrupt) {
    const state = new TestState();
    state.kept = kept;
    assert.throws(
      () => makeScene({ state }),
      (error: unknown) => error instanceof TargetError && error.code === 'STATE_CORRUPT',
      JSON.stringify(kept),
    );
  }
  for (const kept of [undefined, null]) {
    const state = new TestState();
    state.kept = kept;
    assert.equal(keysOf(makeScene({ state })), []);
  }
});

test.run();
