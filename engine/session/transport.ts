import type { PduOutput } from '../task/pdu-output.js';

/** What a connection needs of the thing that carries its bytes; `net` implements it over a socket. */
export interface ConnectionTransport {
  readonly output: PduOutput;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** The data segment of the header being delivered lies whole in memory already. */
  readonly isDataContiguous: boolean;
  /** We do not read now, so that silence says nothing of the peer. */
  readonly isReceivePaused: boolean;
  /** Bytes that wait to be sent. */
  readonly backlogBytes: number;
  /** The coming data segment goes here; bytes beyond `lengthMax` are dropped. Only while its header is being handled. */
  landIn(target: Uint8Array, offset: number, lengthMax: number): void;
  /** The coming data segment, or what is left of the current one, is dropped. */
  discardData(): void;
  /** Login is over: digests and the negotiated data segment length hold from the next PDU on, both ways. */
  enterFullFeaturePhase(headerDigest: boolean, dataDigest: boolean, dataSegmentLengthMax: number): void;
  pauseReceive(): void;
  resumeReceive(): void;
  /** Sends what is queued now. */
  flush(): void;
  /** Sends what is queued before the event loop waits: for what is queued outside the handling of a chunk. */
  flushSoon(): void;
  /** Sends what is queued, then closes. */
  closeAfterFlush(): void;
  destroy(): void;
}
