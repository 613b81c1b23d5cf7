import { ServicePace } from '../metrics/service-pace.js';
import type { BackingStore } from '../store/store.js';

/** What a medium command needs of its logical unit, on any thread: the store seen as logical blocks. */
export class Medium {
  readonly store: BackingStore;
  readonly blockLengthBytes: number;
  readonly blockCount: number;
  readonly readOnly: boolean;
  /** The largest transfer of one command in blocks: the Block Limits VPD page tells it. */
  readonly transferBlocksMax: number;
  /** Of a store that can block: how long its commands take. Kept on the main thread only. */
  readonly pace = new ServicePace();

  constructor(store: BackingStore, blockLengthBytes: number, readOnly: boolean, transferLengthBytesMax: number) {
    this.store = store;
    this.blockLengthBytes = blockLengthBytes;
    this.blockCount = Math.floor(store.sizeBytes / blockLengthBytes);
    this.readOnly = readOnly || store.readOnly;
    this.transferBlocksMax = Math.floor(transferLengthBytesMax / blockLengthBytes);
  }
}
