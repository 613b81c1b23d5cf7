import { initiatorLimits } from './limits.js';

/**
 * A reusable piece of memory that headers and small data are written into back to back, so that one turn's PDUs leave
 * in one write. It may be reused once the socket has let go of every part that was handed to it.
 */
export class SendBlock {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(initiatorLimits.sendBlockBytes);
  readonly view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  /** Written up to here, and handed to the socket up to there; byte offsets. */
  filled = 0;
  handedOver = 0;
  /** Writes that the socket has not finished. */
  pendingWriteCount = 0;
  /** Called by the socket when it has let go of one part: bound once, so that a write makes no closure. */
  readonly onWritten: () => void;

  constructor() {
    this.onWritten = () => {
      this.pendingWriteCount--;
    };
  }

  get freeBytes(): number {
    return this.bytes.length - this.filled;
  }

  get isIdle(): boolean {
    return this.pendingWriteCount === 0 && this.filled === this.handedOver;
  }

  reset(): void {
    this.filled = 0;
    this.handedOver = 0;
  }
}
