import { writeAscii } from '../../../scsi/cdb.js';
import { extendedInquiryPage } from '../../../scsi/spc/extended-inquiry-pages.js';
import type { VpdPage } from '../../../scsi/spc/inquiry.js';
import { ALERT_FLAG_COUNT, supportedAlertFlags } from '../alerts/tape-alerts.js';

const EXTENDED_CACHE_AT = 2;
const V_SUP_BIT = 0x01;

/** Extended INQUIRY Data VPD page: what is written may be buffered. */
export const tapeExtendedInquiryPage: VpdPage = {
  code: 0x86,
  build(unit, nexus) {
    const body = Uint8Array.from(extendedInquiryPage.build(unit, nexus));
    body[EXTENDED_CACHE_AT] = (body[EXTENDED_CACHE_AT] as number) | V_SUP_BIT;
    return body;
  },
};

const WORM_BIT = 0x01;

/** Sequential-access Device Capabilities VPD page, SSC-4: cartridges can be WORM. */
export const sequentialCapabilitiesPage: VpdPage = { code: 0xb0, build: () => Uint8Array.of(WORM_BIT, 0) };

/** Manufacturer-assigned Serial Number VPD page, SSC-4. */
export const manufacturerSerialPage: VpdPage = {
  code: 0xb1,
  build({ identity: { serial } }) {
    const body = new Uint8Array(serial.length);
    writeAscii(body, 0, serial.length, serial);
    return body;
  },
};

/** TapeAlert Supported Flags VPD page, SSC-4: flag 1 is the left-most bit. */
export const tapeAlertSupportedFlagsPage: VpdPage = {
  code: 0xb2,
  build() {
    const body = new Uint8Array(ALERT_FLAG_COUNT / 8);
    for (const flag of supportedAlertFlags) {
      const at = Math.floor((flag - 1) / 8);
      body[at] = (body[at] as number) | (0x80 >> ((flag - 1) % 8));
    }
    return body;
  },
};
