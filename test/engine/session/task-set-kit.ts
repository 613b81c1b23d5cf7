import * as assert from 'uvu/assert';
import { readOpcode, TaskManagementFunction } from '../../../engine/pdu/index.js';
import { ControlMode, type ControlModeValues, controlModeDefaults } from '../../../engine/scsi/spc/control-mode.js';
import type { SentPdu } from '../task/recording-output.js';
import { BLOCK, Lun, type Scene } from './scene.js';
import { type CommandChoices, cdb10, type TestInitiator } from './test-initiator.js';

export const Status = { good: 0x00, checkCondition: 0x02, busy: 0x08, acaActive: 0x30, taskAborted: 0x40 } as const;

export function setMode(scene: Scene, values: Partial<ControlModeValues>, lun: number = Lun.pool): void {
  scene.taskSets[lun]?.unit.part(ControlMode).set({ ...controlModeDefaults, ...values });
}

export function finish(scene: Scene, ...initiators: TestInitiator[]): void {
  for (const initiator of initiators) {
    initiator.assertSilent();
    initiator.transport.output.flush();
  }
  scene.assertIdle();
}

/** READ (10) with NACA; `lba` beyond the end faults. */
export function readNaca(initiator: TestInitiator, lba: number, choices: CommandChoices = {}): number {
  return initiator.command(cdb10(0x28, lba, 1).replace(/00$/, '04'), { read: BLOCK, lun: Lun.pool, ...choices });
}

/** A command with NACA that is beyond the end of the medium: it establishes an ACA condition. */
export function fault(initiator: TestInitiator, choices: CommandChoices = {}): void {
  const tag = readNaca(initiator, 0xffffff, choices);
  const { initiatorTaskTag, sense } = initiator.takeResponse();
  assert.equal([initiatorTaskTag, sense], [tag, '05/21/00']);
}

/** What TEST UNIT READY ends with. */
export function poll(initiator: TestInitiator, choices: CommandChoices & { readonly naca?: boolean } = {}): number {
  initiator.command(choices.naca === true ? '00 00 00 00 00 04' : '00', { lun: Lun.pool, ...choices });
  return initiator.takeResponse().status;
}

export function clear(initiator: TestInitiator, lun: number = Lun.pool): void {
  initiator.taskManagement(TaskManagementFunction.clearAca, { lun });
}

/** Tag and status of every answer, in their order; task management responses have the status `tmf`. */
export function answersOf(initiator: TestInitiator): [tag: number, status: number | 'tmf'][] {
  return initiator.take().map(({ header }: SentPdu) => [header.getUint32(16), readOpcode(header, 0) === 0x22 ? 'tmf' : header.getUint8(3)]);
}
