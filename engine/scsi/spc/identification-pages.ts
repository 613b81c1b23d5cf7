import { DEFAULT_TARGET_PORT_GROUP } from '../alua/target-port-groups.js';
import { writeAscii } from '../cdb.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { PRODUCT_LENGTH, VENDOR_LENGTH, type VpdPage } from './inquiry.js';
import { deriveEui64 } from './naa.js';

/** Unit Serial Number VPD page, SPC-4 "Unit Serial Number VPD page". */
export const unitSerialNumberPage: VpdPage = {
  code: 0x80,
  build(unit) {
    const body = new Uint8Array(unit.identity.serial.length);
    writeAscii(body, 0, body.length, unit.identity.serial);
    return body;
  },
};

/** Device Identification VPD page, SPC-4 §7.8.6: who the logical unit is, and by which target port it was asked. */
export const deviceIdentificationPage: VpdPage = {
  code: 0x83,
  build: (unit, nexus) => {
    const ofUnit = [naaDesignator(unit), euiDesignator(unit), t10VendorDesignator(unit), unitNameDesignator(unit)];
    return Buffer.concat([...ofUnit, ...targetPortDesignators(unit, nexus)]);
  },
};

/** The same page of a well-known logical unit, which has no name of its own: the target port and the target. SPC-4 "Well known logical units". */
export const targetIdentificationPage: VpdPage = {
  code: 0x83,
  build: (unit, nexus) => Buffer.concat([...targetPortDesignators(unit, nexus), targetNameDesignator(nexus)]),
};

/*
 * Designation descriptor, SPC-4 §7.8.6.1.
 *
 *     0| Protocol Identifier | Code Set | PIV . Association | Designator Type | Reserved | Designator Length |
 *     4/ Designator                                                                                          /
 */
const HEADER_LENGTH = 4;
const PIV_BIT = 0x80;
/** PROTOCOL IDENTIFIER of iSCSI, SPC-4 §7.6.1. */
const PROTOCOL_ISCSI = 0x5;
const CodeSet = { binary: 0x1, ascii: 0x2, utf8: 0x3 } as const;
const DesignatorType = { t10VendorId: 0x1, eui64: 0x2, naa: 0x3, relativeTargetPort: 0x4, targetPortGroup: 0x5, scsiNameString: 0x8 } as const;
const Association = { logicalUnit: 0x0, targetPort: 0x1, targetDevice: 0x2 } as const;

/** Of a relative target port and of a target port group: two reserved bytes and a number. */
const PORT_DESIGNATOR_LENGTH = 4;
const SCSI_NAME_PADDING = 4;

function descriptor(codeSet: number, association: number, type: number, designator: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + designator.length);
  // PROTOCOL IDENTIFIER counts for target ports and the target only, which is what PIV says.
  const ofPort = association !== Association.logicalUnit;
  bytes[0] = (ofPort ? PROTOCOL_ISCSI << 4 : 0) | codeSet;
  bytes[1] = (ofPort ? PIV_BIT : 0) | (association << 4) | type;
  bytes[3] = designator.length;
  bytes.set(designator, HEADER_LENGTH);
  return bytes;
}

function naaDesignator(unit: LogicalUnit): Uint8Array {
  return descriptor(CodeSet.binary, Association.logicalUnit, DesignatorType.naa, Buffer.from(unit.identity.naa, 'hex'));
}

/** SPC-4 "EUI-64 based designator format". Nobody assigned it, so it is of the kind that needs no company identifier; it follows from the NAA name. */
function euiDesignator(unit: LogicalUnit): Uint8Array {
  return descriptor(CodeSet.binary, Association.logicalUnit, DesignatorType.eui64, deriveEui64(unit.identity.naa));
}

/** SPC-4 "SCSI name string designator format": the NAA name as text. */
function unitNameDesignator(unit: LogicalUnit): Uint8Array {
  const name = `naa.${unit.identity.naa.toUpperCase()}`;
  return descriptor(CodeSet.utf8, Association.logicalUnit, DesignatorType.scsiNameString, scsiNameString(name));
}

/** The target device has the name of the iSCSI node. RFC 7143 §4.4.1. */
function targetNameDesignator(nexus: ITNexus): Uint8Array {
  const [name = ''] = nexus.targetPortName.split(',t,0x');
  return descriptor(CodeSet.utf8, Association.targetDevice, DesignatorType.scsiNameString, scsiNameString(name));
}

/** SPC-4 "SCSI name string designator format" of a target port: `<target name>,t,0x<portal group tag>`. */
export function targetPortNameDesignator(targetPortName: string): Uint8Array {
  return descriptor(CodeSet.utf8, Association.targetPort, DesignatorType.scsiNameString, scsiNameString(targetPortName));
}

function t10VendorDesignator(unit: LogicalUnit): Uint8Array {
  return descriptor(CodeSet.ascii, Association.logicalUnit, DesignatorType.t10VendorId, t10VendorIdentification(unit));
}

/** SPC-4 §7.8.6.4: vendor, then product and serial number as the standard recommends. Media changers know their drives by it, too. */
export function t10VendorIdentification({ identity: { vendor, product, serial } }: LogicalUnit): Uint8Array {
  const designator = new Uint8Array(VENDOR_LENGTH + PRODUCT_LENGTH + serial.length);
  writeAscii(designator, 0, VENDOR_LENGTH, vendor);
  writeAscii(designator, VENDOR_LENGTH, PRODUCT_LENGTH, product);
  writeAscii(designator, VENDOR_LENGTH + PRODUCT_LENGTH, serial.length, serial);
  return designator;
}

function targetPortDesignators(unit: LogicalUnit, nexus: ITNexus): Uint8Array[] {
  const group = unit.host.portGroups.groupOf(nexus.relativeTargetPortIdentifier)?.id ?? DEFAULT_TARGET_PORT_GROUP;
  return [
    descriptor(CodeSet.binary, Association.targetPort, DesignatorType.relativeTargetPort, portNumber(nexus.relativeTargetPortIdentifier)),
    descriptor(CodeSet.binary, Association.targetPort, DesignatorType.targetPortGroup, portNumber(group)),
    targetPortNameDesignator(nexus.targetPortName),
  ];
}

function portNumber(value: number): Uint8Array {
  const designator = new Uint8Array(PORT_DESIGNATOR_LENGTH);
  new DataView(designator.buffer).setUint16(2, value);
  return designator;
}

/** SPC-4 §7.8.6.11: UTF-8, null-terminated and null-padded to a multiple of four. */
function scsiNameString(name: string): Uint8Array {
  const text = Buffer.from(name, 'utf8');
  const designator = new Uint8Array(Math.ceil((text.length + 1) / SCSI_NAME_PADDING) * SCSI_NAME_PADDING);
  designator.set(text);
  return designator;
}
