import type { Socket } from 'node:net';
import { Connection } from '../session/connection.js';
import type { EngineContext } from '../session/engine-context.js';
import type { ConnectionTransport } from '../session/transport.js';
import type { PduOutput } from '../task/pdu-output.js';
import type { BusyPoll } from './busy-poll.js';
import type { FlushList } from './flush-list.js';
import { ReceiveCursor } from './receive-cursor.js';
import type { ReceiveMemory } from './receive-memory.js';
import { SendQueue } from './send-queue.js';

/** Receiving goes on when the backlog has fallen to this share of its bound. */
const BACKLOG_RESUME_SHARE = 1 / 2;

/**
 * With this many PDUs to send the rest of a chunk waits. Flushing only at its end makes both sides wait for each other in turn: with a 70:30 mix of
 * 4 KiB at depth 32 this is worth half as much again (docs/performance.md).
 */
const FLUSH_PDU_COUNT = 16;

/** Carries one connection over one TCP socket: cuts what comes in, sends what goes out, holds back when either is too much. */
export class TcpTransport implements ConnectionTransport {
  readonly output: PduOutput;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly connection: Connection;
  readonly #socket: Socket;
  readonly #context: EngineContext;
  readonly #queue: SendQueue;
  readonly #cursor: ReceiveCursor;
  readonly #flushList: FlushList;
  readonly #busyPoll: BusyPoll;
  readonly #onClosed: (transport: TcpTransport) => void;
  #pausedForShortage = false;
  #pausedForBacklog = false;
  /** When bytes last left for the peer, or last did not have to. */
  #sentAtMicros: number;

  constructor(
    accepted: Socket,
    receiveMemory: ReceiveMemory,
    context: EngineContext,
    flushList: FlushList,
    busyPoll: BusyPoll,
    onClosed: (transport: TcpTransport) => void,
  ) {
    const socket = receiveMemory.attach(accepted, (bytes, view, lengthBytes) => this.#onChunk(bytes, view, lengthBytes));
    this.#socket = socket;
    this.#context = context;
    this.#flushList = flushList;
    this.#busyPoll = busyPoll;
    this.#onClosed = onClosed;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.localAddress = socket.localAddress ?? '';
    this.localPort = socket.localPort ?? 0;
    this.#queue = new SendQueue(socket, flushList, () => this.#onDrained(), context.clock);
    this.output = this.#queue;
    this.connection = new Connection(context, this);
    this.connection.receivedAtMicros = context.clock.nowMicros();
    this.#sentAtMicros = this.connection.receivedAtMicros;
    this.#cursor = new ReceiveCursor(this.connection, context.limits.loginDataSegmentLengthBytesMax, () => this.#onPdu());
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    socket.resume();
  }

  get isDataContiguous(): boolean {
    return this.#cursor.isDataContiguous;
  }

  get isReceivePaused(): boolean {
    return this.#cursor.isPaused;
  }

  get backlogBytes(): number {
    return this.#queue.backlogBytes;
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
    this.#queue.headerDigest = headerDigest;
    this.#queue.dataDigest = dataDigest;
  }

  pauseReceive(): void {
    this.#pausedForShortage = true;
    this.#pause();
  }

  resumeReceive(): void {
    this.#pausedForShortage = false;
    this.#resume();
  }

  flush(): void {
    this.#flushList.flushAll();
  }

  flushSoon(): void {
    this.#flushList.flushSoon();
  }

  closeAfterFlush(): void {
    this.#cursor.stop();
    this.#queue.flush();
    this.#socket.end();
    this.#context.clock.after(this.#context.limits.closeLingerMsMax, () => this.#socket.destroy());
  }

  destroy(): void {
    this.#cursor.stop();
    this.#socket.destroy();
    // Tasks end and memory is given back now, not when the event comes.
    this.#abandon();
  }

  /** What the connection held may let others be answered: nothing else would flush them before the next tick. */
  #abandon(): void {
    this.connection.onTransportClosed();
    this.#queue.close();
    this.#flushList.flushSoon();
  }

  /**
   * Drops a peer that takes nothing of what waits for it. The socket's own time-out would not do: it starts anew with
   * every byte that such a peer sends.
   */
  onTick(nowMicros: number): void {
    if (this.#queue.takeProgress()) this.#sentAtMicros = nowMicros;
    else if (nowMicros - this.#sentAtMicros > this.#context.limits.sendStallMsMax * 1000) this.destroy();
  }

  #onChunk(bytes: Uint8Array, view: DataView, lengthBytes: number): void {
    const nowMicros = this.#context.clock.nowMicros();
    this.connection.receivedAtMicros = nowMicros;
    this.#busyPoll.onArrived(nowMicros);
    this.#guard(() => this.#cursor.push(bytes, view, lengthBytes));
    this.#flushList.flushAll();
    this.#checkBacklog();
    this.#busyPoll.onAnswered();
  }

  /** An initiator that keeps many commands on their way works on the first answers while we work on the rest of what it sent. */
  #onPdu(): void {
    if (this.#queue.unflushedPduCount >= FLUSH_PDU_COUNT) this.#flushList.flushAll();
  }

  /** A defect of ours must not take other connections down. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#context.onDefect(error);
      this.destroy();
    }
  }

  #checkBacklog(): void {
    const { sendBacklogBytesMax, sendBacklogPduCountMax } = this.#context.limits;
    if (this.#queue.backlogBytes <= sendBacklogBytesMax && this.#queue.backlogPduCount <= sendBacklogPduCountMax) return;
    this.#pausedForBacklog = true;
    this.#pause();
  }

  #onDrained(): void {
    this.#flushList.flushSoon();
    if (!this.#pausedForBacklog) return;
    const { sendBacklogBytesMax, sendBacklogPduCountMax } = this.#context.limits;
    if (this.#queue.backlogBytes > sendBacklogBytesMax * BACKLOG_RESUME_SHARE) return;
    if (this.#queue.backlogPduCount > sendBacklogPduCountMax * BACKLOG_RESUME_SHARE) return;
    this.#pausedForBacklog = false;
    this.#resume();
  }

  #pause(): void {
    this.#cursor.pause();
    this.#socket.pause();
  }

  #resume(): void {
    if (this.#pausedForShortage || this.#pausedForBacklog || this.#socket.destroyed) return;
    this.#guard(() => this.#cursor.resume());
    if (!this.#cursor.isPaused) this.#socket.resume();
    this.#flushList.flushSoon();
  }

  #onClose(): void {
    this.#cursor.stop();
    this.#abandon();
    this.#onClosed(this);
  }
}
