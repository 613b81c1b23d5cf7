import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../scsi/cdb.js';
import type { UnitCommandRow } from '../../../scsi/command-table.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../../../scsi/sense.js';
import { discOf } from '../drive/optical-drive.js';
import { ADR_POSITION, CONTROL_DATA } from '../sector/sub-channel.js';
import { addressBytes } from '../toc/table-of-contents.js';

/*
 * READ SUB-CHANNEL, MMC-6 "READ SUB-CHANNEL command".
 *
 *     0| 0x42 | . MSF . | . SUBQ . | Parameter List | Reserved (2) | Track Number | Allocation Length (2) | Control |
 */
const MSF_BIT = 0x02;
const SUBQ_BIT = 0x40;
const LIST_AT = 3;
const List = { position: 1, catalogNumber: 2, isrc: 3 } as const;
/** AUDIO STATUS: there is none to tell of. */
const NO_AUDIO_STATUS = 0x15;
const HEADER_LENGTH = 4;
const BODY_LENGTH = { [List.position]: 12, [List.catalogNumber]: 20, [List.isrc]: 20 } as const;

export const readSubChannelRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: 0x42,
  name: 'READ SUB-CHANNEL',
  clause: 'MMC-6 "READ SUB-CHANNEL command"',
  cdbLength: 10,
  cdbUsage: [0x42, MSF_BIT, SUBQ_BIT, ALL_BITS, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  execute(command, unit) {
    if (discOf(unit).profile.family !== 'cd') return checkCondition(command, SenseKey.illegalRequest, Asc.incompatibleMedium);
    const list = command.cdb[LIST_AT] as number;
    const allocationLength = command.cdbView.getUint16(7);
    const wantsQ = ((command.cdb[2] as number) & SUBQ_BIT) !== 0;
    if (!wantsQ) return returnData(command, Uint8Array.of(0, NO_AUDIO_STATUS, 0, 0), allocationLength);
    if (list !== List.position && list !== List.catalogNumber && list !== List.isrc) return invalidFieldInCdb(command, LIST_AT);
    const body = new Uint8Array(BODY_LENGTH[list]);
    body[0] = list;
    if (list === List.position) {
      // Nothing plays: the head is where the disc begins.
      const isMsf = ((command.cdb[1] as number) & MSF_BIT) !== 0;
      body.set([(ADR_POSITION << 4) | CONTROL_DATA, 1, 1], 1);
      body.set(addressBytes(0, isMsf), 4);
    }
    // MCVAL and TCVAL stay zero: no disc of ours has a catalogue number or an ISRC.
    if (list === List.isrc) body.set([(ADR_POSITION << 4) | CONTROL_DATA, command.cdb[6] as number], 1);
    const data = new Uint8Array(HEADER_LENGTH + body.length);
    data.set([0, NO_AUDIO_STATUS, 0, body.length]);
    data.set(body, HEADER_LENGTH);
    returnData(command, data, allocationLength);
  },
};
