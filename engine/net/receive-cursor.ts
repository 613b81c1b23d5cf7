import type { FramingFault, PduReceiver } from '../pdu/framing.js';
import { BHS_LENGTH, crc32c, DIGEST_LENGTH, paddedLength, readDataSegmentLength, readDigest, readTotalAHSLengthBytes } from '../pdu/index.js';

const AHS_LENGTH_FIELD_MAX_BYTES = 255 * 4;
const PADDING_LENGTH_MAX = 3;
const noBytes = new Uint8Array(0);

/**
 * Cuts a byte stream, in chunks of any size, into PDUs. Headers and data segments that lie whole in a chunk are used in
 * place; only what straddles two chunks is gathered. No exceptions, no closures, no concatenation.
 */
export class ReceiveCursor {
  headerDigest = false;
  dataDigest = false;
  /** DataSegmentLength above this is a framing fault; bytes. */
  dataSegmentLengthMax: number;

  readonly #receiver: PduReceiver;
  readonly #onPdu: () => void;
  #chunk: Uint8Array = noBytes;
  #view: DataView = new DataView(noBytes.buffer);
  #at = 0;
  #end = 0;
  #stopped = false;
  #paused = false;
  #running = false;

  readonly #header: Uint8Array = new Uint8Array(BHS_LENGTH + AHS_LENGTH_FIELD_MAX_BYTES + DIGEST_LENGTH);
  readonly #headerView = new DataView(this.#header.buffer);
  #headerFilled = 0;

  /** Bytes of the current data segment with its padding and digest, and how many of them have been taken. */
  #inData = false;
  #dataLength = 0;
  #dataPaddedLength = 0;
  #dataWireLength = 0;
  #dataTaken = 0;
  #crc = 0;
  #landing: Uint8Array | null = null;
  #landingOffset = 0;
  #landingLength = 0;
  #discarding = false;
  #gathered: Uint8Array | null = null;
  readonly #trailer = new Uint8Array(PADDING_LENGTH_MAX + DIGEST_LENGTH);
  readonly #trailerView = new DataView(this.#trailer.buffer);

  /** `onPdu` is called after each PDU. */
  constructor(receiver: PduReceiver, dataSegmentLengthMax: number, onPdu: () => void = () => {}) {
    this.#receiver = receiver;
    this.#onPdu = onPdu;
    this.dataSegmentLengthMax = dataSegmentLengthMax;
  }

