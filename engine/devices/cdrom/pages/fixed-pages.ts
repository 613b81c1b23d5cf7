import type { ModePage } from '../../../scsi/spc/mode-page.js';

function fixed(code: number, lengthBytes: number, values: Readonly<Record<number, number>> = {}): ModePage {
  return {
    code,
    subpage: 0,
    defaults() {
      const parameters = new Uint8Array(lengthBytes);
      for (const [at, value] of Object.entries(values)) parameters[Number(at)] = value;
      return parameters;
    },
  };
}

/** Read/Write Error Recovery mode page, MMC-6. Recovery flags and retry counts are taken, and change nothing. */
export const errorRecoveryPage: ModePage = {
  ...fixed(0x01, 0x0a, { 0: 0x80, 1: 0x01 }),
  changeable() {
    const mask = new Uint8Array(0x0a);
    // AWRE ARRE TB RC . PER DTE DCR; READ RETRY COUNT; WRITE RETRY COUNT.
    mask.set([0xf7, 0xff], 0);
    mask[6] = 0xff;
    return mask;
  },
};

/** CD Device Parameters mode page: 60 seconds a minute, 75 frames a second, and the default inactivity timer. */
export const cdParametersPage = fixed(0x0d, 0x06, { 1: 0x0d, 3: 60, 5: 75 });

/** CD Audio Control mode page: Immed, and both channels at full volume. */
export const audioControlPage: ModePage = {
  ...fixed(0x0e, 0x0e, { 0: 0x04, 6: 0x01, 7: 0xff, 8: 0x02, 9: 0xff }),
  changeable() {
    const mask = new Uint8Array(0x0e);
    for (let port = 6; port < 0x0e; port += 2) mask.set([0x0f, 0xff], port);
    return mask;
  },
};

/** Power Condition mode page in the length that MMC-6 gives it: no timer runs. */
export const powerConditionPage = fixed(0x1a, 0x0a);

/** Time-out and Protect mode page: a minute for what is short, and half an hour for what is long. */
export const timeOutPage = fixed(0x1d, 0x0a, { 4: 0, 5: 60, 6: 0x07, 7: 0x08 });
