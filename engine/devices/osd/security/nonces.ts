/**
 * Request nonces that have come: a time of six bytes and six random ones. Each is good once, and only near its time, so that no more need be remembered
 * than come within the window. OSD-2 "Request nonces".
 */
export class NonceList {
  readonly #depth: number;
  readonly #seen = new Map<string, number>();

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Remembers the nonce until `forgetAtMs`. `repeated`: it has come before. `full`: so many are in use that this one cannot be remembered. */
  note(nonce: Uint8Array, nowMs: number, forgetAtMs: number): 'new' | 'repeated' | 'full' {
    const text = Buffer.from(nonce).toString('hex');
    if (this.#seen.has(text)) return 'repeated';
    if (this.#seen.size >= this.#depth) this.#forgetOld(nowMs);
    if (this.#seen.size >= this.#depth) return 'full';
    this.#seen.set(text, forgetAtMs);
    return 'new';
  }

  #forgetOld(nowMs: number): void {
    for (const [text, forgetAtMs] of this.#seen) if (forgetAtMs < nowMs) this.#seen.delete(text);
  }
}

/** The time in a request nonce, milliseconds since 1970. */
export function nonceTimeMs(nonce: Uint8Array): number {
  const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}
