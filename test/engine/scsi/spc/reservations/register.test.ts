import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveLimits } from '../../../../../engine/limits.js';
import { PersistentReservations } from '../../../../../engine/scsi/spc/reservations/persistent-reservations.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import { registerAndMoveParameterList, reserveOutParameterList } from '../../../../../initiator/scsi/persistent-reservation-cdbs.js';
import { seededRandom } from '../../../../support/random.js';
import { assertCheck, run } from '../../scsi-fixture.js';
import {
  Action,
  a,
  aElsewhere,
  assertAttentions,
  attentionsOf,
  b,
  c,
  conflicts,
  fullStatusOf,
  generationOf,
  good,
  hexOf,
  keyA,
  keyB,
  keyC,
  keysOf,
  makeScene,
  move,
  nexusOf,
  out,
  register,
  reservationOf,
  reserve,
} from './reservation-scene.js';

const portOf = (nexus: typeof a) => {
  const [initiatorName, isid] = nexus.initiatorPortName.split(',i,0x') as [string, string];
  return { initiatorName, isid };
};

const list = (length: number, ...patches: [number, number][]) => {
  const bytes = Buffer.alloc(length);
  if (length >= 16) bytes.writeBigUInt64BE(keyA, 8);
  for (const [at, value] of patches) bytes[at] = value;
  return bytes;
};
const cdbOf = (action: number, length: number) => `5f${action.toString(16).padStart(2, '0')}000000${length.toString(16).padStart(8, '0')}00`;

test('PERSISTENT RESERVE OUT (REGISTER): an unregistered nexus registers with key 0, and no other', () => {
  const unit = makeScene();
  conflicts(out(unit, a, Action.register, 0x99n, keyA));
  assert.equal(keysOf(unit), []);
  good(out(unit, a, Action.register, 0n, keyA));
  assert.equal(keysOf(unit), [keyA]);
  assert.is(generationOf(unit), 1);
});

test('PERSISTENT RESERVE OUT (REGISTER): a registrant changes its key by saying the present one', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  conflicts(out(unit, a, Action.register, 0n, 0x55n));
  good(out(unit, a, Action.register, keyA, 0x55n));
  assert.equal(keysOf(unit), [0x55n]);
  assert.is(generationOf(unit), 2);
});

test('PERSISTENT RESERVE OUT (REGISTER): key 0 for nobody does nothing and counts nothing', () => {
  const unit = makeScene();
  good(out(unit, a, Action.register, 0n, 0n));
  assert.is(generationOf(unit), 0);
});

test('PERSISTENT RESERVE OUT (REGISTER): all 64 bits of a key are told apart', () => {
  const unit = makeScene();
  register(unit, [a, 0xffffffffffffffffn]);
  conflicts(out(unit, a, Action.register, 0xfffffffffffffffen, 1n));
  assert.equal(keysOf(unit), [0xffffffffffffffffn]);
});

test('PERSISTENT RESERVE OUT (REGISTER): another session of the same port is registered, another port is not', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  unit.loseNexus(a);
  good(out(unit, { ...a, id: 77 }, Action.register, keyA, 0x55n));
  conflicts(out(unit, nexusOf(5, 'a'), Action.register, 0x55n, 0x66n));
  conflicts(out(unit, aElsewhere, Action.register, 0x55n, 0x66n));
});

test('PERSISTENT RESERVE OUT (REGISTER): a registration outlives a logical unit reset', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  reserve(unit, a, keyA, 1);
  unit.reset('logical-unit-reset');
  assert.is(reservationOf(unit), 'a1/1');
  unit.reset('power-on');
  assert.equal(keysOf(unit), []);
  assert.is(unit.gates.length, makeScene().gates.length);
});

test('PERSISTENT RESERVE OUT (REGISTER): a holder that unregisters releases; of "registrants only" types the others learn of it', () => {
  for (const [type, told] of [
    [1, []],
    [3, []],
    [5, ['2a04']],
    [6, ['2a04']],
  ] as [number, string[]][]) {
    const unit = makeScene();
    register(unit, [a, keyA], [b, keyB]);
    reserve(unit, a, keyA, type);
    good(out(unit, a, Action.register, keyA, 0n));
    assertAttentions(unit, { b: told });
    assert.is(reservationOf(unit), null, `type ${type}`);
    assert.equal(keysOf(unit), [keyB]);
  }
});

test('PERSISTENT RESERVE OUT (REGISTER): of "all registrants" types the last one that unregisters releases', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  reserve(unit, a, keyA, 7);
  good(out(unit, a, Action.register, keyA, 0n));
  assert.is(reservationOf(unit), '0/7');
  good(out(unit, b, Action.register, keyB, 0n));
  assert.is(reservationOf(unit), null);
  assertAttentions(unit, {});
});

