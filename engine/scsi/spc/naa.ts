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
