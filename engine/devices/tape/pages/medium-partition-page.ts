import type { LogicalUnit } from '../../../scsi/logical-unit.js';
import type { ModePage } from '../../../scsi/spc/mode-page.js';
import { FDP_BIT, IDP_BIT, PARTITION_FIELD, POFM_BIT, PSUM_BITS, PSUM_SHIFT, partitionUnitExponent, SDP_BIT } from '../medium/partition-plan.js';
import { tapeOf } from '../tape-unit.js';

const PSUM_UNITS = 0b11;
/** Formats and partitions are recognised. */
const RECOGNIZES_BOTH = 0x03;
const SIZE_BYTES = 2;

/**
 * Medium Partition mode page, SSC-4 "Medium Partition mode page": how the medium is partitioned, and how FORMAT MEDIUM will do it. POFM is always one: MODE
 * SELECT itself never destroys anything.
 */
export const mediumPartitionPage: ModePage = {
  code: 0x11,
  subpage: 0,
  defaults(unit) {
    const partitions = tapeOf(unit).facts?.partitions ?? [];
    const countMax = partitionCountMax(unit);
    const parameters = new Uint8Array(PARTITION_FIELD.sizes + SIZE_BYTES * countMax);
    const view = new DataView(parameters.buffer);
    const exponent = partitionUnitExponent(partitions);
    parameters[PARTITION_FIELD.maximum] = countMax - 1;
    parameters[PARTITION_FIELD.defined] = Math.max(0, partitions.length - 1);
    parameters[PARTITION_FIELD.flags] = IDP_BIT | (PSUM_UNITS << PSUM_SHIFT) | POFM_BIT;
    parameters[PARTITION_FIELD.recognition] = RECOGNIZES_BOTH;
    parameters[PARTITION_FIELD.units] = exponent;
    for (const [index, { capacityBytes }] of partitions.entries()) {
      view.setUint16(PARTITION_FIELD.sizes + SIZE_BYTES * index, Math.min(0xffff, Math.round(capacityBytes / 10 ** exponent)));
    }
    return parameters;
  },
  changeable(unit) {
    const mask = new Uint8Array(PARTITION_FIELD.sizes + SIZE_BYTES * partitionCountMax(unit)).fill(0xff, PARTITION_FIELD.sizes);
    mask[PARTITION_FIELD.defined] = 0xff;
    mask[PARTITION_FIELD.flags] = FDP_BIT | SDP_BIT | IDP_BIT | PSUM_BITS;
    mask[PARTITION_FIELD.units] = 0x0f;
    return mask;
  },
  /** Initiators send as many sizes as they define partitions, and leave out or clear what only the device tells. */
  adjust(given, current) {
    if (given.length > current.length || given.length < PARTITION_FIELD.sizes) return given;
    const parameters = new Uint8Array(current.length);
    parameters.set(given);
    parameters[PARTITION_FIELD.maximum] = current[PARTITION_FIELD.maximum] as number;
    parameters[PARTITION_FIELD.recognition] = current[PARTITION_FIELD.recognition] as number;
    parameters[PARTITION_FIELD.flags] = (parameters[PARTITION_FIELD.flags] as number) | POFM_BIT;
    return parameters;
  },
  fault(parameters) {
    if ((parameters[PARTITION_FIELD.defined] as number) > (parameters[PARTITION_FIELD.maximum] as number)) return { byte: PARTITION_FIELD.defined, bit: 7 };
    // One of fixed, selected and initiator-defined partitions at most.
    const ways = [FDP_BIT, SDP_BIT, IDP_BIT].filter((bit) => ((parameters[PARTITION_FIELD.flags] as number) & bit) !== 0);
    return ways.length > 1 ? { byte: PARTITION_FIELD.flags, bit: 7 } : null;
  },
};

function partitionCountMax(unit: LogicalUnit): number {
  return tapeOf(unit).options.partitionCountMax;
}
