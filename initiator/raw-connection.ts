import { type Clock, systemClock } from '../engine/clock.js';
import { BHS_LENGTH, crc32c, DATA_SEGMENT_LENGTH_FIELD_MAX, DIGEST_LENGTH, paddedLength, readOpcode, writeDigest } from '../engine/pdu/index.js';
import { InitiatorError } from './errors.js';
import { initiatorLimits } from './limits.js';
import { type LoginPhaseOptions, type LoginResult, loginOver } from './login.js';
import { Wire, type WireReceiver } from './wire.js';

/** One PDU as it came; every byte is a copy. */
export interface ReceivedPdu {
  readonly opcode: number;
  /** The basic header segment, 48 bytes. */
  readonly header: Buffer;
  /** Over `header`: what the decoders take, at offset 0. */
  readonly view: DataView;
  readonly ahs: Buffer;
  readonly data: Buffer;
  /** False when a data digest was negotiated and is wrong. */
  readonly dataDigestRight: boolean;
}

export interface SendPduOptions {
  /** Additional header segments, padded; the header must tell their length itself. */
  readonly ahs?: Uint8Array;
  /** The data segment without padding; the header must tell its length itself. */
  readonly data?: Uint8Array;
  /** Whether digests are sent; what was negotiated unless told. */
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
  readonly corruptHeaderDigest?: boolean;
  readonly corruptDataDigest?: boolean;
}

export interface RawConnectOptions {
  readonly connectMsMax?: number;
  readonly clock?: Clock;
}

const CORRUPTION = 0x5a5a5a5a;

/** The bytes of one PDU: header as it is, then AHS, digests, data and padding as told. */
export function framePdu(header: Uint8Array, options: SendPduOptions = {}): Buffer {
  const { ahs, data, headerDigest = false, dataDigest = false } = options;
  const headerLength = header.length + (ahs?.length ?? 0);
  const dataLength = data?.length ?? 0;
  const bytes = Buffer.alloc(headerLength + (headerDigest ? DIGEST_LENGTH : 0) + paddedLength(dataLength) + (dataDigest && dataLength > 0 ? DIGEST_LENGTH : 0));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes.set(header);
  if (ahs !== undefined) bytes.set(ahs, header.length);
  let at = headerLength;
  if (headerDigest) {
    writeDigest((crc32c(bytes, 0, headerLength) ^ (options.corruptHeaderDigest ? CORRUPTION : 0)) >>> 0, view, at);
    at += DIGEST_LENGTH;
  }
  if (data === undefined || dataLength === 0) return bytes;
  bytes.set(data, at);
  const end = at + paddedLength(dataLength);
  if (dataDigest) writeDigest((crc32c(bytes, at, end) ^ (options.corruptDataDigest ? CORRUPTION : 0)) >>> 0, view, end);
  return bytes;
}

/**
 * A connection that sends what it is told and hands over what comes, PDU by PDU, with no opinion about either: for tests
 * that speak the protocol by hand, or break it. Every wait has a time-out.
 */
export class RawConnection implements WireReceiver {
  readonly #clock: Clock;
  #wire: Wire | null = null;
  readonly #queue: ReceivedPdu[] = [];
  #queueBytes = 0;
  #closeCause: InitiatorError | null = null;
  /** Called whenever a PDU was queued or the connection closed. */
  readonly #wakers = new Set<() => void>();
  #header: Buffer = Buffer.alloc(0);
  #ahs: Buffer = Buffer.alloc(0);

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rejects with `CONNECT_FAILED` or `CONNECT_TIMEOUT`. */
  static async connect(host: string, port: number, options: RawConnectOptions = {}): Promise<RawConnection> {
    const clock = options.clock ?? systemClock;
    const connection = new RawConnection(clock);
    const connectMsMax = options.connectMsMax ?? initiatorLimits.connectMsMax;
    connection.#wire = await Wire.connect({ host, port, connectMsMax, clock }, connection, DATA_SEGMENT_LENGTH_FIELD_MAX);
    return connection;
  }

  /** Logs in as a session would; what comes after the last Login Response is for `nextPdu`. Negotiated digests are set. */
  login(options: LoginPhaseOptions): Promise<LoginResult> {
    return loginOver(this.wire, options, () => this);
  }

