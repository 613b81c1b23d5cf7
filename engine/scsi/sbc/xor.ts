const WORD_BYTES = 4;

/** A run of bytes within its memory. */
interface Run {
  readonly bytes: Uint8Array;
  readonly start: number;
}

/** Sets `lengthBytes` of `target` to `left` XOR `right`; `target` may be one of them. By words, where all three lie on word boundaries. */
export function exclusiveOr(target: Run, left: Run, right: Run, lengthBytes: number): void {
  const wordCount = isWordAligned(target) && isWordAligned(left) && isWordAligned(right) ? Math.floor(lengthBytes / WORD_BYTES) : 0;
  if (wordCount > 0) {
    const targetWords = wordsOf(target, wordCount);
    const leftWords = wordsOf(left, wordCount);
    const rightWords = wordsOf(right, wordCount);
    for (let at = 0; at < wordCount; at++) targetWords[at] = (leftWords[at] as number) ^ (rightWords[at] as number);
  }
  for (let at = wordCount * WORD_BYTES; at < lengthBytes; at++) {
    target.bytes[target.start + at] = (left.bytes[left.start + at] as number) ^ (right.bytes[right.start + at] as number);
  }
}

/** The same with OR. */
export function inclusiveOr(target: Run, left: Run, right: Run, lengthBytes: number): void {
  const wordCount = isWordAligned(target) && isWordAligned(left) && isWordAligned(right) ? Math.floor(lengthBytes / WORD_BYTES) : 0;
  if (wordCount > 0) {
    const targetWords = wordsOf(target, wordCount);
    const leftWords = wordsOf(left, wordCount);
    const rightWords = wordsOf(right, wordCount);
    for (let at = 0; at < wordCount; at++) targetWords[at] = (leftWords[at] as number) | (rightWords[at] as number);
  }
  for (let at = wordCount * WORD_BYTES; at < lengthBytes; at++) {
    target.bytes[target.start + at] = (left.bytes[left.start + at] as number) | (right.bytes[right.start + at] as number);
  }
}

function isWordAligned({ bytes, start }: Run): boolean {
  return (bytes.byteOffset + start) % WORD_BYTES === 0;
}

function wordsOf({ bytes, start }: Run, count: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset + start, count);
}
