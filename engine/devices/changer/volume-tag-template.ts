/*
 * Volume tag template, SMC-3 "SEND VOLUME TAG command":
 *
 *     0/ Volume Identification Template (32)                        /
 *    32| . (2) | Minimum Volume Sequence Number (2) | . (2) | Maximum Volume Sequence Number (2) |
 */
export const VOLUME_TAG_TEMPLATE_LENGTH = 40;
const IDENTIFICATION_LENGTH = 32;
const MINIMUM_AT = 34;
const MAXIMUM_AT = 38;
/** Of every cartridge: none has more than one volume with its name. */
const SEQUENCE_NUMBER = 0;

export interface VolumeTagTemplate {
  matches(barcode: string): boolean;
}

/** `list` has the length of a template. With `isAnySequence` its sequence numbers do not count. */
export function readVolumeTagTemplate(list: Uint8Array, isAnySequence: boolean): VolumeTagTemplate {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const hasSequence = isAnySequence || (view.getUint16(MINIMUM_AT) <= SEQUENCE_NUMBER && view.getUint16(MAXIMUM_AT) >= SEQUENCE_NUMBER);
  const pattern = Buffer.from(list.subarray(0, IDENTIFICATION_LENGTH))
    .toString('latin1')
    .replace(/[ \0]+$/, '');
  return { matches: (barcode) => hasSequence && matchesPattern(barcode, pattern) };
}

/** `?` stands for one character, `*` for any number of them. In time that grows with the product of the lengths, whatever the pattern. */
function matchesPattern(text: string, pattern: string): boolean {
  let textAt = 0;
  let patternAt = 0;
  let starAt = -1;
  let starTextAt = 0;
  while (textAt < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      starAt = patternAt++;
      starTextAt = textAt;
    } else if (wanted === '?' || wanted === text[textAt]) {
      patternAt++;
      textAt++;
    } else if (starAt !== -1) {
      // The last star takes one character more.
      patternAt = starAt + 1;
      textAt = ++starTextAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}
