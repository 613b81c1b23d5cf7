import { returnData } from '../../scsi/cdb.js';
import type { DeviceType, UnitCommandRow } from '../../scsi/command-table.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { SenseKey } from '../../scsi/sense.js';
import { deviceIdentificationPage, unitSerialNumberPage } from '../../scsi/spc/identification-pages.js';
import type { VpdPage } from '../../scsi/spc/inquiry.js';
import { reportLunsRow } from '../../scsi/spc/report-luns.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { answerInquiryFromMemory, answerRequestSense } from './away.js';
import { commonOf, PassthroughTable } from './passthrough-table.js';
import type { PassthroughUnit } from './passthrough-unit.js';

const INQUIRY = 0x12;
const REQUEST_SENSE = 0x03;
const EVPD_BIT = 0x01;
const PAGE_CODE_AT = 2;
const ALLOCATION_LENGTH_AT = 3;
const PAGE_HEADER_LENGTH = 4;

export type IdentityChoice = 'device' | 'own';

/** The device type of one passthrough unit: what it is, the device says. */
export function passthroughType(part: PassthroughUnit, identity: IdentityChoice): DeviceType {
  const plan: UnitCommandRow['plan'] = (command) => part.plan(command);
  const execute: UnitCommandRow['execute'] = (command, _unit, nexus, deferral) => part.execute(command, nexus, deferral);
  const passed = { plan, execute, reservesDataIn: true } as const;
  const own: UnitCommandRow[] = [inquiryRow(part, passed, identity), requestSenseRow(part, passed), reportLunsRow];
  const commands = new PassthroughTable(own, passed);
  return {
    name: 'passthrough',
    get peripheralDeviceType() {
      return part.news.peripheralDeviceType;
    },
    get normalAca() {
      return part.news.hasNormalAca;
    },
    commands,
    readiness: () => null,
  };
}

type Passed = Required<Pick<UnitCommandRow, 'plan' | 'execute' | 'reservesDataIn'>>;

/** SPC-4 "INQUIRY command": goes through word for word, and is answered from memory while the device is away. */
function inquiryRow(part: PassthroughUnit, passed: Passed, identity: IdentityChoice): UnitCommandRow {
  const ownPages = identity === 'own' ? [unitSerialNumberPage, deviceIdentificationPage] : [];
  return {
    ...passed,
    ...commonOf(INQUIRY, 'INQUIRY'),
    clause: 'SPC-4 §6.6',
    passesUnitAttention: true,
    execute(command, unit, nexus, deferral) {
      if (answersOwnPage(command, unit, nexus, ownPages, part.news.known.standard?.[0] ?? 0)) return;
      if (part.awayConditionFor(nexus) === null) passed.execute(command, unit, nexus, deferral);
      else answerInquiryFromMemory(command, part.news.known);
    },
  };
}

/** The unit's own serial number and designators in the place of the device's, so that initiators do not take the two for paths to one unit. */
function answersOwnPage(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, pages: readonly VpdPage[], peripheral: number): boolean {
  if (pages.length === 0 || ((command.cdb[1] as number) & EVPD_BIT) === 0) return false;
  const page = pages.find(({ code }) => code === command.cdb[PAGE_CODE_AT]);
  if (page === undefined) return false;
  const body = page.build(unit, nexus);
  const data = new Uint8Array(PAGE_HEADER_LENGTH + body.length);
  data.set([peripheral, page.code, body.length >> 8, body.length & 0xff]);
  data.set(body, PAGE_HEADER_LENGTH);
  returnData(command, data, command.cdbView.getUint16(ALLOCATION_LENGTH_AT));
  return true;
}

/** SPC-4 "REQUEST SENSE command": what the unit has to tell this nexus itself comes first; the rest is the device's to tell. */
function requestSenseRow(part: PassthroughUnit, passed: Passed): UnitCommandRow {
  return {
    ...passed,
    ...commonOf(REQUEST_SENSE, 'REQUEST SENSE'),
    clause: 'SPC-4 §6.39',
    passesUnitAttention: true,
    execute(command, unit, nexus, deferral) {
      const attention = unit.takeUnitAttention(nexus);
      const condition = attention === undefined ? part.awayConditionFor(nexus) : { key: SenseKey.unitAttention, asc: attention.asc };
      if (condition === null) passed.execute(command, unit, nexus, deferral);
      else answerRequestSense(command, condition);
    },
  };
}
