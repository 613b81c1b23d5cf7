import * as assert from 'uvu/assert';
import { Dispatcher, type DispatcherOptions } from '../../../engine/dispatch/dispatcher.js';
import type { MediumJob } from '../../../engine/dispatch/job.js';
import { executeMediumCommand } from '../../../engine/scsi/device-server.js';

/** A dispatcher whose worker is the test: submitted commands stay out until it executes them. */
export class HeldDispatcher extends Dispatcher {
  readonly held: MediumJob[] = [];

  constructor(options: Omit<DispatcherOptions, 'workerCount' | 'workerUrl'>) {
    super({ ...options, workerCount: 0, workerUrl: new URL('none:') });
  }

  override get hasWorkers(): boolean {
    return true;
  }

  override get inFlightCount(): number {
    return this.held.length;
  }

  override submit(job: MediumJob): void {
    assert.not.ok(
      this.held.some((other) => other.slot === job.slot),
      'a slot is out once at most',
    );
    this.held.push(job);
  }

  /** What the worker does to shared memory, without main hearing of it yet. */
  executeHeld(at = 0): MediumJob {
    const job = this.held[at] as MediumJob;
    executeMediumCommand(job.slot, job.deviceType, job.medium);
    return job;
  }

  /** Executes the command at this place of the queue, and main takes its completion. */
  completeHeld(at = 0): void {
    const job = this.executeHeld(at);
    this.held.splice(at, 1);
    job.onExecuted();
  }

  completeAll(): void {
    while (this.held.length > 0) this.completeHeld();
  }
}
