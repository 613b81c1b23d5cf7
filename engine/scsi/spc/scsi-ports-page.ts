import { targetPortNameDesignator } from './identification-pages.js';
import type { VpdPage } from './inquiry.js';

/*
 * SCSI port designation descriptor, SPC-4 "SCSI Ports VPD page".
 *
 *     0| Reserved | Relative Port Identifier | Reserved | Initiator Port TransportID Length 0 |
 *     8| Reserved | Target Port Descriptors Length | Target Port Descriptors                  /
 */
const DESCRIPTOR_HEADER_LENGTH = 12;
const RELATIVE_PORT_AT = 2;
const TARGET_PORT_LENGTH_AT = 10;
const PORT_GROUP_TAG_DIGITS = 4;

/** All ports of the target, by which the unit can be reached. An initiator of multiple paths finds out by it how many there are. */
export const scsiPortsPage: VpdPage = {
  code: 0x88,
  build({ host }, nexus) {
    const [targetName = ''] = nexus.targetPortName.split(',t,0x');
    const ports = host.portGroups.groups.flatMap((group) => group.ports).sort((one, other) => one - other);
    return Buffer.concat(ports.map((port) => portDescriptor(targetName, port)));
  },
};

function portDescriptor(targetName: string, port: number): Uint8Array {
  const name = targetPortNameDesignator(`${targetName},t,0x${port.toString(16).padStart(PORT_GROUP_TAG_DIGITS, '0')}`);
  const bytes = new Uint8Array(DESCRIPTOR_HEADER_LENGTH + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(RELATIVE_PORT_AT, port);
  view.setUint16(TARGET_PORT_LENGTH_AT, name.length);
  bytes.set(name, DESCRIPTOR_HEADER_LENGTH);
  return bytes;
}
