import { ReceiveCursor } from '../../../engine/net/receive-cursor.js';
import { Connection } from '../../../engine/session/connection.js';
import type { EngineContext } from '../../../engine/session/engine-context.js';
import type { ConnectionTransport } from '../../../engine/session/transport.js';
import { RecordingOutput } from '../task/recording-output.js';

/** What a chunk is overwritten with once its call is over. */
const SCRIBBLE = 0xcc;

/** Carries a connection over nothing: the test pushes chunks in and takes PDUs out. */
export class MemoryTransport implements ConnectionTransport {
  readonly output = new RecordingOutput();
  readonly remoteAddress: string;
  readonly localAddress = '192.0.2.2';
  readonly localPort = 3260;
  backlogBytes = 0;
  readonly connection: Connection;
  readonly #cursor: ReceiveCursor;
  readonly #context: EngineContext;
  isDestroyed = false;
  isClosed = false;
  pauseCount = 0;
  resumeCount = 0;
  flushSoonCount = 0;
  digests = { header: false, data: false };

  constructor(context: EngineContext, remoteAddress = '192.0.2.1') {
    this.#context = context;
    this.remoteAddress = remoteAddress;
    this.connection = new Connection(context, this);
    this.connection.receivedAtMicros = context.clock.nowMicros();
    this.#cursor = new ReceiveCursor(this.connection, context.limits.loginDataSegmentLengthBytesMax);
  }

  get isDataContiguous(): boolean {
    return this.#cursor.isDataContiguous;
  }

  get isReceivePaused(): boolean {
    return this.#cursor.isPaused;
  }

  /** One chunk from the socket. Its memory is another's as soon as the call is over, unless the cursor is paused. */
  receive(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes);
    this.connection.receivedAtMicros = this.#context.clock.nowMicros();
    this.#cursor.push(chunk);
    if (!this.#cursor.isPaused) chunk.fill(SCRIBBLE);
  }

  landIn(target: Uint8Array, offset: number, lengthMax: number): void {
    this.#cursor.landIn(target, offset, lengthMax);
  }

  discardData(): void {
    this.#cursor.discardData();
  }

  enterFullFeaturePhase(headerDigest: boolean, dataDigest: boolean, dataSegmentLengthMax: number): void {
    this.#cursor.headerDigest = headerDigest;
    this.#cursor.dataDigest = dataDigest;
    this.#cursor.dataSegmentLengthMax = dataSegmentLengthMax;
    this.digests = { header: headerDigest, data: dataDigest };
  }

  pauseReceive(): void {
    this.pauseCount++;
    this.#cursor.pause();
  }

  resumeReceive(): void {
    this.resumeCount++;
    this.#cursor.resume();
  }

  flush(): void {
    this.output.flush();
  }

  flushSoon(): void {
    this.flushSoonCount++;
  }

  closeAfterFlush(): void {
    this.#cursor.stop();
    this.isClosed = true;
    this.output.flush();
  }

  destroy(): void {
    this.#cursor.stop();
    this.isDestroyed = true;
    this.connection.onTransportClosed();
    this.output.close();
  }
}
