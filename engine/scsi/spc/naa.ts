import { createHash } from 'node:crypto';

/** NAA 3h, Locally Assigned: the one form that needs no IEEE company identifier. SPC-4 "NAA Locally Assigned designator format". */
const LOCALLY_ASSIGNED = '3';
const NAA_LENGTH = 8;
const NAA_DIGIT_COUNT = 2 * NAA_LENGTH;

/**
 * An NAA designator as 16 hex digits, the same whenever target name, LUN and serial number are: initiators know the
 * logical unit by it across restarts and over all paths.
 */
export function deriveNaa(targetName: string, lun: number, serial: string): string {
  const digest = createHash('sha256').update(`${targetName}\n${lun}\n${serial}`).digest('hex');
  return LOCALLY_ASSIGNED + digest.slice(0, NAA_DIGIT_COUNT - 1);
}

const EUI_LENGTH = 8;
/** Of the first byte of an EUI-64: the address is one that nobody assigned, and that of one device. */
const LOCAL_BIT = 0x02;
const GROUP_BIT = 0x01;

/** An EUI-64 that stays as long as the NAA name does. */
export function deriveEui64(naa: string): Uint8Array {
  const eui = new Uint8Array(createHash('sha256').update(`eui-64\n${naa}`).digest().subarray(0, EUI_LENGTH));
  eui[0] = ((eui[0] as number) | LOCAL_BIT) & ~GROUP_BIT;
  return eui;
}
