import { edcOf, writeParity } from './edc-ecc.js';
import { bcd, msfOf } from './msf.js';

/*
 * A Mode 1 sector as it lies on a CD, ECMA-130 14:
 *
 *        0| Sync (12) | Minute Second Frame, in BCD | Mode 01h |
 *       16| User data (2048)                                   |
 *     2064| EDC (4) | Intermediate, zeros (8)                  |
 *     2076| P parity (172) | Q parity (104)                    |
 */
export const RAW_SECTOR_BYTES = 2352;
export const SYNC_BYTES = 12;
export const HEADER_BYTES = 4;
export const USER_DATA_BYTES = 2048;
export const EDC_ECC_BYTES = 288;
const USER_DATA_AT = SYNC_BYTES + HEADER_BYTES;
const EDC_AT = USER_DATA_AT + USER_DATA_BYTES;
const MODE_1 = 0x01;

/** The four bytes that say where the sector is: READ HEADER told them, READ CD returns them. */
export function sectorHeader(lba: number): Uint8Array {
  const { minute, second, frame } = msfOf(lba);
  return Uint8Array.of(bcd(minute), bcd(second), bcd(frame), MODE_1);
}

/** The whole sector around 2048 bytes of user data. */
export function mode1Sector(lba: number, userData: Uint8Array): Uint8Array {
  const sector = new Uint8Array(RAW_SECTOR_BYTES);
  sector.fill(0xff, 1, SYNC_BYTES - 1);
  sector.set(sectorHeader(lba), SYNC_BYTES);
  sector.set(userData, USER_DATA_AT);
  new DataView(sector.buffer).setUint32(EDC_AT, edcOf(sector.subarray(0, EDC_AT)), true);
  writeParity(sector);
  return sector;
}
