import { informationalExceptionsLogPage } from '../../scsi/spc/log/common-pages.js';
import { type LogPage, list } from '../../scsi/spc/log/log-page.js';
import { libraryOf } from './library.js';

/** TapeAlert flags of libraries, SMC-3 "TapeAlert": parameters 1 to 64, of a byte each. */
const FLAG_COUNT = 64;
/** The library found that its inventory is not what it should be: cartridges have no image. */
const INVENTORY_FLAG = 24;

/** TapeAlert log page, SMC-3 "TapeAlert log page". A flag is set while its condition lasts. */
const tapeAlertPage: LogPage = {
  code: 0x2e,
  subpage: 0,
  parameters(unit) {
    const isInventoryWrong = libraryOf(unit).hasMissingImages;
    return Array.from({ length: FLAG_COUNT }, (_, index) => list(index + 1, Uint8Array.of(index + 1 === INVENTORY_FLAG && isInventoryWrong ? 1 : 0)));
  },
};

export const changerLogPages: readonly LogPage[] = [tapeAlertPage, informationalExceptionsLogPage];
