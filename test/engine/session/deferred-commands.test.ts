import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskAttribute, TaskManagementFunction, TaskManagementResponse } from '../../../engine/pdu/index.js';
import { CONTROL_UNUSED } from '../../../engine/scsi/cdb.js';
import { CommandTable, type Deferral, type DeviceType, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { ControlMode, controlModeDefaults } from '../../../engine/scsi/spc/control-mode.js';
import { testUnitReadyRow } from '../../../engine/scsi/spc/test-unit-ready.js';
import { Lun, Scene } from './scene.js';
import { loggedIn, type TestInitiator } from './test-initiator.js';

const { abortTask, clearTaskSet } = TaskManagementFunction;
const LATER = 'c0 00 00 00 00 00';
const TASK_ABORTED = 0x40;

/** A device whose command C0h ends when the test says so. */
class LateDevice {
  /** What ends each command that is out. */
  readonly ends: (() => void)[] = [];
  abortCount = 0;
  execute: (deferral: Deferral) => void = (deferral) => {
    this.ends.push(deferral.defer(() => this.abortCount++));
  };

  get type(): DeviceType {
    const row: UnitCommandRow = {
      runsOn: 'main',
      reservation: 'always',
      opcode: 0xc0,
      name: 'LATER',
      clause: 'none',
      cdbLength: 6,
      cdbUsage: [0xc0, 0, 0, 0, 0, CONTROL_UNUSED],
      execute: (_command, _unit, _nexus, deferral) => this.execute(deferral),
    };
    return { name: 'late', peripheralDeviceType: 0, commands: new CommandTable([row, testUnitReadyRow]) };
  }
}

function lateScene(): { device: LateDevice; scene: Scene; initiator: TestInitiator } {
  const device = new LateDevice();
  const scene = new Scene({ deviceType: device.type });
  return { device, scene, initiator: loggedIn(scene) };
}

function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

function later(initiator: TestInitiator, attribute = 1): number {
  return initiator.command(LATER, { lun: Lun.special, attribute });
}

test('a deferred command is answered when it ends, and others go on meanwhile', () => {
  const { device, scene, initiator } = lateScene();
  const tag = later(initiator);
  initiator.assertSilent();
  initiator.command('00', { lun: Lun.special });
  assert.is(initiator.takeResponse().status, 0);
  assert.is(scene.lateAnswerCount, 0);
  device.ends[0]?.();
  assert.is(initiator.takeResponse().initiatorTaskTag, tag);
  assert.is(scene.lateAnswerCount, 1, 'and somebody sends it');
  finish(scene, initiator);
});

test('a command that ends within its own deferral is answered once', () => {
  const { device, scene, initiator } = lateScene();
  device.execute = (deferral) => deferral.defer()();
  const tag = later(initiator);
  assert.is(initiator.takeResponse().initiatorTaskTag, tag);
  finish(scene, initiator);
});

test('a command that fails behind its deferral ends at once, and what would have ended it harms no other', () => {
  const { device, scene, initiator } = lateScene();
  const { execute } = device;
  device.execute = (deferral) => {
    execute(deferral);
    throw new RangeError('broken');
  };
  later(initiator);
  assert.is(initiator.takeResponse().sense, '04/44/00');
  initiator.transport.output.flush();
  device.execute = execute;
  const next = later(initiator);
  device.ends[0]?.();
  initiator.assertSilent();
  device.ends[1]?.();
  assert.is(initiator.takeResponse().initiatorTaskTag, next);
  assert.is(scene.defects.splice(0).length, 1);
  finish(scene, initiator);
});

test('ABORT TASK of a deferred command tells it, and is answered when it has ended', () => {
  const { device, scene, initiator } = lateScene();
  const referencedTaskTag = later(initiator);
  initiator.taskManagement(abortTask, { referencedTaskTag });
  initiator.taskManagement(abortTask, { referencedTaskTag });
  initiator.assertSilent();
  assert.is(device.abortCount, 1);
  device.ends[0]?.();
  assert.is(initiator.take().length, 2, 'the functions, and not the command');
  finish(scene, initiator);
});

test('a deferred command that ends while it is told to stop has stopped', () => {
  const { device, scene, initiator } = lateScene();
  device.execute = (deferral) => {
    const end: () => void = deferral.defer(() => end());
  };
  const referencedTaskTag = later(initiator);
  initiator.taskManagement(abortTask, { referencedTaskTag });
  assert.is(initiator.takeTaskManagementResponse().response, TaskManagementResponse.functionComplete);
  finish(scene, initiator);
});

for (const taskAbortedStatus of [false, true]) {
  test(`CLEAR TASK SET of another nexus, TAS = ${Number(taskAbortedStatus)}: a deferred command is told, and its nexus learns of it once`, () => {
    const { device, scene, initiator: one } = lateScene();
    const two = loggedIn(scene);
    scene.taskSets[Lun.special]?.unit.part(ControlMode).set({ ...controlModeDefaults, taskAbortedStatus });
    const tag = later(two);
    one.taskManagement(clearTaskSet, { lun: Lun.special });
    one.assertSilent();
    assert.is(device.abortCount, 1);
    device.ends[0]?.();
    one.takeTaskManagementResponse();
    if (taskAbortedStatus) {
      const { status, initiatorTaskTag } = two.takeResponse();
      assert.equal([status, initiatorTaskTag], [TASK_ABORTED, tag]);
    }
    two.command('00', { lun: Lun.special });
    assert.is(two.takeResponse().sense, taskAbortedStatus ? '' : '06/2f/00');
    finish(scene, one, two);
  });
}

test('a connection that is lost tells its deferred commands, and their slots stay until they have ended', () => {
  const { device, scene, initiator } = lateScene();
  later(initiator);
  initiator.transport.destroy();
  assert.is(device.abortCount, 1);
  assert.is(scene.runner.openTaskCount, 1);
  device.ends[0]?.();
  scene.assertIdle();
});

test('an ORDERED deferred command holds back those behind it until it ends', () => {
  const { device, scene, initiator } = lateScene();
  const first = later(initiator, TaskAttribute.ordered);
  const second = initiator.command('00', { lun: Lun.special });
  initiator.assertSilent();
  device.ends[0]?.();
  assert.equal(
    initiator.take().map(({ header }) => header.getUint32(16)),
    [first, second],
  );
  finish(scene, initiator);
});

test.run();
