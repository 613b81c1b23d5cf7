import * as net from 'node:net';
import type { Clock } from '../engine/clock.js';
import { assert } from '../engine/errors.js';
import { ReceiveCursor } from '../engine/net/receive-cursor.js';
import {
  crc32c,
  DIGEST_LENGTH,
  type FramingFault,
  opcodeName,
  type PduReceiver,
  paddedLength,
  readDataSegmentLength,
  readOpcode,
  writeDigest,
} from '../engine/pdu/index.js';
import { checkClauses } from './checks.js';
import { InitiatorError, TargetViolation } from './errors.js';
import { initiatorLimits } from './limits.js';
import { SendBlock } from './send-block.js';

/** What a wire hands its PDUs to. Errors of the class `InitiatorError` that it throws end the wire. */
export interface WireReceiver extends PduReceiver {
  /** Every PDU of one read of the socket has been delivered; what is sent now leaves in one write. */
  onTurnEnd(): void;
  /** The connection is gone, for good; called once. */
  onClosed(cause: InitiatorError): void;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly connectMsMax: number;
  readonly clock: Clock;
}

const PADDING_LENGTH_MAX = 3;
/** Blocks kept for reuse; a burst that needed more gives the rest back. */
const IDLE_BLOCK_COUNT_MAX = 4;

/**
 * One connection: a socket, the cursor that cuts what comes, and a gatherer for what goes. Everything in the initiator
 * that speaks iSCSI speaks through here. PDUs are written with `beginPdu`, a codec, `endPdu`.
 */
export class Wire implements PduReceiver {
  readonly #socket: net.Socket;
  readonly #cursor: ReceiveCursor;
  #receiver: WireReceiver | null = null;
  #closed = false;
  #closeCause: InitiatorError | null = null;
  #receiving = false;
  #flushScheduled = false;

  #headerDigest = false;
  #dataDigest = false;
  #block: SendBlock = new SendBlock();
  readonly #idleBlocks: SendBlock[] = [];
  readonly #busyBlocks: SendBlock[] = [];
  /** Pieces in wire order that wait for the flush; a null block marks a caller's own memory. */
  readonly #pieces: Uint8Array[] = [];
  readonly #pieceBlocks: (SendBlock | null)[] = [];
  readonly #flushBound: () => void;

  private constructor(socket: net.Socket, dataSegmentLengthMax: number) {
    this.#socket = socket;
    this.#cursor = new ReceiveCursor(this, dataSegmentLengthMax);
    this.#flushBound = () => this.flush();
  }

