import type { Clock } from '../clock.js';
import type { Limits } from '../limits.js';
import type { TaskRunner } from '../task/task-runner.js';
import type { Admission } from './admission.js';
import type { SessionDirectory } from './session-directory.js';

/** What all connections of one engine share. */
export interface EngineContext {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly runner: TaskRunner;
  readonly admission: Admission;
  readonly directory: SessionDirectory;
  /** A defect of ours was caught: it is reported, and the connection it happened on is dropped. */
  readonly onDefect: (error: unknown) => void;
}
