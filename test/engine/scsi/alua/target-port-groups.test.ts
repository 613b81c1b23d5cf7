import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessState } from '../../../../engine/scsi/alua/access-state.js';
import { TargetPortGroups } from '../../../../engine/scsi/alua/target-port-groups.js';
import type { ITNexus } from '../../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { hex } from '../../../support/assert-bytes.js';
import { assertCheck, assertData, assertGood, makeUnit, nexus, otherNexus, run } from '../scsi-fixture.js';

/** The port of `nexus` is 3. */
const OWN_PORT = 3;
const OTHER_PORT = 4;
const byOtherPort: ITNexus = { ...otherNexus, relativeTargetPortIdentifier: OTHER_PORT };

interface Scene {
  readonly unit: LogicalUnit;
  readonly groups: TargetPortGroups;
  /** Ends the transition that is under way. */
  elapse(): void;
}

/** Group 1 has the port of `nexus`, group 2 that of `byOtherPort`. */
function makeScene(states: readonly [AccessState, AccessState] = [AccessState.activeOptimized, AccessState.activeNonOptimized]): Scene {
  const timers = new Set<() => void>();
  const groups = new TargetPortGroups(
    [
      { id: 1, ports: [OWN_PORT], state: states[0], isPreferred: true },
      { id: 2, ports: [OTHER_PORT, 9], state: states[1], isPreferred: false },
    ],
    {
      transitionMsMax: 10_500,
      after: (_delayMs, runIt) => {
        timers.add(runIt);
        return () => timers.delete(runIt);
      },
    },
  );
  const unit = makeUnit({ host: { portGroups: groups, nexusesOf: () => [nexus, byOtherPort] } });
  const elapse = () => {
    for (const timer of Array.from(timers)) timer();
  };
  return { unit, groups, elapse };
}

const REPORT = 'a3 0a 00000000 00001000 00 00';
const TEST_UNIT_READY = '00 00 00 00 00 00';
const READ = '28 00 00000000 00 0001 00';
const setCdb = (lengthBytes: number) => `a4 0a 00000000 ${lengthBytes.toString(16).padStart(8, '0')} 00 00`;
const set = (unit: LogicalUnit, list: string, by = nexus) => run(unit, setCdb(hex(list).length), { dataOut: hex(list), nexus: by });

test('REPORT TARGET PORT GROUPS: groups with their states, what they can be set to, and their ports', () => {
  const { unit } = makeScene();
  assertData(run(unit, REPORT), '0000001c 80 8f 0001 00 00 00 01 0000 0003 01 8f 0002 00 00 00 02 0000 0004 0000 0009');
});

test('REPORT TARGET PORT GROUPS: the extended header has the time of an implicit transition, in whole seconds', () => {
  const { unit } = makeScene();
  assertData(run(unit, 'a3 2a 00000000 0000000c 00 00'), '00000020 10 0b 0000 80 8f 0001');
});

test('REPORT TARGET PORT GROUPS: any other format is INVALID FIELD IN CDB', () => {
  assertCheck(run(makeScene().unit, 'a3 4a 00000000 00001000 00 00'), '05/24/00', '1.7');
});

test('SET TARGET PORT GROUPS: changes those that are listed, at once, and tells every nexus but the one that asked', () => {
  const { unit, groups } = makeScene();
  assertGood(set(unit, '00000000 01 00 0001 00 00 0002'));
  assert.equal(
    groups.groups.map(({ state }) => state),
    [AccessState.activeNonOptimized, AccessState.activeOptimized],
  );
  assertData(run(unit, 'a3 0a 00000000 0000000c 00 00'), '0000001c 81 8f 0001 00 01 00 01');
  assertGood(run(unit, TEST_UNIT_READY));
  assertCheck(run(unit, TEST_UNIT_READY, { nexus: byOtherPort }), '06/2a/06');
  assertGood(set(unit, '00000000 02 00 0002'));
  assert.is(groups.stateOf(OWN_PORT), AccessState.activeNonOptimized, 'a group that is not listed stays as it is');
});

test('SET TARGET PORT GROUPS: nothing changes when one descriptor is wrong', () => {
  const { unit, groups } = makeScene();
  for (const [list, what] of [
    ['00000000 02 00 0001 0f 00 0002', 'TRANSITIONING is no state to ask for'],
    ['00000000 02 00 0001 04 00 0002', 'there are no LBA dependent states'],
    ['00000000 02 00 0001 0e 00 0002', 'there are no offline ports'],
    ['00000000 02 00 0001 00 00 0003', 'there is no group 3'],
    ['00000000 02 00 0001 00 00 0001', 'a group has one state'],
  ] as const) {
    const command = set(unit, list);
    assertCheck(command, '05/26/00');
    assert.is(groups.stateOf(OWN_PORT), AccessState.activeOptimized, what);
  }
});

test('SET TARGET PORT GROUPS: no list changes nothing, and half a descriptor is a PARAMETER LIST LENGTH ERROR', () => {
  const { unit } = makeScene();
  assertGood(run(unit, setCdb(0)));
  assertGood(set(unit, '00000000'));
  assertCheck(set(unit, '00000000 02 00'), '05/1a/00');
  assertCheck(set(unit, '0000'), '05/1a/00');
  assertCheck(run(unit, setCdb(8), { dataOut: hex('00000000') }), '05/1a/00');
});

