import { workerData } from 'node:worker_threads';
import { nowMicros } from '../../engine/clock.js';
import { RingChannel } from '../../engine/dispatch/ring-channel.js';
import { RING_EMPTY } from '../../engine/shm/spsc-ring.js';

/** What the echo worker is started with. */
export interface RingEchoSetup {
  readonly channel: SharedArrayBuffer;
  readonly capacity: number;
  /** How long it spins for the next entry before it sleeps. */
  readonly pollMicros: number;
}

const SLEEP_MS_MAX = 1000;

/** Sends back every entry of the submission ring, until it is asked to stop: the ring loop without a command in it. */
function echo({ channel: buffer, capacity, pollMicros }: RingEchoSetup): void {
  const channel = new RingChannel(buffer, capacity);
  while (!channel.stopRequested) {
    const value = channel.submission.pop();
    if (value === RING_EMPTY) {
      idle(channel, pollMicros);
      continue;
    }
    channel.completion.push(value);
    channel.completion.wakeConsumer();
  }
}

function idle(channel: RingChannel, pollMicros: number): void {
  const until = nowMicros() + pollMicros;
  do {
    if (channel.submission.length > 0) return;
  } while (nowMicros() < until);
  channel.submission.sleep(SLEEP_MS_MAX);
}

echo(workerData as RingEchoSetup);