  /** Connects. Rejects with `CONNECT_FAILED` or `CONNECT_TIMEOUT`. The receiver must be set before anything arrives. */
  static connect(options: ConnectOptions, receiver: WireReceiver, dataSegmentLengthMax: number): Promise<Wire> {
    const { host, port } = options;
    return new Promise((resolve, reject) => {
      let wire: Wire | null = null;
      const buffer = Buffer.allocUnsafeSlow(initiatorLimits.receiveBufferBytes);
      const onread = {
        buffer,
        // The cursor gathers what straddles two reads and is never paused here, so the buffer is free again after each.
        callback: (lengthBytes: number): boolean => {
          wire?.receive(buffer.subarray(0, lengthBytes));
          return true;
        },
      };
      const socket = net.connect({ host, port, noDelay: true, onread });
      const fail = (error: InitiatorError): void => {
        cancelTimer();
        socket.destroy();
        reject(error);
      };
      const onError = (error: Error): void =>
        fail(new InitiatorError('CONNECT_FAILED', `no connection to ${host}:${port}: ${error.message}`, { cause: error }));
      const cancelTimer = options.clock.after(options.connectMsMax, () =>
        fail(new InitiatorError('CONNECT_TIMEOUT', `no connection to ${host}:${port} within ${options.connectMsMax} ms`)),
      );
      socket.once('error', onError);
      socket.once('connect', () => {
        cancelTimer();
        socket.off('error', onError);
        wire = new Wire(socket, dataSegmentLengthMax);
        wire.#receiver = receiver;
        wire.#listen();
        resolve(wire);
      });
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Who gets the PDUs from now on; may be changed while one is delivered, so that the next goes elsewhere. */
  setReceiver(receiver: WireReceiver): void {
    this.#receiver = receiver;
    if (this.#closed && this.#closeCause !== null) receiver.onClosed(this.#closeCause);
  }

  /** From the next PDU on, in both directions. */
  setDigests(headerDigest: boolean, dataDigest: boolean): void {
    this.#headerDigest = headerDigest;
    this.#dataDigest = dataDigest;
    this.#cursor.headerDigest = headerDigest;
    this.#cursor.dataDigest = dataDigest;
  }

  get headerDigest(): boolean {
    return this.#headerDigest;
  }

  get dataDigest(): boolean {
    return this.#dataDigest;
  }

  setDataSegmentLengthMax(lengthBytes: number): void {
    this.#cursor.dataSegmentLengthMax = lengthBytes;
  }

  /** Stops reading the socket, so that the target runs into TCP's window; what was read is still delivered. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  // --- Receiving ---------------------------------------------------------------------------------------------------

  /** Copies the coming data segment to `target` from `offset`, `lengthMax` bytes at most. Call within `onHeader`. */
  landIn(target: Uint8Array, offset: number, lengthMax: number): void {
    this.#cursor.landIn(target, offset, lengthMax);
  }

  /** Drops the coming data segment. Call within `onHeader`. */
  discardData(): void {
    this.#cursor.discardData();
  }

  /** One read of the socket. */
  private receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#receiving = true;
    try {
      this.#cursor.push(chunk);
      if (!this.#closed) this.#receiver?.onTurnEnd();
    } catch (error) {
      if (!(error instanceof InitiatorError)) throw error;
      this.destroy(error);
    } finally {
      this.#receiving = false;
    }
    this.flush();
  }

  onHeader(bytes: Uint8Array, view: DataView, at: number, ahsLengthBytes: number, dataSegmentLengthBytes: number): void {
    this.#receiver?.onHeader(bytes, view, at, ahsLengthBytes, dataSegmentLengthBytes);
  }

  onData(bytes: Uint8Array, at: number, lengthBytes: number, digestRight: boolean): void {
    this.#receiver?.onData(bytes, at, lengthBytes, digestRight);
  }

  onFramingFault(fault: FramingFault, bytes: Uint8Array, at: number): void {
    this.#receiver?.onFramingFault(fault, bytes, at);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const name = opcodeName(readOpcode(view, at));
    this.destroy(
      fault === 'header-digest'
        ? new TargetViolation('headerDigest', `the header digest of ${name} is wrong`, checkClauses.headerDigest)
        : new TargetViolation(
            'dataSegmentLength',
            `${name} carries ${readDataSegmentLength(view, at)} bytes, above the ${this.#cursor.dataSegmentLengthMax} we declared`,
            checkClauses.dataSegmentLength,
          ),
    );
  }

  // --- Sending -----------------------------------------------------------------------------------------------------

  /** Where the header that comes next is to be written: `view` and `bytes` at the offset that is answered. */
  beginPdu(headerLengthBytes: number): number {
    // Starting over while nothing is on its way keeps the same few cache lines in use.
    if (this.#block.isIdle) this.#block.reset();
    this.#ensure(headerLengthBytes + DIGEST_LENGTH);
    return this.#block.filled;
  }

  get view(): DataView {
    return this.#block.view;
  }

  get bytes(): Buffer {
    return this.#block.bytes;
  }

  /**
   * Completes the PDU whose header was written at `at`: digests, data `data[from, to)` and its padding. Data above
   * `sendCopyBytesMax` is sent from where it is, so it must stay unchanged until the socket has taken it.
   */
  endPdu(at: number, headerLengthBytes: number, data: Uint8Array | null = null, from = 0, to = data?.length ?? 0): void {
    const block = this.#block;
    let end = at + headerLengthBytes;
    if (this.#headerDigest) {
      writeDigest(crc32c(block.bytes, at, end), block.view, end);
      end += DIGEST_LENGTH;
    }
    block.filled = end;
    if (data !== null && to > from) this.#appendData(data, from, to);
    this.#scheduleFlush();
  }

  /** Bytes as they are: for tests that send what no codec would. */
  writeRaw(bytes: Uint8Array): void {
    this.#cutBlock();
    this.#pieces.push(bytes);
    this.#pieceBlocks.push(null);
    this.#scheduleFlush();
  }

  #appendData(data: Uint8Array, from: number, to: number): void {
    const lengthBytes = to - from;
    if (lengthBytes <= initiatorLimits.sendCopyBytesMax) {
      this.#ensure(lengthBytes + PADDING_LENGTH_MAX + DIGEST_LENGTH);
      this.#block.bytes.set(from === 0 && to === data.length ? data : data.subarray(from, to), this.#block.filled);
      this.#block.filled += lengthBytes;
    } else {
      this.#cutBlock();
      this.#pieces.push(data.subarray(from, to));
      this.#pieceBlocks.push(null);
      this.#ensure(PADDING_LENGTH_MAX + DIGEST_LENGTH);
    }
    const block = this.#block;
    const padding = paddedLength(lengthBytes) - lengthBytes;
    block.bytes.fill(0, block.filled, block.filled + padding);
    block.filled += padding;
    if (!this.#dataDigest) return;
    const crc = crc32c(block.bytes, block.filled - padding, block.filled, crc32c(data, from, to));
    writeDigest(crc, block.view, block.filled);
    block.filled += DIGEST_LENGTH;
  }

  /** Makes the current block one that has room for `lengthBytes` more. */
  #ensure(lengthBytes: number): void {
    if (this.#block.freeBytes >= lengthBytes) return;
    assert(lengthBytes <= initiatorLimits.sendBlockBytes, 'a header fits a block');
    this.#cutBlock();
    this.#busyBlocks.push(this.#block);
    this.#collectIdleBlocks();
    this.#block = this.#idleBlocks.pop() ?? new SendBlock();
  }

  #collectIdleBlocks(): void {
    const busy = this.#busyBlocks;
    for (let i = busy.length - 1; i >= 0; i--) {
      const block = busy[i] as SendBlock;
      if (!block.isIdle) continue;
      busy.splice(i, 1);
      block.reset();
      if (this.#idleBlocks.length < IDLE_BLOCK_COUNT_MAX) this.#idleBlocks.push(block);
    }
  }

  /** What was written to the current block since the last cut becomes a piece. */
  #cutBlock(): void {
    const block = this.#block;
    if (block.filled === block.handedOver) return;
    this.#pieces.push(block.bytes.subarray(block.handedOver, block.filled));
    this.#pieceBlocks.push(block);
    block.handedOver = block.filled;
    block.pendingWriteCount++;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#receiving) return;
    this.#flushScheduled = true;
    process.nextTick(this.#flushBound);
  }

  /** Hands everything that was written to the socket, in one go. Happens by itself at the end of a turn. */
  flush(): void {
    this.#flushScheduled = false;
    this.#cutBlock();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    const blocks = this.#pieceBlocks;
    if (!this.#closed) {
      if (pieces.length > 1) this.#socket.cork();
      for (let i = 0; i < pieces.length; i++) this.#socket.write(pieces[i] as Uint8Array, blocks[i]?.onWritten);
      if (pieces.length > 1) this.#socket.uncork();
    }
    pieces.length = 0;
    blocks.length = 0;
  }

  // --- Closing -----------------------------------------------------------------------------------------------------

  /** Sends what waits, then a FIN. */
  end(): void {
    this.flush();
    this.#socket.end();
  }

  /** Closes at once; the receiver's `onClosed` gets the cause. */
  destroy(cause: InitiatorError = new InitiatorError('CONNECTION_CLOSED', 'the connection was closed from here')): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeCause = cause;
    this.#cursor.stop();
    this.#socket.destroy();
    this.#receiver?.onClosed(cause);
  }

  /** Closes with a TCP reset, as a crashed initiator looks. */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.destroy(new InitiatorError('CONNECTION_CLOSED', 'the connection was reset from here'));
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('error', (error) => this.destroy(new InitiatorError('CONNECTION_CLOSED', `the connection broke: ${error.message}`, { cause: error })));
    socket.on('close', () => this.destroy(new InitiatorError('CONNECTION_CLOSED', 'the target closed the connection')));
    // Without a reader of the stream 'end' never fires, and with it neither 'close'.
    socket.resume();
  }
}
