import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import { PowerConditions } from '../../../scsi/sbc/power-conditions.js';
import { invalidFieldInCdb } from '../../../scsi/sense.js';
import { driveOf, type OpticalDrive } from '../drive/optical-drive.js';

/*
 * GET EVENT STATUS NOTIFICATION, MMC-6 "GET EVENT STATUS NOTIFICATION command". Only polling: the asynchronous form waits for what may never come.
 *
 *     0| 0x4a | . Polled | Reserved (2) | Notification Class Request | Reserved (2) | Allocation Length (2) | Control |
 */
const POLLED_BIT = 0x01;
const CLASSES_AT = 4;
const HEADER_LENGTH = 4;
const NO_EVENT_AVAILABLE_BIT = 0x80;
const PERSISTENT_PREVENTED_BIT = 0x80;

const EventClass = { operationalChange: 1, power: 2, externalRequest: 3, media: 4, multipleHosts: 5, deviceBusy: 6 } as const;
/** By rank: the first that has something to say is told. */
const classes: readonly number[] = Object.values(EventClass);
const SUPPORTED_CLASSES = classes.reduce((bits, each) => bits | (1 << each), 0);

const OPERATIONAL_CHANGE_EVENT = 0x02;
const FEATURE_CHANGE = 0x0001;
/** POWER STATUS: sleep is standby to us. */
const PowerStatus = { active: 1, idle: 2, standby: 3 } as const;
const MEDIA_PRESENT_BIT = 0x02;
const TRAY_OPEN_BIT = 0x01;

function hasEvent(drive: OpticalDrive, eventClass: number, nexusId: number): boolean {
  if (eventClass === EventClass.operationalChange) return drive.events.hasOperationalChange(nexusId);
  return eventClass === EventClass.media && drive.events.hasMedia(nexusId);
}

function powerStatusOf(unit: LogicalUnit): number {
  const low = unit.part(PowerConditions).lowCondition;
  if (low === null) return PowerStatus.active;
  return low.startsWith('idle') ? PowerStatus.idle : PowerStatus.standby;
}

/** What is told of a class: an event that is over then, and the state. */
function describe(unit: LogicalUnit, eventClass: number, nexusId: number): readonly number[] {
  const drive = driveOf(unit);
  const prevented = drive.prevention.isPersistent ? PERSISTENT_PREVENTED_BIT : 0;
  switch (eventClass) {
    case EventClass.operationalChange: {
      const hasChanged = drive.events.takeOperationalChange(nexusId);
      return [hasChanged ? OPERATIONAL_CHANGE_EVENT : 0, prevented, 0, hasChanged ? FEATURE_CHANGE : 0];
    }
    case EventClass.power:
      return [0, powerStatusOf(unit), 0, 0];
    case EventClass.media: {
      const state = (drive.current !== null && !drive.isTrayOpen ? MEDIA_PRESENT_BIT : 0) | (drive.isTrayOpen ? TRAY_OPEN_BIT : 0);
      return [drive.events.takeMedia(nexusId), state, 0, 0];
    }
    // Requests from outside, other hosts, and being busy: nothing of them ever happens.
    case EventClass.externalRequest:
    case EventClass.multipleHosts:
      return [0, prevented, 0, 0];
    default:
      return [0, 0, 0, 0];
  }
}

export const getEventStatusNotificationRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  opcode: 0x4a,
  name: 'GET EVENT STATUS NOTIFICATION',
  clause: 'MMC-6 "GET EVENT STATUS NOTIFICATION command"',
  cdbLength: 10,
  cdbUsage: [0x4a, POLLED_BIT, 0x00, 0x00, ALL_BITS, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesUnitAttention: true,
  passesNotReady: true,
  execute(command, unit, nexus) {
    if (((command.cdb[1] as number) & POLLED_BIT) === 0) return invalidFieldInCdb(command, 1, 0);
    const drive = driveOf(unit);
    const requested = classes.filter((each) => ((command.cdb[CLASSES_AT] as number) & (1 << each)) !== 0);
    const chosen = requested.find((each) => hasEvent(drive, each, nexus.id)) ?? requested[0];
    const allocationLength = command.cdbView.getUint16(7);
    if (chosen === undefined) {
      returnData(command, Uint8Array.of(0, HEADER_LENGTH - 2, NO_EVENT_AVAILABLE_BIT, SUPPORTED_CLASSES), allocationLength);
      return;
    }
    // Who has no room for the event is told of its length, and hears of it when there is.
    const body = allocationLength > HEADER_LENGTH ? describe(unit, chosen, nexus.id) : [0, 0, 0, 0];
    returnData(command, Uint8Array.of(0, HEADER_LENGTH - 2 + body.length, chosen, SUPPORTED_CLASSES, ...body), allocationLength);
  },
};
