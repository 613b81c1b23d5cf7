import { type CommandRow, type ReservationClass, VARIABLE_LENGTH_OPCODE } from '../../../../../engine/scsi/command-table.js';
import { a, b, c, hexOf } from './reservation-scene.js';

/** Persistent reservation types, SPC-4 "Persistent reservation type". */
export const RESERVATION_TYPES = [1, 3, 5, 6, 7, 8] as const;

export type Role = 'holder' | 'registrant' | 'stranger';
export const everybody: readonly Role[] = ['holder', 'registrant', 'stranger'];
const registrants: readonly Role[] = ['holder', 'registrant'];
const holder: readonly Role[] = ['holder'];
/** Whom a persistent reservation admits to a command: by its class, then by the type of the reservation. SPC-4 "Persistent reservations". */
export const admitted: Readonly<Record<ReservationClass, Readonly<Record<number, readonly Role[]>>>> = {
  always: { 1: everybody, 3: everybody, 5: everybody, 6: everybody, 7: everybody, 8: everybody },
  persistent: { 1: everybody, 3: everybody, 5: everybody, 6: everybody, 7: everybody, 8: everybody },
  read: { 1: everybody, 3: holder, 5: everybody, 6: registrants, 7: everybody, 8: registrants },
  write: { 1: holder, 3: holder, 5: registrants, 6: registrants, 7: registrants, 8: registrants },
};
export const nexusOfRole = { holder: a, registrant: b, stranger: c } as const;

/** A CDB that says nothing but which command it is. */
export function plainCdb(row: CommandRow): string {
  const cdb = new Uint8Array(row.cdbLength);
  cdb[0] = row.opcode;
  if (row.opcode === VARIABLE_LENGTH_OPCODE) {
    cdb[7] = row.cdbLength - 8;
    new DataView(cdb.buffer).setUint16(8, row.serviceAction as number);
  } else if (row.serviceAction !== undefined) cdb[1] = row.serviceAction;
  return hexOf(cdb);
}
