import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bridge } from '../../../../engine/devices/bridge/bridge.js';
import { BridgeMembers } from '../../../../engine/devices/bridge/bridge-members.js';
import { bridgeKind } from '../../../../engine/devices/bridge/index.js';
import { controller } from '../../../../engine/devices/controller/controller.js';
import { controllerKind } from '../../../../engine/devices/controller/index.js';
import type { DeviceType } from '../../../../engine/scsi/command-table.js';
import { LogicalUnit, type UnitCondition } from '../../../../engine/scsi/logical-unit.js';
import { Asc, SenseKey } from '../../../../engine/scsi/sense.js';
import { soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { assertCheck, assertGood, identity, run } from '../../scsi/scsi-fixture.js';

function good(command: CommandSlot): CommandSlot {
  assertGood(command);
  return command;
}

/** A passthrough unit, as far as a bridge looks at it. */
function memberAt(lun: number, condition: UnitCondition | null): LogicalUnit {
  const deviceType: DeviceType = { name: 'passthrough', peripheralDeviceType: 0, commands: controller.commands, readiness: () => condition };
  return new LogicalUnit({ handle: 10 + lun, lun, deviceType, medium: null, identity });
}

function makeBridge(members: readonly LogicalUnit[], luns: readonly number[] = []): LogicalUnit {
  const all = [...members, new LogicalUnit({ handle: 99, lun: 9, deviceType: controller, medium: null, identity })];
  const host = { ...soleUnitHost, luns: () => [0, ...all.map(({ lun }) => lun)], unitAt: (lun: number) => all.find((unit) => unit.lun === lun) };
  return new LogicalUnit({ handle: 1, lun: 0, deviceType: bridge, medium: null, identity, host, parts: [new BridgeMembers(luns)] });
}

const makeController = () =>
  new LogicalUnit({ handle: 1, lun: 0, deviceType: controller, medium: null, identity, host: { ...soleUnitHost, luns: () => [0, 1, 5] } });
const away: UnitCondition = { key: SenseKey.notReady, asc: Asc.logicalUnitBecomingReady };

const types = [
  { name: 'controller', peripheralDeviceType: 0x0c, make: makeController, luns: 3 },
  { name: 'bridge', peripheralDeviceType: 0x10, make: () => makeBridge([memberAt(5, null)]), luns: 3 },
] as const;

for (const { name, peripheralDeviceType, make, luns } of types) {
  test(`${name}: INQUIRY tells its type, its pages and no others`, () => {
    const { dataIn, dataInLength } = good(run(make(), '12 00 00 00 60 00'));
    assert.equal([dataIn[0], (dataIn[1] as number) >> 7, dataInLength > 58], [peripheralDeviceType, 0, true]);
    const pages = good(run(make(), '12 01 00 00 ff 00'));
    assert.equal(Array.from(pages.dataIn.subarray(0, pages.dataInLength)), [peripheralDeviceType, 0, 0, 3, 0x00, 0x80, 0x83]);
    assertCheck(run(make(), '12 01 b0 00 ff 00'), '05/24/00');
    assertCheck(run(make(), '12 02 00 00 ff 00'), '05/24/00');
  });

  test(`${name}: TEST UNIT READY is good, and a reserved bit is not`, () => {
    good(run(make(), '00 00 00 00 00 00'));
    assertCheck(run(make(), '00 00 00 01 00 00'), '05/24/00');
  });

  test(`${name}: REQUEST SENSE has nothing to tell`, () => {
    const { dataIn } = good(run(make(), '03 00 00 00 12 00'));
    assert.equal([(dataIn[2] as number) & 0x0f, dataIn[12], dataIn[13]], [0, 0, 0]);
    assertCheck(run(make(), '03 02 00 00 12 00'), '05/24/00');
  });

  test(`${name}: REPORT LUNS lists those of the target`, () => {
    const { dataIn } = good(run(make(), 'a0 00 00 00 00 00 00 00 01 00 00 00'));
    assert.is(Buffer.from(dataIn).readUInt32BE(0), 8 * luns);
    assertCheck(run(make(), 'a0 00 ff 00 00 00 00 00 01 00 00 00'), '05/24/00');
  });

  test(`${name}: REPORT SUPPORTED OPERATION CODES lists what it has, and knows what it has not`, () => {
    const all = good(run(make(), 'a3 0c 00 00 00 00 00 00 10 00 00 00'));
    const listed = Buffer.from(all.dataIn).readUInt32BE(0) / 8;
    const codes = Array.from({ length: listed }, (_, at) => all.dataIn[4 + 8 * at]);
    assert.equal(codes, [0x00, 0x03, 0x12, 0xa0, 0xa3, 0xa3]);
    const one = good(run(make(), 'a3 0c 01 28 00 00 00 00 10 00 00 00'));
    assert.is((one.dataIn[1] as number) & 0x07, 0b001);
    assertCheck(run(make(), 'a3 0c 07 00 00 00 00 00 10 00 00 00'), '05/24/00');
  });

  test(`${name}: REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS`, () => {
    const { dataIn } = good(run(make(), 'a3 0d 00 00 00 00 00 00 00 10 00 00'));
    assert.is((dataIn[0] as number) & 0x08, 0x08);
    assertCheck(run(make(), 'a3 0d 01 00 00 00 00 00 00 10 00 00'), '05/24/00');
  });

  test(`${name}: commands of disks are not known`, () => assertCheck(run(make(), '28 00 00 00 00 00 00 00 01 00'), '05/20/00'));
}

test('bridge: TEST UNIT READY is what the way to each of its members is', () => {
  assertCheck(run(makeBridge([memberAt(5, null), memberAt(6, away)]), '00 00 00 00 00 00'), '02/04/01');
  good(run(makeBridge([memberAt(5, null), memberAt(6, away)], [5]), '00 00 00 00 00 00'));
  const sense = good(run(makeBridge([memberAt(6, away)]), '03 00 00 00 12 00'));
  assert.equal([(sense.dataIn[2] as number) & 0x0f, sense.dataIn[12], sense.dataIn[13]], [2, 4, 1]);
});

test('bridge: without members, or without one that was named, somebody has to do something', () => {
  assertCheck(run(makeBridge([]), '00 00 00 00 00 00'), '02/04/03');
  assertCheck(run(makeBridge([memberAt(5, null)], [5, 6]), '00 00 00 00 00 00'), '02/04/03');
  assertCheck(run(makeBridge([memberAt(5, null)], [9]), '00 00 00 00 00 00'), '02/04/03');
});

test('bridge: its members are named by their LUNs', () => {
  for (const text of ['', '5', '5+6']) assert.is(bridgeKind.parseSource(text).value, text);
  for (const text of ['x', '5,6', '5+', '99999']) assert.match(bridgeKind.parseSource(text).fault ?? '', /expected bridge or bridge:LUN\+LUN/);
});

test('controller: nothing stands behind its name', () => assert.match(controllerKind.parseSource('x').fault ?? '', /nothing behind it/));

test.run();
