import { BHS_LENGTH } from '../pdu/index.js';
import type { PduOutput, Releasable } from '../task/pdu-output.js';
import type { Retransmission } from './retransmission.js';

const noBytes = new Uint8Array(0);

/**
 * Stands before the output of a connection that may be asked to send PDUs again, and shows each to what keeps them. Whoever
 * writes PDUs knows nothing of it, so that connections of ErrorRecoveryLevel 0 pay nothing.
 */
export class RetainingOutput implements PduOutput {
  inner: PduOutput;
  readonly #retransmission: Retransmission;
  #at = 0;

  constructor(inner: PduOutput, retransmission: Retransmission) {
    this.inner = inner;
    this.#retransmission = retransmission;
  }

  get view(): DataView {
    return this.inner.view;
  }

  begin(): number {
    this.#at = this.inner.begin();
    return this.#at;
  }

  end(): void {
    this.#retransmission.keep(this.inner.view, this.#at, noBytes, 0, 0);
    this.inner.end();
  }

  endWithCopy(bytes: Uint8Array, at: number, lengthBytes: number): void {
    this.#retransmission.keep(this.inner.view, this.#at, bytes, at, lengthBytes);
    this.inner.endWithCopy(bytes, at, lengthBytes);
  }

  endWithView(bytes: Uint8Array, at: number, lengthBytes: number): void {
    this.#retransmission.keep(this.inner.view, this.#at, bytes, at, lengthBytes);
    this.inner.endWithView(bytes, at, lengthBytes);
  }

  releaseAfterFlush(item: Releasable): void {
    this.inner.releaseAfterFlush(item);
  }
}

/** Takes the PDUs of a lost connection. */
export const nowhere: PduOutput = {
  view: new DataView(new ArrayBuffer(BHS_LENGTH)),
  begin: () => 0,
  end: () => {},
  endWithCopy: () => {},
  endWithView: () => {},
  releaseAfterFlush: (item) => item.onFlushed(),
};
