import { parentPort, workerData } from 'node:worker_threads';
import { attachStore } from '../../../engine/store/attach-store.js';
import type { StoreDescriptor } from '../../../engine/store/store.js';

export interface AttachTask {
  readonly descriptor: StoreDescriptor;
  readonly positionBytes: number;
  readonly lengthBytes: number;
  /** Written over what was read, at the same place. */
  readonly fill: number;
}

export interface AttachResult {
  readonly bytes: Uint8Array;
  readonly wrote: number;
  readonly flushed: number;
  readonly sizeBytes: number;
}

/** Reads, writes, flushes and closes on its own thread, and says what it saw. */
const task = workerData as AttachTask;
const store = attachStore(task.descriptor);
const bytes = new Uint8Array(task.lengthBytes);
store.read(bytes, 0, task.lengthBytes, task.positionBytes);
const wrote = store.write(new Uint8Array(task.lengthBytes).fill(task.fill), 0, task.lengthBytes, task.positionBytes, true);
const flushed = store.flush();
store.close();
parentPort?.postMessage({ bytes, wrote, flushed, sizeBytes: store.sizeBytes } satisfies AttachResult);
