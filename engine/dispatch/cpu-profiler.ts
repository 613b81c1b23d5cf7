import type { Session } from 'node:inspector';
import { TargetError } from '../errors.js';

/**
 * V8's sampling profiler on the thread that makes this object. A session on one's own thread answers before `post` returns, so a
 * thread that never goes back to its event loop (a worker in its ring) can profile itself. Nothing is loaded before it is made.
 */
export class CpuProfiler {
  readonly #session: Session;

  /** Begins at once. Throws `TargetError` `PROFILE_UNAVAILABLE` when this Node has no inspector or it refuses. */
  constructor(intervalMicros: number) {
    // Not an import: who never profiles should not pay for it, and Node may have been built without.
    const inspector = process.getBuiltinModule('node:inspector') as typeof import('node:inspector') | undefined;
    if (inspector === undefined) throw new TargetError('PROFILE_UNAVAILABLE', 'this Node has no inspector');
    this.#session = new inspector.Session();
    this.#session.connect();
    try {
      this.#post('Profiler.enable');
      this.#post('Profiler.setSamplingInterval', { interval: intervalMicros });
      this.#post('Profiler.start');
    } catch (error) {
      this.#session.disconnect();
      throw error;
    }
  }

  /** Ends it; answers the profile as the text of a `.cpuprofile` file. */
  stop(): string {
    try {
      return JSON.stringify((this.#post('Profiler.stop') as { readonly profile: unknown }).profile);
    } finally {
      this.#session.disconnect();
    }
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    let fault: Error | null = null;
    this.#session.post(method, parameters, (error, result) => {
      fault = error;
      answer = result;
    });
    if (fault !== null) throw new TargetError('PROFILE_UNAVAILABLE', `${method}: ${(fault as Error).message}`);
    return answer;
  }
}