test('SET TARGET PORT GROUPS: conflicts with a reservation as a write does, REPORT TARGET PORT GROUPS with none of the persistent ones', () => {
  const { commands } = makeScene().unit.deviceType;
  assert.is(commands.findNamed(0xa4, 0x0a)?.reservation, 'write');
  assert.is(commands.findNamed(0xa3, 0x0a)?.reservation, 'persistent');
});

test('SET TARGET PORT GROUPS: fails while an operator changes the group', () => {
  const { unit, groups, elapse } = makeScene();
  groups.setImplicitly(2, AccessState.standby, 5000);
  assertCheck(set(unit, '00000000 00 00 0002'), '04/67/0a');
  assertGood(set(unit, '00000000 01 00 0001'));
  elapse();
  assertCheck(run(unit, TEST_UNIT_READY), '06/2a/06');
  assertGood(set(unit, '00000000 00 00 0002'));
});

test('standby: management of the unit and of its paths runs, the medium is NOT READY 04/0B', () => {
  const { unit } = makeScene([AccessState.standby, AccessState.activeOptimized]);
  for (const cdb of [TEST_UNIT_READY, READ, '2a 00 00000000 00 0001 00', '35 00 00000000 00 0000 00', '1b 00 00 00 01 00'])
    assertCheck(run(unit, cdb), '02/04/0b');
  for (const cdb of [
    '12 00 00 00ff 00',
    'a0 00 00 000000 00001000 00 00',
    '03 00 00 00 ff 00',
    REPORT,
    '1a 00 3f 00 ff 00',
    '9e 10 0000000000000000 00000020 00 00',
  ])
    assertGood(run(unit, cdb));
  assertGood(run(unit, TEST_UNIT_READY, { nexus: byOtherPort }));
});

test('unavailable: who is there, how it is reached and how to change that; all else is NOT READY 04/0C', () => {
  const { unit } = makeScene([AccessState.unavailable, AccessState.activeOptimized]);
  for (const cdb of [TEST_UNIT_READY, READ, '1a 00 3f 00 ff 00', '25 00 00000000 0000 00 00']) assertCheck(run(unit, cdb), '02/04/0c');
  for (const cdb of ['12 00 00 00ff 00', 'a0 00 00 000000 00001000 00 00', '03 00 00 00 ff 00', REPORT]) assertGood(run(unit, cdb));
  assertGood(set(unit, '00000000 00 00 0001'));
  assertGood(run(unit, READ));
});

test('transitioning: NOT READY 04/0A until the time is over, then the new state and a unit attention for all', () => {
  const { unit, groups, elapse } = makeScene();
  groups.setImplicitly(1, AccessState.activeNonOptimized, 1000);
  for (const cdb of [TEST_UNIT_READY, READ, '1a 00 3f 00 ff 00']) assertCheck(run(unit, cdb), '02/04/0a');
  assertCheck(set(unit, '00000000 00 00 0001'), '02/04/0a');
  assertData(run(unit, 'a3 0a 00000000 00000006 00 00'), '0000001c 8f 8f');
  assertGood(run(unit, READ, { nexus: byOtherPort }));
  elapse();
  assertCheck(run(unit, TEST_UNIT_READY), '06/2a/06');
  assertCheck(run(unit, TEST_UNIT_READY, { nexus: byOtherPort }), '06/2a/06');
  assertGood(run(unit, READ));
  assertData(run(unit, 'a3 0a 00000000 0000000c 00 00'), '0000001c 81 8f 0001 00 02 00 01');
});

test('a transition that another one overtakes does not arrive', () => {
  const { groups, elapse } = makeScene();
  groups.setImplicitly(1, AccessState.unavailable, 1000);
  groups.setImplicitly(1, AccessState.standby, 0);
  elapse();
  assert.is(groups.stateOf(OWN_PORT), AccessState.standby);
});

test('while all groups are active there is no gate to be asked, and a unit that was taken away watches no longer', () => {
  const { unit, groups } = makeScene();
  assert.is(unit.gates.length, 0);
  groups.setImplicitly(2, AccessState.standby, 0);
  assert.is(unit.gates.length, 1);
  groups.setImplicitly(2, AccessState.activeOptimized, 0);
  assert.is(unit.gates.length, 0);
  unit.retire();
  groups.setImplicitly(2, AccessState.standby, 0);
  assert.is(unit.gates.length, 0);
});

test('INQUIRY: says that target port groups can be asked for and set, and page 83h has the one of the port', () => {
  const { unit } = makeScene();
  const standard = run(unit, '12 00 00 00ff 00');
  assert.is((standard.dataIn[standard.dataInStart + 5] as number) & 0x30, 0x30);
  const page = (by: ITNexus) => {
    const command = run(unit, '12 01 83 03ff 00', { nexus: by });
    return Buffer.from(command.dataIn.subarray(command.dataInStart, command.dataInStart + command.dataInLength)).toString('hex');
  };
  assert.match(page(nexus), '51940004000000035195000400000001');
  assert.match(page(byOtherPort), '51940004000000045195000400000002');
});

test.run();