test('PERSISTENT RESERVE OUT (REGISTER): who is no holder unregisters without effect on the reservation', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  reserve(unit, a, keyA, 5);
  good(out(unit, b, Action.register, keyB, 0n));
  assert.is(reservationOf(unit), 'a1/5');
  assertAttentions(unit, {});
});

test('PERSISTENT RESERVE OUT (REGISTER): ALL_TG_PT registers the port at each target port', () => {
  const unit = makeScene();
  good(out(unit, a, Action.register, 0n, keyA, { allTargetPorts: true }));
  assert.equal(keysOf(unit), [keyA, keyA]);
  good(out(unit, aElsewhere, Action.register, keyA, 0x55n));
  assert.equal(keysOf(unit), [keyA, 0x55n]);
  conflicts(out(unit, a, Action.register, keyA, 0x66n, { allTargetPorts: true }));
  good(out(unit, a, Action.registerAndIgnoreExistingKey, 0n, 0n, { allTargetPorts: true }));
  assert.equal(keysOf(unit), []);
});

test('PERSISTENT RESERVE OUT (REGISTER): SPEC_I_PT registers the ports of TransportIDs, unless one of them is registered', () => {
  const unit = makeScene();
  const away = { initiatorName: 'iqn.2024-01.test:away', isid: '4000deadbeef' };
  register(unit, [b, keyB]);
  assertCheck(out(unit, a, Action.register, 0n, keyA, { initiatorPorts: [away, portOf(b)] }), '05/26/00');
  assert.equal(keysOf(unit), [keyB]);
  good(out(unit, a, Action.register, 0n, keyA, { initiatorPorts: [away, away] }));
  assert.equal(keysOf(unit), [keyB, keyA, keyA]);
  assert.ok(fullStatusOf(unit).includes('iqn.2024-01.test:away,i,0x4000deadbeef\0'));
});

test('PERSISTENT RESERVE OUT (REGISTER): a TransportID without an ISID stands for the ports of the initiator that are there', () => {
  const unit = makeScene({}, [a, b, nexusOf(4, 'b'), nexusOf(5, 'bb')]);
  good(out(unit, a, Action.register, 0n, keyA, { initiatorPorts: [{ initiatorName: 'iqn.2024-01.test:b' }] }));
  assert.equal(keysOf(unit), [keyA, keyA, keyA]);
  const other = makeScene();
  assertCheck(out(other, a, Action.register, 0n, keyA, { initiatorPorts: [{ initiatorName: 'iqn.2024-01.test:none' }] }), '05/26/00');
  assert.equal(keysOf(other), []);
});

test('PERSISTENT RESERVE OUT (REGISTER): SPEC_I_PT is for unregistered nexuses that register', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  assertCheck(out(unit, a, Action.register, keyA, 0x55n, { initiatorPorts: [portOf(b)] }), '05/26/00');
  // The same with a list of no ports.
  const empty = Buffer.alloc(28);
  empty.writeBigUInt64BE(keyA, 0);
  empty.writeBigUInt64BE(0x55n, 8);
  empty[20] = 0x08;
  assertCheck(run(unit, cdbOf(0, 28), { nexus: a, dataOut: empty }), '05/26/00');
  assertCheck(run(unit, cdbOf(6, 24), { nexus: b, dataOut: list(24, [20, 0x08]) }), '05/26/00');
  assert.equal(keysOf(unit), [keyA]);
});

test('PERSISTENT RESERVE OUT (REGISTER): registrations are bounded, and a list that exceeds the bound registers nobody', () => {
  const unit = makeScene({ limits: resolveLimits({ reservationRegistrationCountMax: 16 }) });
  const ports = Array.from({ length: 16 }, (_, index) => ({ initiatorName: 'iqn.2024-01.test:n', isid: index.toString(16).padStart(12, '0') }));
  assertCheck(out(unit, a, Action.register, 0n, keyA, { initiatorPorts: ports }), '05/55/04');
  assert.equal(keysOf(unit), []);
  good(out(unit, a, Action.register, 0n, keyA, { initiatorPorts: ports.slice(1) }));
  assertCheck(out(unit, b, Action.register, 0n, keyB), '05/55/04');
  good(out(unit, a, Action.register, keyA, 0x55n));
});

