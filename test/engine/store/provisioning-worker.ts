import { parentPort, workerData } from 'node:worker_threads';
import { attachStore } from '../../../engine/store/attach-store.js';
import type { StoreDescriptor } from '../../../engine/store/store.js';

export interface ProvisioningTask {
  readonly descriptor: StoreDescriptor;
  /** One Int32 that all threads wait for. */
  readonly start: SharedArrayBuffer;
  readonly positionsBytes: readonly number[];
  readonly lengthBytes: number;
  readonly fill: number;
  /** Unmaps instead of writing. */
  readonly unmaps: boolean;
}

/** What each call answered. */
export type ProvisioningAnswers = readonly number[];

const { descriptor, start, positionsBytes, lengthBytes, fill, unmaps } = workerData as ProvisioningTask;
const store = attachStore(descriptor);
const data = new Uint8Array(lengthBytes).fill(fill);
parentPort?.postMessage('ready');
Atomics.wait(new Int32Array(start), 0, 0);
const call = (position: number) => (unmaps ? store.provisioning?.unmap(position, lengthBytes, false) : store.write(data, 0, lengthBytes, position, false));
parentPort?.postMessage(positionsBytes.map((position) => call(position) ?? 0));
