/** An offset field that names no place in its buffer: the segment is not there. */
export const OFFSET_UNUSED = 0xffff_ffff;
const EXPONENT_SHIFT = 28;
const MANTISSA_MASK = 0x0fff_ffff;
const EXPONENT_SIGN = 0x8;
const EXPONENT_VALUES = 16;
const EXPONENT_MIN = -5;
/** An offset is a mantissa times two to the power of this and the exponent. */
const EXPONENT_BIAS = 8;

/**
 * The byte offset that a Data-In or Data-Out offset field stands for, OSD-2 "Data-In and Data-Out buffer offsets": a mantissa of 28 bits and a signed
 * exponent of four; null for a field that is not used, and undefined for exponents below -5, which are reserved.
 */
export function decodeOffset(field: number): number | null | undefined {
  if (field === OFFSET_UNUSED) return null;
  const bits = field >>> EXPONENT_SHIFT;
  const exponent = bits >= EXPONENT_SIGN ? bits - EXPONENT_VALUES : bits;
  if (exponent < EXPONENT_MIN) return undefined;
  return (field & MANTISSA_MASK) * 2 ** (exponent + EXPONENT_BIAS);
}

/** The field of an offset, which must be a multiple of eight below 2^31: bigger ones have to be multiples of 256, and are rounded up to one. */
export function encodeOffset(offsetBytes: number): { readonly field: number; readonly offsetBytes: number } {
  for (let exponent = EXPONENT_MIN; exponent < EXPONENT_SIGN; exponent++) {
    const unit = 2 ** (exponent + EXPONENT_BIAS);
    const mantissa = Math.ceil(offsetBytes / unit);
    if (mantissa <= MANTISSA_MASK) return { field: (((exponent & 0xf) << EXPONENT_SHIFT) | mantissa) >>> 0, offsetBytes: mantissa * unit };
  }
  return { field: OFFSET_UNUSED, offsetBytes: 0 };
}
