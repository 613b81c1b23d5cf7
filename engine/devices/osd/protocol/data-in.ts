import type { Segment } from './attribute-request.js';

/** Data-In as it is put together: the command's own data first, attributes and integrity information at the offsets that the CDB gives. */
export class DataIn {
  readonly #buffer: Uint8Array;
  #end = 0;
  /** Bytes of the command's own data, and of the attributes: what integrity information counts. */
  dataLengthBytes = 0;
  #retrieved: Segment = { offsetBytes: 0, lengthBytes: 0 };

  /** `buffer` is zeroed and as long as there is room; what goes beyond is dropped. */
  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  /** How many bytes have been produced, gaps included. */
  get lengthBytes(): number {
    return this.#end;
  }

  get data(): Uint8Array {
    return this.#buffer.subarray(0, this.dataLengthBytes);
  }

  get retrieved(): Uint8Array {
    return this.#buffer.subarray(this.#retrieved.offsetBytes, this.#retrieved.offsetBytes + this.#retrieved.lengthBytes);
  }

  /** Room for the command's own data, to be filled in place: at most `lengthBytes`. `setData` then tells how much of it there is. */
  room(lengthBytes: number): Uint8Array {
    return this.#buffer.subarray(0, Math.min(lengthBytes, this.#buffer.length));
  }

  setDataLength(lengthBytes: number): void {
    this.dataLengthBytes = Math.min(lengthBytes, this.#buffer.length);
    this.#end = Math.max(this.#end, this.dataLengthBytes);
  }

  /** The command's own data, cut to its allocation length. */
  setData(bytes: Uint8Array, allocationLength: number): void {
    const lengthBytes = Math.min(bytes.length, allocationLength, this.#buffer.length);
    this.#buffer.set(bytes.subarray(0, lengthBytes));
    this.setDataLength(lengthBytes);
  }

  setRetrieved(bytes: Uint8Array, { offsetBytes, lengthBytes }: Segment): void {
    this.#retrieved = { offsetBytes, lengthBytes: this.put(bytes.subarray(0, lengthBytes), offsetBytes) };
  }

  /** Answers how many of the bytes had room. */
  put(bytes: Uint8Array, offsetBytes: number): number {
    const lengthBytes = Math.max(0, Math.min(bytes.length, this.#buffer.length - offsetBytes));
    if (lengthBytes === 0) return 0;
    this.#buffer.set(bytes.subarray(0, lengthBytes), offsetBytes);
    this.#end = Math.max(this.#end, offsetBytes + lengthBytes);
    return lengthBytes;
  }
}