  get wire(): Wire {
    if (this.#wire === null) throw new InitiatorError('CONNECTION_CLOSED', 'the connection was never made');
    return this.#wire;
  }

  get isClosed(): boolean {
    return this.#closeCause !== null;
  }

  get localPort(): number {
    return this.wire.localPort;
  }

  /** Digests that are expected, and sent unless a PDU says otherwise; from the next PDU on. */
  setDigests(headerDigest: boolean, dataDigest: boolean): void {
    this.wire.setDigests(headerDigest, dataDigest);
  }

  /** Sends one PDU. The header goes out as it is, lengths included, so that it may lie. */
  sendPdu(header: Uint8Array, options: SendPduOptions = {}): void {
    if (header.length !== BHS_LENGTH) throw new InitiatorError('ARGUMENT_INVALID', `a header has ${BHS_LENGTH} bytes, not ${header.length}`);
    const { headerDigest, dataDigest } = this.wire;
    this.sendBytes(framePdu(header, { headerDigest, dataDigest, ...options }));
  }

  /** Writes bytes as they are; at once, so that each call can be a TCP segment of its own. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closeCause !== null) throw this.#closeCause;
    this.wire.writeRaw(bytes);
    this.wire.flush();
  }

  /** The next PDU. Rejects with `RECEIVE_TIMEOUT`, or with why the connection closed once all that came before is taken. */
  async nextPdu(timeoutMs: number): Promise<ReceivedPdu> {
    await this.#waitUntil(() => this.#queue.length > 0 || this.isClosed, timeoutMs, 'RECEIVE_TIMEOUT', 'no PDU came');
    const pdu = this.#queue.shift();
    if (pdu === undefined) throw this.#closeCause ?? new InitiatorError('CONNECTION_CLOSED', 'the connection closed');
    this.#queueBytes -= pdu.data.length;
    return pdu;
  }

  /** Waits for `quietMs` and answers null, or the PDU that came all the same. Rejects when the connection closes. */
  async nothingFor(quietMs: number): Promise<ReceivedPdu | null> {
    try {
      return await this.nextPdu(quietMs);
    } catch (error) {
      if (error instanceof InitiatorError && error.code === 'RECEIVE_TIMEOUT') return null;
      throw error;
    }
  }

  /** Waits until the target closes; answers the PDUs that came before and were not taken. Rejects with `CLOSE_TIMEOUT`. */
  async expectClose(timeoutMs: number): Promise<ReceivedPdu[]> {
    await this.#waitUntil(() => this.isClosed, timeoutMs, 'CLOSE_TIMEOUT', 'the target did not close the connection');
    this.#queueBytes = 0;
    return this.#queue.splice(0);
  }

  /** Stops taking bytes from the socket, to see how the target bears a reader that does not read. */
  pauseReading(): void {
    this.wire.pauseReading();
  }

  resumeReading(): void {
    this.wire.resumeReading();
  }

  /** Sends what waits and a FIN, and waits until both sides are closed. */
  async close(timeoutMs: number = initiatorLimits.logoutMsMax): Promise<void> {
    if (this.isClosed) return;
    this.wire.end();
    await this.expectClose(timeoutMs);
  }

  /** Closes at once. */
  destroy(): void {
    this.wire.destroy();
  }

  /** Closes at once with a TCP reset. */
  reset(): void {
    this.wire.reset();
  }

  async #waitUntil(condition: () => boolean, timeoutMs: number, code: 'RECEIVE_TIMEOUT' | 'CLOSE_TIMEOUT', what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        this.#wakers.delete(wake);
        cancel();
      };
      const wake = (): void => {
        if (!condition()) return;
        done();
        resolve();
      };
      const cancel = this.#clock.after(timeoutMs, () => {
        done();
        reject(new InitiatorError(code, `${what} within ${timeoutMs} ms`));
      });
      this.#wakers.add(wake);
    });
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }

  onHeader(bytes: Uint8Array, _view: DataView, at: number, ahsLengthBytes: number): void {
    this.#header = Buffer.from(bytes.subarray(at, at + BHS_LENGTH));
    this.#ahs = Buffer.from(bytes.subarray(at + BHS_LENGTH, at + BHS_LENGTH + ahsLengthBytes));
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    const header = this.#header;
    const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
    this.#queueBytes += lengthBytes;
    if (this.#queue.length >= initiatorLimits.rawQueuePduCountMax || this.#queueBytes > initiatorLimits.rawQueueBytesMax) {
      throw new InitiatorError('QUEUE_FULL', `${this.#queue.length} PDUs wait to be taken`);
    }
    const data = Buffer.from(bytes.subarray(at, at + lengthBytes));
    this.#queue.push({ opcode: readOpcode(view, 0), header, view, ahs: this.#ahs, data, dataDigestRight: digestRight });
    this.#wake();
  }

  onFramingFault(): void {}

  onTurnEnd(): void {}

  onClosed(cause: InitiatorError): void {
    this.#closeCause = cause;
    this.#wake();
  }
}
