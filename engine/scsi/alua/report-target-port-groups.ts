import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { invalidFieldInCdb } from '../sense.js';
import type { TargetPortGroup } from './target-port-groups.js';

/*
 * REPORT TARGET PORT GROUPS, SPC-4 "REPORT TARGET PORT GROUPS command".
 *
 *     0| 0xa3 | Parameter Data Format . 0x0a | Reserved (4) |
 *     6| Allocation Length (4) | Reserved | Control |
 */
const MAINTENANCE_IN = 0xa3;
const REPORT_TARGET_PORT_GROUPS = 0x0a;
const FORMAT_AT = 1;
const FORMAT_MASK = 0xe0;
const FORMAT_BIT = 7;
const Format = { lengthOnly: 0x00, extended: 0x20 } as const;
const ALLOCATION_LENGTH_AT = 6;

const LENGTH_BYTES = 4;
const EXTENDED_FORMAT_TYPE = 0x10;
const TRANSITION_SECONDS_MAX = 0xff;

/** Target port group descriptor; each port adds four bytes, of which the last two name it. */
const DESCRIPTOR = { state: 0, supported: 1, group: 2, statusCode: 5, portCount: 7, ports: 8 } as const;
const PORT_LENGTH = 4;
const PREFERRED_BIT = 0x80;
/** T_SUP, U_SUP, S_SUP, AN_SUP and AO_SUP. */
const SUPPORTED_STATES = 0x80 | 0x08 | 0x04 | 0x02 | 0x01;

export const reportTargetPortGroupsRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'persistent',
  accessState: 'transitioning',
  opcode: MAINTENANCE_IN,
  serviceAction: REPORT_TARGET_PORT_GROUPS,
  name: 'REPORT TARGET PORT GROUPS',
  clause: 'SPC-4 "REPORT TARGET PORT GROUPS command"',
  cdbLength: 12,
  cdbUsage: [MAINTENANCE_IN, FORMAT_MASK | REPORT_TARGET_PORT_GROUPS, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command, unit) {
    const format = (command.cdb[FORMAT_AT] as number) & FORMAT_MASK;
    const allocationLength = command.cdbView.getUint32(ALLOCATION_LENGTH_AT);
    if (format !== Format.lengthOnly && format !== Format.extended) return invalidFieldInCdb(command, FORMAT_AT, FORMAT_BIT);
    const { groups, transitionMsMax } = unit.host.portGroups;
    const seconds = Math.min(TRANSITION_SECONDS_MAX, Math.ceil(transitionMsMax / 1000));
    const header = format === Format.extended ? Uint8Array.of(0, 0, 0, 0, EXTENDED_FORMAT_TYPE, seconds, 0, 0) : new Uint8Array(LENGTH_BYTES);
    const data = Buffer.concat([header, ...groups.map(descriptorOf)]);
    data.writeUInt32BE(data.length - LENGTH_BYTES, 0);
    returnData(command, data, allocationLength);
  },
};

function descriptorOf(group: TargetPortGroup): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTOR.ports + group.ports.length * PORT_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[DESCRIPTOR.state] = (group.isPreferred ? PREFERRED_BIT : 0) | group.state;
  bytes[DESCRIPTOR.supported] = SUPPORTED_STATES;
  view.setUint16(DESCRIPTOR.group, group.id);
  bytes[DESCRIPTOR.statusCode] = group.statusCode;
  bytes[DESCRIPTOR.portCount] = group.ports.length;
  for (const [index, port] of group.ports.entries()) view.setUint16(DESCRIPTOR.ports + index * PORT_LENGTH + 2, port);
  return bytes;
}
