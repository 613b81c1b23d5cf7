import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../clock.js';
import { assert } from '../errors.js';
import { BHS_LENGTH, crc32c, crc32cPadding, DIGEST_LENGTH, paddedLength, writeDigest } from '../pdu/index.js';
import type { PduOutput, Releasable } from '../task/pdu-output.js';
import type { FlushList } from './flush-list.js';
import { type SegmentWriter, segmentWriterOf } from './segment-writer.js';

/** Headers and small data of one flush are written side by side into blocks of this size. */
const BLOCK_BYTES = 32 * 1024;
/** What a PDU needs of a block besides its copied data: header, digests, padding. */
const PDU_OVERHEAD_BYTES = BHS_LENGTH + 2 * DIGEST_LENGTH + 4;
/** Blocks kept for reuse by all queues of the process. */
const SPARE_BLOCK_COUNT_MAX = 256;

interface Block {
  readonly bytes: Buffer;
  readonly view: DataView;
}

const spareBlocks: Block[] = [];

function takeBlock(): Block {
  const spare = spareBlocks.pop();
  if (spare !== undefined) return spare;
  const bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

function giveBackBlock(block: Block): void {
  if (spareBlocks.length < SPARE_BLOCK_COUNT_MAX) spareBlocks.push(block);
}

/** What one flush handed to the socket, until its bytes have left user space. */
interface Flight {
  readonly lengthBytes: number;
  readonly pduCount: number;
  readonly blocks: Block[];
  readonly releases: Releasable[];
  landed: boolean;
}

/**
 * PDUs on their way out of one connection. Headers are written in place into a block, data is referenced where it
 * lies, and one `writev` a flush sends it all.
 */
export class SendQueue implements PduOutput {
  headerDigest = false;
  dataDigest = false;
  readonly #socket: Socket;
  readonly #write: SegmentWriter;
  readonly #flushList: FlushList;
  readonly #onDrained: () => void;
  readonly #clock: Clock;
  #block: Block;
  /** Of the block: where the part not yet among the segments begins, and where the next byte goes. */
  #from = 0;
  #at = 0;
  #pduAt = 0;
  #segments: Uint8Array[] = [];
  #lengthBytes = 0;
  #pduCount = 0;
  #fullBlocks: Block[] = [];
  #releases: Releasable[] = [];
  readonly #flights: Flight[] = [];
  #flightBytes = 0;
  #flightPdus = 0;
  #closed = false;
  #hasLanded = false;
  #kernelBacklogBytes = 0;
  /** While a flush is handed over: what the kernel takes at once was not waited for by anybody. */
  #writing = false;

  constructor(socket: Socket, flushList: FlushList, onDrained: () => void, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#socket = socket;
    this.#write = segmentWriterOf(socket);
    this.#flushList = flushList;
    this.#onDrained = onDrained;
    this.#block = takeBlock();
  }

  get view(): DataView {
    return this.#block.view;
  }

  /** Bytes that wait in user space, flushed or not. */
  get backlogBytes(): number {
    return this.#flightBytes + this.#lengthBytes;
  }

  /** PDUs that the next flush sends. */
  get unflushedPduCount(): number {
    return this.#pduCount;
  }

  get backlogPduCount(): number {
    return this.#flightPdus + this.#pduCount;
  }

  /** Whether bytes have left since the last call, or none wait. */
  takeProgress(): boolean {
    // Node counts what the kernel has not yet taken of a long write, for its own time-outs, and publishes it nowhere;
    // should the count be gone one day, only whole flights show progress.
    const handle = (this.#socket as unknown as { readonly _handle?: { readonly writeQueueSize?: number } | null })._handle;
    const kernelBacklogBytes = handle?.writeQueueSize ?? 0;
    const hasMoved = this.#hasLanded || this.backlogBytes === 0 || kernelBacklogBytes !== this.#kernelBacklogBytes;
    this.#hasLanded = false;
    this.#kernelBacklogBytes = kernelBacklogBytes;
    return hasMoved;
  }

  begin(): number {
    if (this.#pduCount === 0) this.#flushList.add(this);
    if (this.#at + PDU_OVERHEAD_BYTES > BLOCK_BYTES) this.#nextBlock();
    this.#pduAt = this.#at;
    this.#at += BHS_LENGTH;
    this.#pduCount++;
    return this.#pduAt;
  }

  end(): void {
    this.#endHeader();
  }

  endWithCopy(bytes: Uint8Array, at: number, lengthBytes: number): void {
    if (lengthBytes === 0) {
      this.#endHeader();
      return;
    }
    if (this.#at + PDU_OVERHEAD_BYTES + lengthBytes > BLOCK_BYTES) {
      // A Buffer's `slice` would not copy.
      this.endWithView(new Uint8Array(bytes.subarray(at, at + lengthBytes)), 0, lengthBytes);
      return;
    }
    this.#endHeader();
    const block = this.#block.bytes;
    for (let i = 0; i < lengthBytes; i++) block[this.#at + i] = bytes[at + i] as number;
    const crc = this.dataDigest ? crc32c(block, this.#at, this.#at + lengthBytes) : 0;
    this.#at += lengthBytes;
    this.#endData(lengthBytes, crc);
  }

  endWithView(bytes: Uint8Array, at: number, lengthBytes: number): void {
    if (lengthBytes === 0) {
      this.#endHeader();
      return;
    }
    this.#endHeader();
    this.#closeRange();
    this.#segments.push(bytes.subarray(at, at + lengthBytes));
    this.#lengthBytes += lengthBytes;
    this.#endData(lengthBytes, this.dataDigest ? crc32c(bytes, at, at + lengthBytes) : 0);
  }

  releaseAfterFlush(item: Releasable): void {
    if (this.#pduCount > 0 && !this.#closed) {
      this.#releases.push(item);
      return;
    }
    // Nothing waits for a flush: what was written before left, or leaves, with the last one.
    const last = this.#flights.at(-1);
    if (last === undefined) item.onFlushed();
    else last.releases.push(item);
  }

  /** Hands everything to the socket in one `writev`. */
  flush(): void {
    if (this.#closed) {
      this.#discard();
      return;
    }
    this.#closeRange();
    const segments = this.#segments;
    if (segments.length === 0) return;
    const flight: Flight = { lengthBytes: this.#lengthBytes, pduCount: this.#pduCount, blocks: this.#fullBlocks, releases: this.#releases, landed: false };
    this.#segments = [];
    this.#lengthBytes = 0;
    this.#pduCount = 0;
    this.#fullBlocks = [];
    this.#releases = [];
    this.#flights.push(flight);
    this.#flightBytes += flight.lengthBytes;
    this.#flightPdus += flight.pduCount;
    this.#writing = true;
    this.#write(segments, () => this.#landUntil(flight));
    this.#writing = false;
    if (flight.landed) {
      this.#rewind();
    } else if (this.#at > 0) {
      // The block still holds bytes of this flight: it goes with it.
      flight.blocks.push(this.#block);
      this.#startBlock();
    }
  }

  /** The socket is gone: nothing will be sent any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const flight of this.#flights) this.#land(flight);
    this.#flights.length = 0;
    const releases = this.#releases;
    this.#releases = [];
    this.#discard();
    for (const item of releases) item.onFlushed();
  }

  /** Forgets what was written and never will be sent. */
  #discard(): void {
    this.#segments = [];
    this.#lengthBytes = 0;
    this.#pduCount = 0;
    this.#fullBlocks = [];
    this.#from = 0;
    this.#at = 0;
  }

  #endHeader(): void {
    if (!this.headerDigest) return;
    const { bytes, view } = this.#block;
    writeDigest(crc32c(bytes, this.#pduAt, this.#pduAt + BHS_LENGTH), view, this.#at);
    this.#at += DIGEST_LENGTH;
  }

  #endData(lengthBytes: number, crc: number): void {
    const { bytes, view } = this.#block;
    const padding = paddedLength(lengthBytes) - lengthBytes;
    for (let i = 0; i < padding; i++) bytes[this.#at++] = 0;
    if (!this.dataDigest) return;
    writeDigest(crc32cPadding(padding, crc), view, this.#at);
    this.#at += DIGEST_LENGTH;
  }

  /** Puts what was written into the block since the last segment among the segments. */
  #closeRange(): void {
    if (this.#at === this.#from) return;
    this.#segments.push(this.#block.bytes.subarray(this.#from, this.#at));
    this.#lengthBytes += this.#at - this.#from;
    this.#from = this.#at;
  }

  #nextBlock(): void {
    this.#closeRange();
    this.#fullBlocks.push(this.#block);
    this.#startBlock();
  }

  #startBlock(): void {
    this.#block = takeBlock();
    this.#from = 0;
    this.#at = 0;
  }

  /** Nothing of the block is in flight: it is written from its start again, unless releases have queued new PDUs. */
  #rewind(): void {
    if (this.#pduCount > 0) return;
    this.#from = 0;
    this.#at = 0;
  }

  /** The kernel has all of `last`, and so of those before it. */
  #landUntil(last: Flight): void {
    while (!last.landed) {
      const flight = this.#flights.shift();
      assert(flight !== undefined, 'a flight that has not landed is among the flights');
      this.#land(flight);
    }
    if (!this.#writing) this.#onDrained();
  }

  #land(flight: Flight): void {
    assert(!flight.landed, 'a flight landed twice');
    flight.landed = true;
    this.#hasLanded = true;
    this.#flightBytes -= flight.lengthBytes;
    this.#flightPdus -= flight.pduCount;
    for (const block of flight.blocks) giveBackBlock(block);
    if (flight.releases.length === 0) return;
    const nowMicros = this.#clock.nowMicros();
    for (const item of flight.releases) item.onFlushed(nowMicros);
  }
}
