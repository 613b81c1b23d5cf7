import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { tapeOf } from '../tape-unit.js';

/*
 * Data Compression mode page, SSC-4 "Data Compression mode page", behind its header:
 *
 *     0| DCE DCC . | DDE RED (2) . | COMPRESSION ALGORITHM (4) | DECOMPRESSION ALGORITHM (4) | Reserved (4) |
 */
const PAGE_LENGTH = 0x0e;
const DCE_BIT = 0x80;
const DCC_BIT = 0x40;
const DDE_BIT = 0x80;
const COMPRESSION_ALGORITHM_AT = 2;
const DECOMPRESSION_ALGORITHM_AT = 6;
/** FFh, "Unregistered algorithm". */
const ALGORITHM = 0xff;

export function isCompressing(parameters: Uint8Array): boolean {
  return ((parameters[0] as number) & DCE_BIT) !== 0;
}

/** The page with DCE set or cleared. */
export function withCompression(parameters: Uint8Array, isOn: boolean): Uint8Array {
  const changed = Uint8Array.from(parameters);
  changed[0] = ((changed[0] as number) & ~DCE_BIT) | (isOn ? DCE_BIT : 0);
  return changed;
}

/** What is written is compressed or not; what was compressed is always read. */
export const compressionPage: ModePage = {
  code: 0x0f,
  subpage: 0,
  defaults(unit) {
    const parameters = new Uint8Array(PAGE_LENGTH);
    const view = new DataView(parameters.buffer);
    parameters[0] = (isDefault(unit) ? DCE_BIT : 0) | DCC_BIT;
    parameters[1] = DDE_BIT;
    view.setUint32(COMPRESSION_ALGORITHM_AT, ALGORITHM);
    view.setUint32(DECOMPRESSION_ALGORITHM_AT, ALGORITHM);
    return parameters;
  },
  changeable() {
    const mask = new Uint8Array(PAGE_LENGTH);
    mask[0] = DCE_BIT;
    return mask;
  },
  /** DCC and DDE say what the drive can; the algorithms that some drivers clear or set to their own name are the one that it has. */
  adjust(given, current) {
    if (given.length !== current.length) return given;
    const parameters = Uint8Array.from(current);
    parameters[0] = ((given[0] as number) & DCE_BIT) | ((current[0] as number) & ~DCE_BIT);
    return parameters;
  },
  apply: (parameters, unit) => tapeOf(unit).settings.compress(isCompressing(parameters)),
};

function isDefault(unit: LogicalUnit): boolean {
  return tapeOf(unit).options.isCompressing;
}
