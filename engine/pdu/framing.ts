/** Why a byte stream can no longer be cut into PDUs. */
export type FramingFault = 'header-digest' | 'data-segment-too-long';

/**
 * What a cursor hands its PDUs to. The header comes before the payload, so that the receiver can say where the
 * payload is to land. All views are valid only during the call.
 */
export interface PduReceiver {
  /**
   * A header (BHS, and AHS behind it) is complete and its digest, if any, is right. The receiver may call
   * `landIn` or `discardData` of the cursor to choose where the data segment goes.
   */
  onHeader(bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void;
  /**
   * The data segment of the last header is complete: `lengthBytes` of `bytes` from `at` (nothing of it when it was
   * landed or discarded elsewhere). `digestRight` is false when a data digest was negotiated and does not match.
   */
  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void;
  /** The stream is broken; the cursor has stopped. The header that broke it is at `at`. */
  onFramingFault(fault: FramingFault, bytes: Uint8Array, at: number): void;
}
