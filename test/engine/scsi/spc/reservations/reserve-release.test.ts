import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ITNexus } from '../../../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../../../engine/scsi/logical-unit.js';
import { assertCheck, run } from '../../scsi-fixture.js';
import { Action, a, b, c, conflicts, good, keyA, keyB, makeScene, out, register, reservationOf, reserve } from './reservation-scene.js';

const forms = [
  { length: 6, reserveCdb: '160000000000', releaseCdb: '170000000000' },
  { length: 10, reserveCdb: '56000000000000000000', releaseCdb: '57000000000000000000' },
];
const READ = '28000000000000000100';
const TEST_UNIT_READY = '000000000000';
const by = (unit: LogicalUnit, cdb: string, nexus: ITNexus) => run(unit, cdb, { nexus });

for (const { length, reserveCdb, releaseCdb } of forms) {
  test(`RESERVE (${length}): the unit is for the nexus that reserved it, which may do so again`, () => {
    const unit = makeScene();
    good(by(unit, reserveCdb, a));
    good(by(unit, reserveCdb, a));
    good(by(unit, READ, a));
    conflicts(by(unit, READ, b));
    conflicts(by(unit, TEST_UNIT_READY, b));
    conflicts(by(unit, reserveCdb, b));
    good(by(unit, '030000001200', b));
  });

  test(`RESERVE (${length}): ends with a reset, and with the nexus`, () => {
    const unit = makeScene();
    good(by(unit, reserveCdb, a));
    unit.loseNexus(b);
    conflicts(by(unit, READ, b));
    unit.loseNexus(a);
    good(by(unit, READ, b));
    good(by(unit, reserveCdb, a));
    unit.reset('logical-unit-reset');
    good(by(unit, READ, b));
    assert.is(unit.gates.length, makeScene().gates.length);
  });

  test(`RESERVE (${length}): third parties and extents are INVALID FIELD IN CDB, and what counts with them only may be anything`, () => {
    const unit = makeScene();
    assertCheck(by(unit, `${reserveCdb.slice(0, 2)}10${reserveCdb.slice(4)}`, a), '05/24/00', '1.4');
    assertCheck(by(unit, `${reserveCdb.slice(0, 2)}01${reserveCdb.slice(4)}`, a), '05/24/00', '1.0');
    assertCheck(by(unit, `${releaseCdb.slice(0, 2)}10${releaseCdb.slice(4)}`, a), '05/24/00', '1.4');
    good(by(unit, `${reserveCdb.slice(0, 4)}07${reserveCdb.slice(6)}`, a));
  });

  test(`RELEASE (${length}): frees the unit for others when its holder asks, and is GOOD without effect for others`, () => {
    const unit = makeScene();
    good(by(unit, releaseCdb, a));
    good(by(unit, reserveCdb, a));
    good(by(unit, releaseCdb, b));
    conflicts(by(unit, READ, b));
    good(by(unit, releaseCdb, a));
    good(by(unit, READ, b));
  });

  test(`RESERVE (${length}) and RELEASE (${length}): conflict while there are registrations, unless one has what it asks for`, () => {
    const unit = makeScene();
    register(unit, [a, keyA], [b, keyB]);
    for (const cdb of [reserveCdb, releaseCdb]) for (const nexus of [a, b, c]) conflicts(by(unit, cdb, nexus));
    reserve(unit, a, keyA, 1);
    for (const cdb of [reserveCdb, releaseCdb]) {
      good(by(unit, cdb, a));
      for (const nexus of [b, c]) conflicts(by(unit, cdb, nexus));
    }
    assert.is(reservationOf(unit), 'a1/1');
    good(out(unit, a, Action.release, keyA, 0n, { type: 1 }));
    reserve(unit, a, keyA, 5);
    for (const cdb of [reserveCdb, releaseCdb]) {
      for (const nexus of [a, b]) good(by(unit, cdb, nexus));
      conflicts(by(unit, cdb, c));
    }
    good(by(unit, READ, b));
  });

  test(`RESERVE (${length}): no service action of PERSISTENT RESERVE IN or OUT runs while it lasts`, () => {
    const unit = makeScene();
    good(by(unit, reserveCdb, a));
    for (const nexus of [a, b]) {
      conflicts(by(unit, '5e000000000000ffff00', nexus));
      conflicts(out(unit, nexus, Action.register, 0n, keyA));
    }
  });
}

test.run();
