/**
 * Request nonces that have come: a time of six bytes and six random ones. Each is good once, and only near its time. So many are remembered at most: when one
 * more comes the oldest is forgotten, and none that is not younger is taken from then on, so that none is ever taken twice. OSD-2 "Request nonces".
 */
export class NonceList {
  readonly #countMax: number;
  /** By their text, in the order in which they came. */
  readonly #seen = new Map<string, number>();
  #floorMs: number;

  /** What came before `startMs` is not known. */
  constructor(countMax: number, startMs: number) {
    this.#countMax = countMax;
    this.#floorMs = startMs - 1;
  }

  /** Remembers the nonce. `old`: it may have come and been forgotten. */
  note(nonce: Uint8Array, timeMs: number): 'new' | 'repeated' | 'old' {
    const text = Buffer.from(nonce).toString('hex');
    if (this.#seen.has(text)) return 'repeated';
    if (timeMs <= this.#floorMs) return 'old';
    this.#seen.set(text, timeMs);
    if (this.#seen.size > this.#countMax) this.#forgetFirst();
    return 'new';
  }

  #forgetFirst(): void {
    const [first] = this.#seen;
    if (first === undefined) return;
    this.#seen.delete(first[0]);
    this.#floorMs = Math.max(this.#floorMs, first[1]);
  }
}

/** The time in a request nonce, milliseconds since 1970. */
export function nonceTimeMs(nonce: Uint8Array): number {
  const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}
