import * as assert from 'uvu/assert';
import { BHS_LENGTH, readDataSegmentLength } from '../../../engine/pdu/index.js';
import type { PduOutput, Releasable } from '../../../engine/task/pdu-output.js';
import { assertBytes } from '../../support/assert-bytes.js';

/** Headers do not begin at the start of their memory, as in a send block. */
const HEADER_AT = 20;

export interface SentPdu {
  readonly header: DataView;
  readonly data: Buffer;
  /** The bytes are sent from where they lie. */
  readonly isView: boolean;
}

interface LentView {
  readonly bytes: Uint8Array;
  readonly copy: Buffer;
}

/** A send queue without a socket: tells what was written, and lets bytes leave only when the test says so. */
export class RecordingOutput implements PduOutput {
  view = new DataView(new ArrayBuffer(HEADER_AT + BHS_LENGTH));
  readonly sent: SentPdu[] = [];
  #open = false;
  #closed = false;
  #releases: Releasable[] = [];
  #lent: LentView[] = [];

  get waitingReleaseCount(): number {
    return this.#releases.length;
  }

  begin(): number {
    assert.not.ok(this.#open, 'a PDU is ended before the next begins');
    this.#open = true;
    const memory = new Uint8Array(HEADER_AT + BHS_LENGTH).fill(0xdd);
    this.view = new DataView(memory.buffer);
    return HEADER_AT;
  }

  end(): void {
    this.#finish(new Uint8Array(0), false);
  }

  endWithCopy(bytes: Uint8Array, at: number, lengthBytes: number): void {
    assert.ok(at + lengthBytes <= bytes.length, 'the data to copy is there');
    this.#finish(bytes.subarray(at, at + lengthBytes), false);
  }

  endWithView(bytes: Uint8Array, at: number, lengthBytes: number): void {
    assert.ok(at + lengthBytes <= bytes.length, 'the data to send is there');
    const view = bytes.subarray(at, at + lengthBytes);
    this.#lent.push({ bytes: view, copy: Buffer.from(view) });
    this.#finish(view, true);
  }

  releaseAfterFlush(item: Releasable): void {
    if (this.#closed) item.onFlushed();
    else this.#releases.push(item);
  }

  /** Everything written so far leaves user space now: what was lent must not have changed until here. */
  flush(): void {
    const releases = this.#releases;
    const lent = this.#lent;
    this.#releases = [];
    this.#lent = [];
    for (const { bytes, copy } of lent) assertBytes(Buffer.from(bytes), copy, 'data changed before it was sent');
    for (const item of releases) item.onFlushed();
  }

  /** The socket is gone. */
  close(): void {
    this.#closed = true;
    this.#lent = [];
    this.flush();
  }

  /** The PDUs sent since the last call. */
  take(): SentPdu[] {
    return this.sent.splice(0);
  }

  #finish(data: Uint8Array, isView: boolean): void {
    assert.ok(this.#open, 'a PDU is begun before it is ended');
    this.#open = false;
    const header = new DataView(this.view.buffer, HEADER_AT, BHS_LENGTH);
    assert.is(readDataSegmentLength(header, 0), data.length, 'DataSegmentLength is what follows the header');
    this.sent.push({ header, data: Buffer.from(data), isView });
  }
}
