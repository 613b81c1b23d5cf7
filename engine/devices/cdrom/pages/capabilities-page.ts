import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { driveOf } from '../drive/optical-drive.js';

/*
 * C/DVD Capabilities and Mechanical Status mode page, MMC-3, which is still what Linux `sr` and burner programs ask first. Offsets behind the header:
 *
 *     0| read: DVD-RAM DVD-R DVD-ROM Method2 CD-RW CD-R | write: DVD-RAM DVD-R . TEST CD-RW CD-R |
 *     2| BUF MULTI-SESSION MODE2F2 MODE2F1 … | READ BAR CODE UPC ISRC C2 … |
 *     4| LOADING MECHANISM (3) . EJECT JUMPER LOCK STATE LOCK | … |
 *     6| MAXIMUM READ SPEED (2) | VOLUME LEVELS (2) | BUFFER SIZE (2) | CURRENT READ SPEED (2) |
 *    16| MAXIMUM WRITE SPEED (2) | CURRENT WRITE SPEED (2) | COPY MANAGEMENT (2) | … |
 *    26| CURRENT WRITE SPEED SELECTED (2) | DESCRIPTORS (2) | . ROTATION SPEED (2) … |
 */
const FIXED_LENGTH = 30;
const DESCRIPTOR_LENGTH = 4;
/** Drives have as many for every disc: a page never changes its length. */
const DESCRIPTOR_COUNT = 2;
const READS_ALL = 0x1f;
const WRITES_CD_R_CD_RW_DVD_R = 0x13;
const BUF_MULTI_SESSION = 0xc0;
const C2_POINTERS = 0x10;
const TRAY = 0x20;
const EJECT_BIT = 0x08;
const LOCK_STATE_BIT = 0x02;
const LOCK_BIT = 0x01;
const VOLUME_LEVELS = 256;
const BUFFER_KIB = 2048;

export const capabilitiesPage: ModePage = {
  code: 0x2a,
  subpage: 0,
  defaults(unit) {
    const drive = driveOf(unit);
    const { range, read, write } = drive.speeds;
    const parameters = new Uint8Array(FIXED_LENGTH + DESCRIPTOR_COUNT * DESCRIPTOR_LENGTH);
    const view = new DataView(parameters.buffer);
    parameters.set([READS_ALL, WRITES_CD_R_CD_RW_DVD_R, BUF_MULTI_SESSION, C2_POINTERS]);
    parameters[4] = TRAY | EJECT_BIT | LOCK_BIT | (drive.isRemovalPrevented ? LOCK_STATE_BIT : 0);
    const words = [range.read, VOLUME_LEVELS, BUFFER_KIB, read];
    for (const [index, word] of words.entries()) view.setUint16(6 + 2 * index, word);
    view.setUint16(16, range.write[0] as number);
    view.setUint16(18, write);
    view.setUint16(26, write);
    view.setUint16(28, DESCRIPTOR_COUNT);
    for (const [index, speed] of range.write.entries()) view.setUint16(FIXED_LENGTH + DESCRIPTOR_LENGTH * index + 2, speed);
    return parameters;
  },
};
