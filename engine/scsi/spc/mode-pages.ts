import type { ModePage } from './mode-page.js';

/*
 * Mode pages of all device types of which nothing can be changed. They are there because initiators ask for them, and say that there is nothing to be set.
 */

const DISCONNECT_RECONNECT_LENGTH = 0x0e;

/** Disconnect-Reconnect mode page, SPC-4: no bound on bursts besides those that iSCSI negotiates. */
export const disconnectReconnectPage: ModePage = { code: 0x02, subpage: 0, defaults: () => new Uint8Array(DISCONNECT_RECONNECT_LENGTH) };

const POWER_CONDITION_LENGTH = 0x26;

/** Power Condition mode page, SPC-4 "Power Condition mode page": no timer runs. */
export const powerConditionPage: ModePage = { code: 0x1a, subpage: 0, defaults: () => new Uint8Array(POWER_CONDITION_LENGTH) };

const INFORMATIONAL_EXCEPTIONS_LENGTH = 0x0a;
const DEXCPT_BIT = 0x08;

/** Informational Exceptions Control mode page, SPC-4: failure prediction is off, as nothing is predicted. */
export const informationalExceptionsPage: ModePage = {
  code: 0x1c,
  subpage: 0,
  defaults() {
    const parameters = new Uint8Array(INFORMATIONAL_EXCEPTIONS_LENGTH);
    parameters[0] = DEXCPT_BIT;
    return parameters;
  },
};
