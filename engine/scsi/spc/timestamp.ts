import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, parameterListLengthError } from '../sense.js';
import { ALLOCATION_LENGTH_AT, maintenanceInRow } from './maintenance-in.js';

/** TIMESTAMP ORIGIN, SPC-4 "TIMESTAMP ORIGIN field": set by SET TIMESTAMP, or by other means: it is the clock of the host. */
const TimestampOrigin = { setTimestamp: 0b010, other: 0b011 } as const;
const TIMESTAMP_LENGTH = 12;
const TIMESTAMP_AT = 4;
const TWO_TO_THE_32 = 0x1_0000_0000;

/** The time of a logical unit: milliseconds since 1970, as the host has it until SET TIMESTAMP says otherwise. SPC-4 "Device clocks". */
class DeviceClock {
  #offsetMs = 0;
  #isSet = false;

  get origin(): number {
    return this.#isSet ? TimestampOrigin.setTimestamp : TimestampOrigin.other;
  }

  nowMs(): number {
    return Math.max(0, Date.now() + this.#offsetMs);
  }

  set(timestampMs: number): void {
    this.#offsetMs = timestampMs - Date.now();
    this.#isSet = true;
  }
}

/*
 * REPORT TIMESTAMP, SPC-4 "REPORT TIMESTAMP command".
 *
 *     0| 0xa3 | . 0x0f | Reserved (4) | Allocation Length (4) | Reserved | Control |
 */
export const reportTimestampRow: UnitCommandRow = maintenanceInRow(0x0f, [0x00, 0x00, 0x00, 0x00], {
  name: 'REPORT TIMESTAMP',
  clause: 'SPC-4 "REPORT TIMESTAMP command"',
  reservation: 'persistent',
  execute(command, unit) {
    const clock = unit.part(DeviceClock);
    const data = new Uint8Array(TIMESTAMP_LENGTH);
    const view = new DataView(data.buffer);
    const nowMs = clock.nowMs();
    view.setUint16(0, TIMESTAMP_LENGTH - 2);
    data[2] = clock.origin;
    view.setUint16(TIMESTAMP_AT, Math.floor(nowMs / TWO_TO_THE_32));
    view.setUint32(TIMESTAMP_AT + 2, nowMs % TWO_TO_THE_32);
    returnData(command, data, command.cdbView.getUint32(ALLOCATION_LENGTH_AT));
  },
});

const MAINTENANCE_OUT = 0xa4;
const SET_TIMESTAMP = 0x0f;

/*
 * SET TIMESTAMP, SPC-4 "SET TIMESTAMP command".
 *
 *     0| 0xa4 | . 0x0f | Reserved (4) | Parameter List Length (4) | Reserved | Control |
 */
export const setTimestampRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: MAINTENANCE_OUT,
  serviceAction: SET_TIMESTAMP,
  name: 'SET TIMESTAMP',
  clause: 'SPC-4 "SET TIMESTAMP command"',
  cdbLength: 12,
  cdbUsage: [MAINTENANCE_OUT, SET_TIMESTAMP, 0, 0, 0, 0, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0, CONTROL_UNUSED],
  passesNotReady: true,
  plan(command) {
    const lengthBytes = command.cdbView.getUint32(ALLOCATION_LENGTH_AT);
    // No list is no error: nothing is set. A list of another length could not hold a timestamp.
    if (lengthBytes !== 0 && lengthBytes !== TIMESTAMP_LENGTH) return parameterListLengthError(command);
    planParameterList(command, lengthBytes, ALLOCATION_LENGTH_AT);
  },
  execute(command, unit, nexus) {
    if (command.plannedDataOutLength === 0) return;
    const list = parameterListOf(command);
    if (list.length < TIMESTAMP_LENGTH) return parameterListLengthError(command);
    const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
    unit.part(DeviceClock).set(view.getUint16(TIMESTAMP_AT) * TWO_TO_THE_32 + view.getUint32(TIMESTAMP_AT + 2));
    unit.tellNexuses(Asc.timestampChanged, nexus);
  },
};
