import {
  BHS_LENGTH,
  crc32c,
  DIGEST_LENGTH,
  FINAL_BIT,
  LOGIN_RESPONSE,
  Opcode,
  paddedLength,
  readDataSegmentLength,
  readDigest,
  readOpcode,
  readTotalAHSLengthBytes,
} from '../../engine/pdu/index.js';

export interface Digests {
  readonly header: boolean;
  readonly data: boolean;
}

/** One PDU as its bytes lie on the wire. */
export interface WirePdu {
  readonly bytes: Uint8Array;
  readonly header: DataView;
  /** Without padding and digest. */
  readonly data: Uint8Array;
  /** Where the padded data segment begins in `bytes`; behind it stands the data digest, if any. */
  readonly dataAt: number;
}

/**
 * Cuts the bytes of one direction into PDUs, for what looks on: the engine's own cursor is what is tested. Digests hold from the
 * end of login on, which only the target's direction shows; the other is told.
 */
export class PduCutter {
  readonly #digests: Digests;
  readonly #onPdu: (pdu: WirePdu) => void;
  #bytes: Uint8Array = new Uint8Array(0);
  /** A header came that its digest disproves: nobody knows where the next PDU begins. */
  #isBroken = false;
  isFullFeature = false;

  constructor(digests: Digests, onPdu: (pdu: WirePdu) => void) {
    this.#digests = digests;
    this.#onPdu = onPdu;
  }

  push(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    let at = 0;
    while (!this.#isBroken) {
      const length = this.#lengthAt(bytes, at);
      if (length === 0) break;
      this.#deliver(bytes.slice(at, at + length));
      at += length;
    }
    this.#bytes = bytes.slice(at);
  }

  /** The length of the PDU that begins here; 0 when it is not complete. */
  #lengthAt(bytes: Uint8Array, at: number): number {
    if (bytes.length - at < BHS_LENGTH) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const dataLength = paddedLength(readDataSegmentLength(view, 0));
    const digests = this.isFullFeature ? (this.#digests.header ? DIGEST_LENGTH : 0) + (this.#digests.data && dataLength > 0 ? DIGEST_LENGTH : 0) : 0;
    const length = BHS_LENGTH + readTotalAHSLengthBytes(view, 0) + dataLength + digests;
    return bytes.length - at >= length ? length : 0;
  }

  #deliver(bytes: Uint8Array): void {
    const header = new DataView(bytes.buffer, bytes.byteOffset, BHS_LENGTH);
    const dataAt = BHS_LENGTH + readTotalAHSLengthBytes(header, 0) + (this.isFullFeature && this.#digests.header ? DIGEST_LENGTH : 0);
    if (this.isFullFeature && this.#digests.header && !isHeaderRight(bytes, dataAt - DIGEST_LENGTH)) {
      this.#isBroken = true;
      return;
    }
    const pdu = { bytes, header, data: bytes.subarray(dataAt, dataAt + readDataSegmentLength(header, 0)), dataAt };
    if (!this.isFullFeature && endsLogin(header)) this.isFullFeature = true;
    this.#onPdu(pdu);
  }
}

function isHeaderRight(bytes: Uint8Array, end: number): boolean {
  return crc32c(bytes, 0, end) === readDigest(new DataView(bytes.buffer, bytes.byteOffset), end);
}

function endsLogin(header: DataView): boolean {
  if (readOpcode(header, 0) !== Opcode.loginResponse || header.getUint16(LOGIN_RESPONSE.statusClass) !== 0) return false;
  const flags = header.getUint8(1);
  return (flags & FINAL_BIT) !== 0 && (flags & 3) === 3;
}
