import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { WriteMode } from '../medium/drive-settings.js';
import { tapeOf } from '../tape-unit.js';
import { compressionPage, isCompressing, withCompression } from './data-compression-page.js';

/*
 * Device Configuration mode page, SSC-4 "Device Configuration mode page", behind its header:
 *
 *     0| . CAF ACTIVE FORMAT | ACTIVE PARTITION | WRITE OBJECT BUFFER FULL RATIO | READ OBJECT BUFFER EMPTY RATIO | WRITE DELAY TIME (2) |
 *     6| OBR LOIS RSMK AVC SOCF (2) ROBO REW | GAP SIZE | EOD DEFINED (3) EEG SEW SWP BAML BAM | OBJECT BUFFER SIZE AT EARLY WARNING (3) |
 *    12| SELECT DATA COMPRESSION ALGORITHM | WTRE (2) OIR REWIND ON RESET (2) ASOCWP PERSWP PRMWP |
 */
const PAGE_LENGTH = 0x0e;
const ACTIVE_PARTITION_AT = 1;
const WRITE_DELAY_TIME_AT = 4;
const OPTIONS_AT = 6;
const END_AT = 8;
const COMPRESSION_AT = 12;
const PROTECTION_AT = 13;
/** LOIS: logical objects are identified, so that they can be located. */
const LOIS_BIT = 0x40;
/** EEG: an erase gap ends the data. SEW: what is buffered is written when early warning is met. */
const EEG_BIT = 0x10;
const SEW_BIT = 0x08;
/** REWIND ON RESET 10b: a reset leaves the tape where it is. */
const NO_REWIND_ON_RESET = 0x10;
/** Tenths of a second. */
const WRITE_DELAY = 50;

export const deviceConfigurationPage: ModePage = {
  code: 0x10,
  subpage: 0,
  defaults(unit) {
    const drive = tapeOf(unit);
    const parameters = new Uint8Array(PAGE_LENGTH);
    parameters[ACTIVE_PARTITION_AT] = Math.min(drive.position?.partition ?? 0, 0xff);
    new DataView(parameters.buffer).setUint16(WRITE_DELAY_TIME_AT, WRITE_DELAY);
    parameters[OPTIONS_AT] = LOIS_BIT;
    parameters[END_AT] = EEG_BIT | SEW_BIT;
    parameters[COMPRESSION_AT] = drive.options.isCompressing ? 1 : 0;
    parameters[PROTECTION_AT] = NO_REWIND_ON_RESET;
    return parameters;
  },
  changeable() {
    const mask = new Uint8Array(PAGE_LENGTH);
    mask.fill(0xff, WRITE_DELAY_TIME_AT, WRITE_DELAY_TIME_AT + 2);
    mask[COMPRESSION_AT] = 0xff;
    return mask;
  },
  /** The active partition is told and not set: LOCATE changes it. */
  adjust(given, current) {
    if (given.length !== current.length) return given;
    const parameters = Uint8Array.from(given);
    parameters[ACTIVE_PARTITION_AT] = current[ACTIVE_PARTITION_AT] as number;
    return parameters;
  },
  fault: (parameters) => ((parameters[COMPRESSION_AT] as number) > 1 ? { byte: COMPRESSION_AT, bit: 7 } : null),
  entails: (after, read) => new Map([[dataCompressionPage, withCompression(read(dataCompressionPage), after[COMPRESSION_AT] !== 0)]]),
};

/** SSC-4 "Data Compression mode page": DCE and SELECT DATA COMPRESSION ALGORITHM are the same switch; st uses the one, IBM's driver the other. */
export const dataCompressionPage: ModePage = {
  ...compressionPage,
  entails(after, read) {
    const parameters = read(deviceConfigurationPage);
    parameters[COMPRESSION_AT] = isCompressing(after) ? 1 : 0;
    return new Map([[deviceConfigurationPage, parameters]]);
  },
};

/*
 * Device Configuration Extension mode page, SSC-4 "Device Configuration Extension mode page", behind its header:
 *
 *     0| . TARPF TASER TARPC TAPLSD | WRITE MODE (4) SHORT ERASE MODE (4) | PEWS (2) | . VCELBRE | Reserved (23) |
 */
const EXTENSION_LENGTH = 0x1c;
const WRITE_MODE_AT = 1;
const WRITE_MODE_SHIFT = 4;
const PEWS_AT = 2;
/** SHORT ERASE MODE 2h: a short erase makes the position the end of data. 1h would be that it does nothing. */
const SHORT_ERASE_MODE = 0x02;

export const deviceConfigurationExtensionPage: ModePage = {
  code: 0x10,
  subpage: 0x01,
  defaults() {
    const parameters = new Uint8Array(EXTENSION_LENGTH);
    parameters[WRITE_MODE_AT] = SHORT_ERASE_MODE;
    return parameters;
  },
  changeable() {
    const mask = new Uint8Array(EXTENSION_LENGTH);
    mask[WRITE_MODE_AT] = 0xf0;
    mask.fill(0xff, PEWS_AT, PEWS_AT + 2);
    return mask;
  },
  fault: (parameters) => ((parameters[WRITE_MODE_AT] as number) >> WRITE_MODE_SHIFT > WriteMode.appendOnly ? { byte: WRITE_MODE_AT, bit: 7 } : null),
  apply(parameters, unit) {
    const { settings } = tapeOf(unit);
    settings.writeMode = (parameters[WRITE_MODE_AT] as number) >> WRITE_MODE_SHIFT;
    settings.warnBefore(((parameters[PEWS_AT] as number) << 8) | (parameters[PEWS_AT + 1] as number));
  },
};
