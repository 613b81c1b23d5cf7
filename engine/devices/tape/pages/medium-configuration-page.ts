import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { tapeOf } from '../tape-unit.js';

const PAGE_LENGTH = 0x1e;
const WORMM_BIT = 0x01;
const LABEL_RESTRICTIONS_AT = 2;
const FILEMARK_RESTRICTIONS_AT = 3;
/** No block may be overwritten. */
const NO_LABELS = 0x00;
/** Filemarks right before the end of data may, but for the one that is closest to the beginning. */
const ALL_BUT_FIRST_FILEMARK = 0x02;

/** Medium Configuration mode page, SSC-4 "Medium Configuration mode page": what a WORM cartridge restricts. */
export const mediumConfigurationPage: ModePage = {
  code: 0x1d,
  subpage: 0,
  defaults(unit) {
    const parameters = new Uint8Array(PAGE_LENGTH);
    if (tapeOf(unit).facts?.worm !== true) return parameters;
    parameters[0] = WORMM_BIT;
    parameters[LABEL_RESTRICTIONS_AT] = NO_LABELS;
    parameters[FILEMARK_RESTRICTIONS_AT] = ALL_BUT_FIRST_FILEMARK;
    return parameters;
  },
};
