import type { DispatcherOptions } from '../../engine/dispatch/dispatcher.js';
import type { MediumJob } from '../../engine/dispatch/job.js';
import { executeMediumCommand } from '../../engine/scsi/device-server.js';
import { HeldDispatcher } from '../engine/dispatch/held-dispatcher.js';
import type { SeededRandom } from '../support/random.js';
import type { SimClock } from './sim-clock.js';

const EXECUTE_MS_MAX = 30;
const NOTICE_MS_MAX = 10;

/** Workers that take any time to execute a command, and any more until main learns of it: commands overtake each other. */
export class SimDispatcher extends HeldDispatcher {
  readonly #clock: SimClock;
  readonly #random: SeededRandom;
  readonly #afterCompletion: () => void;

  constructor(options: Omit<DispatcherOptions, 'workerCount' | 'workerUrl' | 'clock'>, clock: SimClock, random: SeededRandom) {
    super({ ...options, clock });
    this.#clock = clock;
    this.#random = random;
    this.#afterCompletion = options.afterCompletions;
  }

  override submit(job: MediumJob): void {
    super.submit(job);
    this.#clock.after(this.#random.below(EXECUTE_MS_MAX * 1000) / 1000, () => {
      executeMediumCommand(job.slot, job.deviceType, job.medium);
      this.#clock.after(this.#random.below(NOTICE_MS_MAX * 1000) / 1000, () => {
        this.held.splice(this.held.indexOf(job), 1);
        job.onExecuted();
        this.#afterCompletion();
      });
    });
  }
}
