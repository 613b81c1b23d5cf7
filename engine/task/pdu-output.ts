/** Something that must stay as it is until its bytes have left user space. */
export interface Releasable {
  /** `atMicros`: when, by the engine's clock, where the output knows it; many that leave together share one reading. */
  onFlushed(atMicros?: number): void;
}

/**
 * Where PDUs are written: the send queue of a connection. A PDU is begun, its 48-byte header is written in place
 * through `view` at the answered offset, and one of the `end` calls adds digests, padding and data.
 */
export interface PduOutput {
  /** The send memory that the last `begin` answered an offset of. */
  readonly view: DataView;
  begin(): number;
  /** Ends a PDU without data. */
  end(): void;
  /** Ends a PDU whose data is small or will change: the bytes are copied now. */
  endWithCopy(bytes: Uint8Array, at: number, lengthBytes: number): void;
  /** Ends a PDU whose data is sent from where it lies; it must not change until `releaseAfterFlush` has called back. */
  endWithView(bytes: Uint8Array, at: number, lengthBytes: number): void;
  /** Calls `item.onFlushed()` when everything written so far has left user space, or never will. */
  releaseAfterFlush(item: Releasable): void;
}
