import { writeUint64 } from '../../scsi/cdb.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { controlExtensionPage, controlPage } from '../../scsi/spc/control-page.js';
import type { VpdPage } from '../../scsi/spc/inquiry.js';
import { LogFormat, type LogPage, list } from '../../scsi/spc/log/log-page.js';
import type { ModePage, ModeProfile } from '../../scsi/spc/mode-page.js';
import { disconnectReconnectPage, informationalExceptionsPage, powerConditionPage } from '../../scsi/spc/mode-pages.js';
import { ScsiStatus } from '../../scsi/status.js';
import { osdUnitOf } from './osd-unit.js';

/** OSD Information VPD page, OSD-2 "OSD Information VPD page": the OSD system ID, with which credentials are made. */
export const osdInformationPage: VpdPage = { code: 0xb0, build: (unit) => osdUnitOf(unit).systemId() };

/** Security Token VPD page, OSD-2 "Security Token VPD page": that of the I_T nexus that asks. */
export const securityTokenPage: VpdPage = { code: 0xb1, build: (unit, nexus) => osdUnitOf(unit).securityTokenOf(nexus) };

const D_SENSE_BIT = 0x04;

/** The Control mode page with D_SENSE set for good: sense data of OSD commands does not fit the fixed format. OSD-2 "Sense data". */
const osdControlPage: ModePage = {
  ...controlPage,
  defaults: (unit) => withFirst(controlPage.defaults(unit), (first) => first | D_SENSE_BIT),
  changeable: (unit) => withFirst(controlPage.changeable?.(unit) ?? new Uint8Array(0), (first) => first & ~D_SENSE_BIT),
};

function withFirst(parameters: Uint8Array, change: (first: number) => number): Uint8Array {
  const changed = Uint8Array.from(parameters);
  changed[0] = change(parameters[0] as number);
  return changed;
}

const none = new Uint8Array(0);

/** Mode parameters of an OSD: no block descriptor, and pages that all device types have. */
export const osdModeProfile: ModeProfile = {
  deviceSpecificParameter: () => 0,
  deviceSpecificTold: 0,
  blockDescriptor: () => none,
  // One that is given all the same is wrong from its first byte on.
  blockDescriptorFault: () => 0,
  flush: () => Promise.resolve({ status: ScsiStatus.good, sense: none, dataIn: none }),
  pages: [disconnectReconnectPage, osdControlPage, controlExtensionPage, powerConditionPage, informationalExceptionsPage],
};

const UINT64_LENGTH = 8;

/** A page of our own, in the range that is for vendors: capacity and used bytes of the object store. */
export const capacityLogPage: LogPage = {
  code: 0x30,
  subpage: 0,
  parameters(unit: LogicalUnit) {
    const { totalBytes, usedBytes } = osdUnitOf(unit).size;
    return [list(0x0001, uint64(totalBytes), LogFormat.binaryList), list(0x0002, uint64(usedBytes), LogFormat.binaryList)];
  },
};

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(UINT64_LENGTH);
  writeUint64(new DataView(bytes.buffer), 0, value);
  return bytes;
}