  /**
   * Takes the next chunk of the stream: the first `lengthBytes` of `chunk`, with a view of the same bytes. They are not
   * looked at after the call, so the next chunk may come in the same memory.
   */
  push(chunk: Uint8Array, view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), lengthBytes = chunk.length): void {
    if (this.#stopped) return;
    if (this.#at < this.#end) {
      // Only a paused cursor has bytes left: keep the order.
      this.#takeOver(joined(this.#chunk.subarray(this.#at, this.#end), chunk.subarray(0, lengthBytes)));
    } else {
      this.#chunk = chunk;
      this.#view = view;
      this.#at = 0;
      this.#end = lengthBytes;
    }
    this.#run();
    if (this.#at < this.#end && this.#chunk === chunk) this.#takeOver(joined(chunk.subarray(this.#at, this.#end), noBytes));
  }

  /** Goes on with bytes that are the cursor's own. */
  #takeOver(bytes: Uint8Array): void {
    this.#chunk = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#at = 0;
    this.#end = bytes.length;
  }

  /** Takes no further PDU until `resume`. The one being delivered is finished first. */
  pause(): void {
    this.#paused = true;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#running) this.#run();
  }

  /** Drops all that was not yet delivered, for good. */
  stop(): void {
    this.#stopped = true;
    this.#forgetChunk();
    this.#landing = null;
    this.#gathered = null;
  }

  #forgetChunk(): void {
    this.#chunk = noBytes;
    this.#at = 0;
    this.#end = 0;
  }

  /** True when the whole data segment of the header just delivered lies in the current chunk. Call within `onHeader`. */
  get isDataContiguous(): boolean {
    return this.#end - this.#at >= this.#dataWireLength;
  }

  /**
   * Copies the coming data segment to `target` from `offset` as it arrives, `lengthMax` bytes at most; what is longer
   * is dropped. Call within `onHeader`.
   */
  landIn(target: Uint8Array, offset: number, lengthMax: number): void {
    this.#landing = target;
    this.#landingOffset = offset;
    this.#landingLength = lengthMax;
  }

  /** Drops the coming data segment. Call within `onHeader`. */
  discardData(): void {
    this.#discarding = true;
  }

  #run(): void {
    this.#running = true;
    while (!this.#stopped && !(this.#paused && !this.#inData)) {
      if (!(this.#inData ? this.#takeData() : this.#takeHeader())) break;
      if (!this.#inData) this.#onPdu();
    }
    this.#running = false;
    if (this.#at >= this.#end) this.#forgetChunk();
  }

  /** False when more bytes are needed. */
  #takeHeader(): boolean {
    const available = this.#end - this.#at;
    if (this.#headerFilled === 0) {
      if (available >= BHS_LENGTH) {
        const wireLength = this.#headerWireLength(this.#view, this.#at);
        if (available >= wireLength) {
          const at = this.#at;
          this.#at += wireLength;
          this.#deliverHeader(this.#chunk, this.#view, at, wireLength);
          return true;
        }
      }
      if (available === 0) return false;
    }
    if (!this.#gatherHeader(BHS_LENGTH)) return false;
    // Told at once: what was never iSCSI seldom sends the additional header segments that it seems to announce.
    if (!this.headerDigest && readDataSegmentLength(this.#headerView, 0) > this.dataSegmentLengthMax) {
      this.#fault('data-segment-too-long', this.#header, 0);
      return false;
    }
    const wireLength = this.#headerWireLength(this.#headerView, 0);
    if (!this.#gatherHeader(wireLength)) return false;
    this.#headerFilled = 0;
    this.#deliverHeader(this.#header, this.#headerView, 0, wireLength);
    return true;
  }

  #headerWireLength(view: DataView, at: number): number {
    return BHS_LENGTH + readTotalAHSLengthBytes(view, at) + (this.headerDigest ? DIGEST_LENGTH : 0);
  }

  #gatherHeader(untilBytes: number): boolean {
    const take = Math.min(untilBytes - this.#headerFilled, this.#end - this.#at);
    if (take > 0) {
      this.#header.set(this.#chunk.subarray(this.#at, this.#at + take), this.#headerFilled);
      this.#headerFilled += take;
      this.#at += take;
    }
    return this.#headerFilled >= untilBytes;
  }

  #deliverHeader(bytes: Uint8Array, view: DataView, at: number, wireLength: number): void {
    if (this.headerDigest) {
      const end = at + wireLength - DIGEST_LENGTH;
      if (crc32c(bytes, at, end) !== readDigest(view, end)) {
        this.#fault('header-digest', bytes, at);
        return;
      }
    }
    const length = readDataSegmentLength(view, at);
    if (length > this.dataSegmentLengthMax) {
      this.#fault('data-segment-too-long', bytes, at);
      return;
    }
    this.#dataLength = length;
    this.#dataPaddedLength = paddedLength(length);
    this.#dataWireLength = length === 0 ? 0 : this.#dataPaddedLength + (this.dataDigest ? DIGEST_LENGTH : 0);
    this.#dataTaken = 0;
    this.#crc = 0;
    this.#landing = null;
    this.#discarding = false;
    this.#inData = true;
    this.#receiver.onHeader(bytes, view, at, readTotalAHSLengthBytes(view, at), length);
  }

  #fault(fault: FramingFault, bytes: Uint8Array, at: number): void {
    this.#stopped = true;
    this.#receiver.onFramingFault(fault, bytes, at);
  }

  /** False when more bytes are needed. */
  #takeData(): boolean {
    if (this.#dataLength === 0) return this.#deliverData(noBytes, 0, 0, true);
    if (this.#landing !== null || this.#discarding) return this.#takeLandedData();
    const at = this.#at;
    if (this.#dataTaken === 0 && this.#end - at >= this.#dataWireLength) {
      this.#at += this.#dataWireLength;
      return this.#deliverData(this.#chunk, at, this.#dataLength, this.#digestRight(this.#chunk, this.#view, at));
    }
    return this.#takeGatheredData();
  }

  #digestRight(bytes: Uint8Array, view: DataView, at: number): boolean {
    if (!this.dataDigest) return true;
    const end = at + this.#dataPaddedLength;
    return crc32c(bytes, at, end) === readDigest(view, end);
  }

  #takeGatheredData(): boolean {
    const take = Math.min(this.#dataWireLength - this.#dataTaken, this.#end - this.#at);
    // Not before there is something to keep: a segment that comes whole with the next chunk needs no memory, and none may be left for the one after it.
    if (take === 0) return false;
    this.#gathered ??= new Uint8Array(this.#dataWireLength);
    this.#gathered.set(this.#chunk.subarray(this.#at, this.#at + take), this.#dataTaken);
    this.#at += take;
    this.#dataTaken += take;
    if (this.#dataTaken < this.#dataWireLength) return false;
    const gathered = this.#gathered;
    this.#gathered = null;
    const right = this.#digestRight(gathered, new DataView(gathered.buffer), 0);
    return this.#deliverData(gathered, 0, this.#dataLength, right);
  }

  #takeLandedData(): boolean {
    const body = Math.min(this.#dataLength - this.#dataTaken, this.#end - this.#at);
    if (body > 0) {
      const part = this.#chunk.subarray(this.#at, this.#at + body);
      if (this.#landing !== null && !this.#discarding) this.#land(part, this.#landing);
      if (this.dataDigest) this.#crc = crc32c(part, 0, body, this.#crc);
      this.#at += body;
      this.#dataTaken += body;
    }
    if (this.#dataTaken < this.#dataLength) return false;
    const tail = Math.min(this.#dataWireLength - this.#dataTaken, this.#end - this.#at);
    for (let i = 0; i < tail; i++) this.#trailer[this.#dataTaken - this.#dataLength + i] = this.#chunk[this.#at + i] as number;
    this.#at += tail;
    this.#dataTaken += tail;
    if (this.#dataTaken < this.#dataWireLength) return false;
    let right = true;
    if (this.dataDigest) {
      const padding = this.#dataPaddedLength - this.#dataLength;
      right = crc32c(this.#trailer, 0, padding, this.#crc) === readDigest(this.#trailerView, padding);
    }
    return this.#deliverData(noBytes, 0, this.#dataLength, right);
  }

  #land(part: Uint8Array, target: Uint8Array): void {
    const room = this.#landingLength - this.#dataTaken;
    if (room >= part.length) target.set(part, this.#landingOffset + this.#dataTaken);
    else if (room > 0) target.set(part.subarray(0, room), this.#landingOffset + this.#dataTaken);
  }

  #deliverData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): true {
    this.#inData = false;
    this.#landing = null;
    this.#receiver.onData(bytes, at, lengthBytes, digestRight);
    return true;
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
