import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { ModeFieldPlace, ModePage } from '../../../scsi/spc/mode-page.js';
import { ModePages, PageControl } from '../../../scsi/spc/mode-page-values.js';
import { driveOf } from '../drive/optical-drive.js';

/*
 * Write Parameters mode page, MMC-6, behind its header:
 *
 *     0| . BUFE LS_V TEST WRITE . WRITE TYPE (4)             |
 *     1| MULTI-SESSION (2) FP COPY TRACK MODE (4)            |
 *     2| . DATA BLOCK TYPE (4) | LINK SIZE | . |
 *     5| . INITIATOR APPLICATION CODE (6) | SESSION FORMAT | . |
 *     8| PACKET SIZE (4) | AUDIO PAUSE LENGTH (2) |
 *    14| MEDIA CATALOG NUMBER (16) | ISRC (16) | SUB-HEADER (4) |
 */
const LENGTH = 0x32;
const WRITE_TYPE_AT = 0;
const TRACK_MODE_AT = 1;
const DATA_BLOCK_TYPE_AT = 2;
const AUDIO_PAUSE_AT = 12;
const BUFE_BIT = 0x40;
const WriteType = { trackAtOnce: 1, layerJump: 4 } as const;
/** Of WRITE TYPE the bit that tells packet (0) from track at once (1). */
const CD_WRITE_TYPE_MASK = 0x71;
const DATA_TRACK_MODE = 4;
/** 2048 bytes of Mode 1, and of Mode 2 XA form 1: of either an image has the user data alone. */
const DATA_BLOCK_TYPES: readonly number[] = [8, 10];
const MULTI_SESSION_SHIFT = 6;
const MULTI_SESSION_OPEN = 0b11;
const TWO_SECONDS = 150;

export const writeParametersPage: ModePage = {
  code: 0x05,
  subpage: 0,
  defaults() {
    const parameters = new Uint8Array(LENGTH);
    parameters[WRITE_TYPE_AT] = BUFE_BIT | WriteType.trackAtOnce;
    parameters[TRACK_MODE_AT] = DATA_TRACK_MODE;
    parameters[DATA_BLOCK_TYPE_AT] = DATA_BLOCK_TYPES[0] as number;
    new DataView(parameters.buffer).setUint16(AUDIO_PAUSE_AT, TWO_SECONDS);
    return parameters;
  },
  changeable(unit) {
    const mask = new Uint8Array(LENGTH).fill(0xff);
    mask.set([0x7f, 0xff, 0x0f, 0xff, 0x00, 0x3f, 0xff, 0x00]);
    // A CD is written by packet or by track at once: burner programs try what can be set, and go by that. To other discs the field means nothing.
    if (driveOf(unit).disc?.profile.family === 'cd') mask[WRITE_TYPE_AT] = CD_WRITE_TYPE_MASK;
    return mask;
  },
  fault(parameters): ModeFieldPlace | null {
    if (((parameters[WRITE_TYPE_AT] as number) & 0x0f) > WriteType.layerJump) return { byte: WRITE_TYPE_AT, bit: 3 };
    if (!DATA_BLOCK_TYPES.includes((parameters[DATA_BLOCK_TYPE_AT] as number) & 0x0f)) return { byte: DATA_BLOCK_TYPE_AT, bit: 3 };
    return null;
  },
};

function current(unit: LogicalUnit): Uint8Array {
  return unit.part(ModePages).read(writeParametersPage, PageControl.current);
}

/** WRITE TYPE is track at once: the initiator ends a track of a CD with SYNCHRONIZE CACHE, not with CLOSE TRACK SESSION. */
export function isTrackAtOnce(unit: LogicalUnit): boolean {
  return ((current(unit)[WRITE_TYPE_AT] as number) & 0x0f) === WriteType.trackAtOnce;
}

/** MULTI-SESSION: the session that is closed may be followed by another. */
export function allowsNextSession(unit: LogicalUnit): boolean {
  return (current(unit)[TRACK_MODE_AT] as number) >> MULTI_SESSION_SHIFT === MULTI_SESSION_OPEN;
}
