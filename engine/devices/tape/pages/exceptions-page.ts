import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { ALERT_FLAG_COUNT, TapeAlerts } from '../alerts/tape-alerts.js';

/*
 * Informational Exceptions Control mode page, SSC-4 "Informational Exceptions Control mode page", behind its header:
 *
 *     0| PERF . EBF EWASC DEXCPT TEST EBACKERR LOGERR | . MRIE (4) | INTERVAL TIMER (4) | REPORT COUNT / TEST FLAG NUMBER (4) |
 */
const PAGE_LENGTH = 0x0a;
const MRIE_AT = 1;
const TEST_FLAG_NUMBER_AT = 6;
const DEXCPT_BIT = 0x08;
const TEST_BIT = 0x04;
const LOGERR_BIT = 0x01;
/** MRIE: nothing is reported, a unit attention is, or (as a request only) when asked. */
const Mrie = { none: 0x0, unitAttention: 0x2, conditionalRecovered: 0x3, recovered: 0x4, noSense: 0x5, onRequest: 0x6 } as const;
/** TEST FLAG NUMBER: all flags. */
const ALL_FLAGS = 0x7fff;

/**
 * TapeAlert by this page: DEXCPT, which is set at the start, leaves the flags to who asks for the log page; without it a unit attention tells of each one.
 * TEST sets or clears the flag of a number.
 */
export const tapeExceptionsPage: ModePage = {
  code: 0x1c,
  subpage: 0,
  defaults() {
    const parameters = new Uint8Array(PAGE_LENGTH);
    parameters[0] = DEXCPT_BIT;
    parameters[MRIE_AT] = Mrie.conditionalRecovered;
    return parameters;
  },
  changeable() {
    const mask = new Uint8Array(PAGE_LENGTH);
    mask[0] = DEXCPT_BIT | TEST_BIT | LOGERR_BIT;
    mask[MRIE_AT] = 0x0f;
    mask.fill(0xff, TEST_FLAG_NUMBER_AT);
    return mask;
  },
  fault(parameters) {
    if ((parameters[MRIE_AT] as number) > Mrie.onRequest) return { byte: MRIE_AT, bit: 3 };
    const number = testFlagNumber(parameters);
    const isTest = ((parameters[0] as number) & TEST_BIT) !== 0;
    // SSC-4: a test of TapeAlert needs DEXCPT zero, and a number that a flag has.
    if (isTest && ((parameters[0] as number) & DEXCPT_BIT) !== 0) return { byte: 0, bit: 3 };
    const isKnown = number === ALL_FLAGS || Math.abs(number) <= ALERT_FLAG_COUNT;
    return isTest && !isKnown ? { byte: TEST_FLAG_NUMBER_AT, bit: 7 } : null;
  },
  apply(parameters, unit) {
    const alerts = unit.part(TapeAlerts);
    const isReported = ((parameters[0] as number) & DEXCPT_BIT) === 0;
    alerts.report({ establishesAttention: isReported && parameters[MRIE_AT] !== Mrie.none && parameters[MRIE_AT] !== Mrie.onRequest });
    alerts.test(((parameters[0] as number) & TEST_BIT) === 0 ? null : testFlagNumber(parameters));
  },
};

function testFlagNumber(parameters: Uint8Array): number {
  return new DataView(parameters.buffer, parameters.byteOffset, parameters.byteLength).getInt32(TEST_FLAG_NUMBER_AT);
}
