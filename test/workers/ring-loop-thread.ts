import { parentPort, workerData } from 'node:worker_threads';
import serveRing from '../../workers/ring-loop.js';

/** Serves a ring on a plain thread, without Piscina, and says how it ended. */
try {
  serveRing(workerData);
  parentPort?.postMessage('stopped');
} catch (error) {
  parentPort?.postMessage(String(error));
}
