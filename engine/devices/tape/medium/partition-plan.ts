import type { TapeFacts } from '../image/tape-service.js';

/*
 * Medium Partition mode page, SSC-4 "Medium Partition mode page", behind its header:
 *
 *     0| MAXIMUM ADDITIONAL PARTITIONS | ADDITIONAL PARTITIONS DEFINED | FDP SDP IDP PSUM (2) POFM CLEAR ADDP | MEDIUM FORMAT RECOGNITION |
 *     4| PARTITIONING TYPE . PARTITION UNITS (4) | . | PARTITION SIZE (2) …                                                              |
 */
export const PARTITION_FIELD = { maximum: 0, defined: 1, flags: 2, recognition: 3, units: 4, sizes: 6 } as const;
export const FDP_BIT = 0x80;
export const SDP_BIT = 0x40;
export const IDP_BIT = 0x20;
export const PSUM_BITS = 0x18;
export const PSUM_SHIFT = 3;
export const POFM_BIT = 0x04;
/** All that is left. */
const REMAINDER = 0xffff;
/** PSUM: bytes, kilobytes, megabytes, ten to the power of PARTITION UNITS. */
const unitBytesOfPsum = [1, 1e3, 1e6] as const;
const PARTITION_UNITS_MASK = 0x0f;

/** What FORMAT MEDIUM makes of the page: bytes for each partition; null when it cannot be done. */
export function partitionBytesOf(parameters: Uint8Array, facts: TapeFacts): readonly number[] | null {
  const count = (parameters[PARTITION_FIELD.defined] as number) + 1;
  const flags = parameters[PARTITION_FIELD.flags] as number;
  // FDP and SDP leave the sizes to the device: equal parts.
  if ((flags & IDP_BIT) === 0) return equalParts(facts.capacityBytes, count);
  const psum = (flags & PSUM_BITS) >> PSUM_SHIFT;
  const unitBytes = unitBytesOfPsum[psum] ?? 10 ** ((parameters[PARTITION_FIELD.units] as number) & PARTITION_UNITS_MASK);
  const view = new DataView(parameters.buffer, parameters.byteOffset, parameters.byteLength);
  const told = Array.from({ length: count }, (_, index) => view.getUint16(PARTITION_FIELD.sizes + 2 * index));
  const given = told.map((size) => (size === REMAINDER ? null : Math.max(size * unitBytes, facts.partitionBytesMin)));
  const remainders = given.filter((size) => size === null).length;
  if (remainders > 1) return null;
  const leftBytes = facts.capacityBytes - given.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  if (leftBytes < (remainders === 1 ? facts.partitionBytesMin : 0)) return null;
  const sizes = given.map((size) => size ?? leftBytes);
  // Nobody asked for the rest, which belongs to the last one, as on a cartridge that has no unused tracks.
  if (remainders === 0) sizes[count - 1] = (sizes[count - 1] as number) + leftBytes;
  return sizes;
}

function equalParts(capacityBytes: number, count: number): readonly number[] {
  const partBytes = Math.floor(capacityBytes / count);
  const sizes = new Array<number>(count).fill(partBytes);
  sizes[0] = capacityBytes - partBytes * (count - 1);
  return sizes;
}

/** The unit in which the page tells the sizes that there are: the smallest power of ten in which all of them fit. */
export function partitionUnitExponent(partitions: readonly { readonly capacityBytes: number }[]): number {
  const largest = Math.max(0, ...partitions.map(({ capacityBytes }) => capacityBytes));
  let exponent = 6;
  while (largest / 10 ** exponent >= REMAINDER && exponent < PARTITION_UNITS_MASK) exponent++;
  return exponent;
}
