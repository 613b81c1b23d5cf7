import { encodeLunHigh, WELL_KNOWN_REPORT_LUNS } from '../../pdu/lun.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { Asc, invalidFieldInCdb } from '../sense.js';

/*
 * REPORT LUNS, SPC-4 §6.33.
 *
 *     0| 0xa0 | Reserved | Select Report | Reserved (3) |
 *     6| Allocation Length (4) | Reserved | Control     |
 */
const SELECT_REPORT_AT = 2;
const ALLOCATION_LENGTH_AT = 6;
const ALLOCATION_LENGTH_MIN = 16;
/**
 * SPC-5 adds the last three, which are about administrative logical units and the subsidiary ones that they conglomerate. We have none: what concerns those
 * only is empty, and all our units are of those that no conglomerate has.
 */
const SelectReport = {
  addressable: 0x00,
  wellKnown: 0x01,
  all: 0x02,
  administrative: 0x10,
  administrativeAndSingle: 0x11,
  subsidiary: 0x12,
} as const;
const WELL_KNOWN_LUNS = [WELL_KNOWN_REPORT_LUNS] as const;

const LIST_AT = 8;
const LUN_LENGTH = 8;

/** Works at every LUN of the target, with or without a logical unit there. */
export const reportLunsRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'always',
  accessState: 'transitioning',
  opcode: 0xa0,
  name: 'REPORT LUNS',
  clause: 'SPC-4 §6.33',
  cdbLength: 12,
  cdbUsage: [0xa0, 0x00, ALL_BITS, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0x00, CONTROL_UNUSED],
  passesUnitAttention: true,
  passesNotReady: true,
  execute(command, unit, nexus) {
    const allocationLength = command.cdbView.getUint32(ALLOCATION_LENGTH_AT);
    const luns = lunsOf(command.cdb[SELECT_REPORT_AT] as number, nexus.visibleLuns ?? unit.host.luns());
    if (luns === null) return invalidFieldInCdb(command, SELECT_REPORT_AT);
    if (allocationLength < ALLOCATION_LENGTH_MIN) return invalidFieldInCdb(command, ALLOCATION_LENGTH_AT);
    // SAM-5 §5.14: this command reports what the condition stands for, at all logical units.
    unit.clearUnitAttention(nexus, Asc.reportedLunsDataHasChanged);
    unit.host.onLunsReported(nexus);
    returnData(command, lunList(luns), allocationLength);
  },
};

/** The LUNs of a report, or null when there is no such report. */
function lunsOf(selectReport: number, addressable: readonly number[]): readonly number[] | null {
  switch (selectReport) {
    case SelectReport.addressable:
    case SelectReport.administrativeAndSingle:
      return addressable;
    case SelectReport.wellKnown:
      return WELL_KNOWN_LUNS;
    case SelectReport.all:
      return [...addressable, ...WELL_KNOWN_LUNS];
    case SelectReport.administrative:
    case SelectReport.subsidiary:
      return [];
    default:
      return null;
  }
}

function lunList(luns: readonly number[]): Uint8Array {
  const data = new Uint8Array(LIST_AT + luns.length * LUN_LENGTH);
  const view = new DataView(data.buffer);
  view.setUint32(0, luns.length * LUN_LENGTH);
  for (const [index, lun] of luns.entries()) view.setUint32(LIST_AT + index * LUN_LENGTH, encodeLunHigh(lun));
  return data;
}
