import type { ModePage } from './mode-sense.js';

/** Control mode page, SPC-4 "Control mode page", bytes 2 to 11. */
const CONTROL_LENGTH = 0x0a;
/** Global logging target save disable: there is nothing that could be saved. */
const GLTSD_BIT = 0x02;
/** QUEUE ALGORITHM MODIFIER 1h, unrestricted reordering: SIMPLE commands run on several threads. */
const UNRESTRICTED_REORDERING = 0x10;
const BUSY_TIMEOUT_PERIOD_AT = 6;
/** A unit may stay busy without a bound, as SPC-4 codes it. */
const BUSY_TIMEOUT_UNLIMITED = 0xff;

export const controlPage: ModePage = {
  code: 0x0a,
  subpage: 0,
  current() {
    const parameters = new Uint8Array(CONTROL_LENGTH);
    // D_SENSE stays 0: sense data has the fixed format.
    parameters[0] = GLTSD_BIT;
    parameters[1] = UNRESTRICTED_REORDERING;
    parameters[BUSY_TIMEOUT_PERIOD_AT] = BUSY_TIMEOUT_UNLIMITED;
    parameters[BUSY_TIMEOUT_PERIOD_AT + 1] = BUSY_TIMEOUT_UNLIMITED;
    return parameters;
  },
};

const POWER_CONDITION_LENGTH = 0x26;

/** Power Condition mode page, SPC-4 "Power Condition mode page": no timer runs, there are no power conditions. */
export const powerConditionPage: ModePage = { code: 0x1a, subpage: 0, current: () => new Uint8Array(POWER_CONDITION_LENGTH) };

const INFORMATIONAL_EXCEPTIONS_LENGTH = 0x0a;
const DEXCPT_BIT = 0x08;

/** Informational Exceptions Control mode page, SPC-4: failure prediction is off, as nothing is predicted. */
export const informationalExceptionsPage: ModePage = {
  code: 0x1c,
  subpage: 0,
  current() {
    const parameters = new Uint8Array(INFORMATIONAL_EXCEPTIONS_LENGTH);
    parameters[0] = DEXCPT_BIT;
    return parameters;
  },
};
