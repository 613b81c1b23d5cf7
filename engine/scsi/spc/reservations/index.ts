/** Who may use a logical unit: persistent reservations, and RESERVE and RELEASE of SPC-2. */
import { PersistentReservations } from './persistent-reservations.js';
import { persistentReserveInRows } from './reserve-in.js';
import { persistentReserveOutRows } from './reserve-out.js';
import { reserveReleaseRows } from './reserve-release.js';

/** Rows of every device type that can be reserved. */
export const reservationRows = [...persistentReserveInRows, ...persistentReserveOutRows, ...reserveReleaseRows];
/** There from the start: a reservation may have been kept. */
export const reservationParts = [PersistentReservations];
