import { parentPort, workerData } from 'node:worker_threads';
import { openObjectStore } from '../../../../../engine/devices/osd/store/open-object-store.js';
import { defaultLimits } from '../../../../../engine/limits.js';

/** A thread that creates objects with an attribute for each message, and answers how many there are. It never closes the store. */
const store = openObjectStore({ directory: workerData as string, limits: defaultLimits, capacityBytes: null, claim: false });
if (store.kindOf({ partitionId: 0x10000n, objectId: 0n }) === null) store.createPartition(0x10000n);
parentPort?.on('message', () => {
  store.transaction(() => {
    const first = store.createUserObjects(0x10000n, null, 50);
    for (let index = 0n; index < 50n; index++) {
      const name = { partitionId: 0x10000n, objectId: first + index };
      store.setAttribute(name, 1, 1, Buffer.from(String(index)));
      store.write(name, 0n, Buffer.from(String(index)));
    }
  });
  parentPort?.postMessage('done');
});
