import type { LogicalUnit } from '../../scsi/logical-unit.js';
import { controlExtensionPage, controlPage } from '../../scsi/spc/control-page.js';
import type { ModePage, ModeProfile } from '../../scsi/spc/mode-page.js';
import { disconnectReconnectPage, informationalExceptionsPage, powerConditionPage } from '../../scsi/spc/mode-pages.js';
import { ScsiStatus } from '../../scsi/status.js';
import { ElementType } from './element-layout.js';
import { libraryOf } from './library.js';

/*
 * Element Address Assignment mode page, SMC-3 "Element Address Assignment mode page", behind its header: of each type the first address and the number.
 *
 *     0| First Medium Transport (2) | Number (2) | First Storage (2) | Number (2) |
 *     8| First Import/Export (2)    | Number (2) | First Data Transfer (2) | Number (2) | . (2) |
 */
const ELEMENT_ADDRESS_ASSIGNMENT_LENGTH = 0x12;
const typesInOrder = [ElementType.transport, ElementType.storage, ElementType.importExport, ElementType.dataTransfer] as const;

/** Addresses are the library file's: MODE SELECT does not change them. */
const elementAddressAssignmentPage: ModePage = {
  code: 0x1d,
  subpage: 0,
  defaults(unit) {
    const parameters = new Uint8Array(ELEMENT_ADDRESS_ASSIGNMENT_LENGTH);
    const view = new DataView(parameters.buffer);
    for (const [index, type] of typesInOrder.entries()) {
      const { firstAddress, count } = libraryOf(unit).layout.range(type);
      view.setUint16(4 * index, firstAddress);
      view.setUint16(4 * index + 2, count);
    }
    return parameters;
  },
};

/** Transport Geometry Parameters mode page, SMC-3: two bytes a picker, ROTATE and its number in its set. No picker turns cartridges over. */
const transportGeometryPage: ModePage = {
  code: 0x1e,
  subpage: 0,
  defaults(unit) {
    const { count } = libraryOf(unit).layout.range(ElementType.transport);
    return Uint8Array.from({ length: 2 * count }, (_, at) => (at % 2 === 0 ? 0 : (at - 1) / 2));
  },
};

/*
 * Device Capabilities mode page, SMC-3 "Device Capabilities mode page", behind its header. A row of bits is: data transfer, import/export, storage, transport.
 *
 *     0| . StorDT StorI/E StorST StorMT | Reserved |
 *     2| where a cartridge can go from MT | from ST | from I/E | from DT | . (4)          |
 *    10| what can be exchanged with MT    | with ST | with I/E | with DT | . (4)          |
 */
const DEVICE_CAPABILITIES_LENGTH = 0x12;
const DT_BIT = 0x08;
const IE_BIT = 0x04;
const ST_BIT = 0x02;

/** Cartridges stay in elements of all types but the picker, and go from each to each. */
const deviceCapabilitiesPage: ModePage = {
  code: 0x1f,
  subpage: 0,
  defaults(unit) {
    const parameters = new Uint8Array(DEVICE_CAPABILITIES_LENGTH);
    const all = storageBits(unit);
    const hasImportExport = (all & IE_BIT) !== 0;
    parameters[0] = all;
    for (const at of [2, 10]) parameters.set([0, all, hasImportExport ? all : 0, all], at);
    return parameters;
  },
};

function storageBits(unit: LogicalUnit): number {
  return DT_BIT | ST_BIT | (libraryOf(unit).layout.range(ElementType.importExport).count > 0 ? IE_BIT : 0);
}

/** SMC-3 "Mode parameters": no block descriptor, and nothing in the header. */
export const changerModeProfile: ModeProfile = {
  deviceSpecificParameter: () => 0,
  deviceSpecificTold: 0,
  blockDescriptor: () => new Uint8Array(0),
  // A block descriptor that is given all the same is wrong from its first byte on.
  blockDescriptorFault: () => 0,
  flush: () => Promise.resolve({ status: ScsiStatus.good, sense: new Uint8Array(0), dataIn: new Uint8Array(0) }),
  pages: [
    disconnectReconnectPage,
    controlPage,
    controlExtensionPage,
    powerConditionPage,
    informationalExceptionsPage,
    elementAddressAssignmentPage,
    transportGeometryPage,
    deviceCapabilitiesPage,
  ],
};
