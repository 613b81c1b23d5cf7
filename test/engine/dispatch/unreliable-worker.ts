import type { RingWorkerSetup } from '../../../engine/dispatch/ring-channel.js';
import { RingChannel } from '../../../engine/dispatch/ring-channel.js';
import { RING_EMPTY } from '../../../engine/shm/spsc-ring.js';
import serveRing from '../../../workers/ring-loop.js';

/** What the next thread is to do; the test writes it into the first word of the arena. */
export const Conduct = {
  serve: 0,
  /** The thread ends before it serves anything. */
  dieAtOnce: 1,
  /** The entry point throws; the thread itself lives on. */
  throwAtOnce: 2,
  /** Takes one command off the ring and never comes back. */
  hangWithCommand: 3,
} as const;

/** The entry point of a worker that obeys, or does as it is told. */
export default function unreliable(setup: RingWorkerSetup): void {
  const conduct = new Int32Array(setup.arena, 0, 1);
  switch (conduct[0]) {
    case Conduct.dieAtOnce:
      process.exit(1);
      break;
    case Conduct.throwAtOnce:
      throw new TypeError('told to');
    case Conduct.hangWithCommand: {
      const channel = new RingChannel(setup.channel, setup.channelCapacity);
      channel.isServed = true;
      while (channel.submission.pop() === RING_EMPTY) channel.submission.sleep(1000);
      Atomics.store(conduct, 0, Conduct.serve);
      for (;;) Atomics.wait(conduct, 0, Conduct.serve);
    }
  }
  serveRing(setup);
}