test('PERSISTENT RESERVE OUT (REGISTER): APTPL is refused where nothing is kept', () => {
  const unit = makeScene();
  assertCheck(out(unit, a, Action.register, 0n, keyA, { persistThroughPowerLoss: true }), '05/26/00');
  assert.equal(keysOf(unit), []);
});

test('PERSISTENT RESERVE OUT (REGISTER AND IGNORE EXISTING KEY): registers, changes and unregisters whatever the key', () => {
  const unit = makeScene();
  good(out(unit, a, Action.registerAndIgnoreExistingKey, 0x1234n, 0n));
  assert.is(generationOf(unit), 0);
  good(out(unit, a, Action.registerAndIgnoreExistingKey, 0x1234n, keyA));
  good(out(unit, a, Action.registerAndIgnoreExistingKey, 0x1234n, 0x55n));
  assert.equal(keysOf(unit), [0x55n]);
  assert.is(generationOf(unit), 2);
  good(out(unit, a, Action.registerAndIgnoreExistingKey, 0x1234n, 0n));
  assert.equal(keysOf(unit), []);
  assert.is(generationOf(unit), 3);
});

const moveTo = (nexus: typeof a, key: bigint = keyA) => ({
  key,
  serviceActionKey: keyC,
  relativeTargetPortIdentifier: nexus.relativeTargetPortIdentifier,
  initiatorPort: portOf(nexus),
});

test('PERSISTENT RESERVE OUT (REGISTER AND MOVE): the reservation goes to a port that is registered by it', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  reserve(unit, a, keyA, 3);
  good(move(unit, a, moveTo(c)));
  assert.equal(keysOf(unit), [keyA, keyC]);
  assert.is(reservationOf(unit), 'c3/3');
  assert.is(generationOf(unit), 2);
  assertAttentions(unit, {});
});

test('PERSISTENT RESERVE OUT (REGISTER AND MOVE): UNREG unregisters the nexus that moves, and a registered one gets the new key', () => {
  const unit = makeScene();
  register(unit, [a, keyA], [b, keyB]);
  reserve(unit, a, keyA, 1);
  good(move(unit, a, { ...moveTo(b), unregister: true }));
  assert.equal(keysOf(unit), [keyC]);
  assert.is(reservationOf(unit), 'c3/1');
});

test('PERSISTENT RESERVE OUT (REGISTER AND MOVE): who does not hold it, and "all registrants", conflict', () => {
  const unit = makeScene();
  conflicts(move(unit, a, moveTo(c)));
  register(unit, [a, keyA], [b, keyB]);
  // SPC-4 "Registering and moving the reservation": without any there is nothing that could be moved.
  assertCheck(move(unit, a, moveTo(c)), '05/24/00');
  reserve(unit, a, keyA, 1);
  conflicts(move(unit, a, moveTo(c, 0x99n)));
  conflicts(move(unit, b, moveTo(c, keyB)));
  good(out(unit, a, Action.release, keyA, 0n, { type: 1 }));
  reserve(unit, a, keyA, 8);
  conflicts(move(unit, a, moveTo(c)));
});

test('PERSISTENT RESERVE OUT (REGISTER AND MOVE): fields that make no sense are INVALID FIELD IN PARAMETER LIST', () => {
  const unit = makeScene();
  register(unit, [a, keyA]);
  reserve(unit, a, keyA, 1);
  assertCheck(move(unit, a, { ...moveTo(c), serviceActionKey: 0n }), '05/26/00');
  assertCheck(move(unit, a, { ...moveTo(c), relativeTargetPortIdentifier: 9 }), '05/26/00');
  assertCheck(move(unit, a, moveTo(a)), '05/26/00');
  assertCheck(move(unit, a, { ...moveTo(c), initiatorPort: { initiatorName: 'iqn.2024-01.test:c' } }), '05/26/00');
  assertCheck(move(unit, a, { ...moveTo(c), persistThroughPowerLoss: true }), '05/26/00');
  assertCheck(move(unit, a, moveTo(aElsewhere)), '05/26/00');
  assert.is(reservationOf(unit), 'a1/1');
});

test('PERSISTENT RESERVE OUT: a list that is not 24 bytes long is PARAMETER LIST LENGTH ERROR, unless TransportIDs follow', () => {
  const unit = makeScene();
  for (const action of Object.values(Action).filter((each) => each !== Action.replaceLostReservation)) {
    for (const length of [0, 8, 23]) assertCheck(run(unit, cdbOf(action, length), { nexus: a, dataOut: list(length) }), '05/1a/00');
  }
  for (const action of [1, 2, 3, 4, 5, 6]) assertCheck(run(unit, cdbOf(action, 28), { nexus: a, dataOut: list(28) }), '05/1a/00');
  assertCheck(run(unit, cdbOf(0, 28), { nexus: a, dataOut: list(28) }), '05/1a/00');
  for (const length of [24, 68]) assertCheck(run(unit, cdbOf(0, length), { nexus: a, dataOut: list(length === 24 ? 16 : 24) }), '05/1a/00');
  assertCheck(run(unit, cdbOf(0, 24), { nexus: a, dataOut: list(24, [20, 0x08]) }), '05/1a/00');
  assertCheck(run(unit, cdbOf(0, 0xffffffff), { nexus: a, dataOut: list(24) }), '05/24/00');
  assert.equal(keysOf(unit), []);
});

test('PERSISTENT RESERVE OUT: SPEC_I_PT with any service action but REGISTER is INVALID FIELD IN PARAMETER LIST, whatever the length', () => {
  const unit = makeScene();
  for (const action of [1, 2, 3, 4, 5, 6]) {
    for (const length of [24, 28, 52]) assertCheck(run(unit, cdbOf(action, length), { nexus: a, dataOut: list(length, [20, 0x08]) }), '05/26/00');
  }
  assert.equal(keysOf(unit), []);
});

test('PERSISTENT RESERVE OUT: lengths of TransportIDs that do not agree are INVALID FIELD IN PARAMETER LIST', () => {
  const unit = makeScene();
  const withIds = (length: number, told: number) =>
    list(length, [20, 0x08], [24, told >>> 24], [25, (told >> 16) & 0xff], [26, (told >> 8) & 0xff], [27, told & 0xff]);
  for (const [length, told] of [
    [28, 24],
    [52, 0],
    [52, 20],
    [52, 28],
    [52, 0xffffffff],
    [52, 24],
  ] as const) {
    assertCheck(run(unit, cdbOf(0, length), { nexus: a, dataOut: withIds(length, told) }), '05/26/00');
  }
  for (const told of [0, 23, 25, 0xff]) assertCheck(run(unit, cdbOf(7, 48), { nexus: a, dataOut: list(48, [23, told]) }), '05/26/00');
  assertCheck(run(unit, cdbOf(7, 24), { nexus: a, dataOut: list(24) }), '05/26/00');
  assert.equal(keysOf(unit), []);
});

test('PERSISTENT RESERVE OUT: service actions that are not there are INVALID FIELD IN CDB', () => {
  const unit = makeScene();
  for (let action = 8; action < 0x20; action++) assertCheck(run(unit, cdbOf(action, 24), { nexus: a, dataOut: list(24) }), '05/24/00', '1.4');
});

test('PERSISTENT RESERVE OUT (REGISTER): scope and type say nothing and may be anything', () => {
  const unit = makeScene();
  good(run(unit, `5f00ff0000${'00000018'}00`, { nexus: a, dataOut: list(24) }));
  assert.equal(keysOf(unit), [keyA]);
  assert.is(hexOf(fullStatusOf(unit).subarray(8, 16)), '00000000000000a1');
});

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);

test(`PERSISTENT RESERVE OUT: lists that were tampered with have an outcome, and the bound holds (LUNLOOM_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  const unit = makeScene({ limits: resolveLimits({ reservationRegistrationCountMax: 16 }) });
  const ids = [portOf(b), { initiatorName: 'iqn.2024-01.test:c' }, portOf(c)];
  const lists = [
    reserveOutParameterList({ key: 0n, serviceActionKey: keyA, initiatorPorts: ids }),
    registerAndMoveParameterList({ ...moveTo(c), unregister: true }),
    list(24),
  ];
  for (let round = 0; round < 3000; round++) {
    const whole = Buffer.from(lists[random.below(lists.length)] as Buffer);
    for (let count = random.below(4); count > 0; count--) whole[random.below(whole.length)] = random.below(256);
    const dataOut = random.below(4) === 0 ? whole.subarray(0, random.below(whole.length)) : whole;
    const cdb = Buffer.from(cdbOf(random.below(8), dataOut.length), 'hex');
    cdb[2] = random.below(16);
    const { status } = run(unit, hexOf(cdb), { nexus: [a, b, c, aElsewhere][random.below(4)] as typeof a, dataOut });
    assert.ok([ScsiStatus.good, ScsiStatus.checkCondition, ScsiStatus.reservationConflict].includes(status as never), `round ${round}`);
    assert.ok(unit.part(PersistentReservations).state.registrations.length <= 16);
    for (const nexus of [a, b, c, aElsewhere]) attentionsOf(unit, nexus);
  }
});

test.run();
