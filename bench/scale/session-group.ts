import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { type ScaleTarget, TARGET_NAME } from './scale-target.js';

/** Logouts on their way at once. */
const LOGOUT_BATCH_COUNT = 32;

/** Sessions of different initiators on one target, all in this process. */
export class SessionGroup {
  readonly sessions: Session[] = [];
  readonly #target: ScaleTarget;

  constructor(target: ScaleTarget) {
    this.#target = target;
  }

  /** Logs in one after the other until there are `count`; answers the milliseconds that each login took. */
  async growTo(count: number): Promise<number[]> {
    const took: number[] = [];
    while (this.sessions.length < count) {
      const initiatorName = `iqn.2026-11.io.lunloom:scale-${this.sessions.length}`;
      const from = performance.now();
      const session = await Session.login({ host: '127.0.0.1', port: this.#target.port, targetName: TARGET_NAME, initiatorName });
      took.push(performance.now() - from);
      this.sessions.push(session);
      await new LogicalUnitClient(session, 0).clearUnitAttentions();
    }
    return took;
  }

  /** The milliseconds of each of `count` TEST UNIT READY of the last session, one at a time. */
  async pingLast(count: number): Promise<number[]> {
    const unit = new LogicalUnitClient(this.sessions.at(-1) as Session, 0);
    const took: number[] = [];
    for (let i = 0; i < count; i++) {
      const from = performance.now();
      await unit.testUnitReady();
      took.push(performance.now() - from);
    }
    return took;
  }

  /** Answers how many milliseconds the logout of all took, by session. */
  async logout(): Promise<number> {
    const count = this.sessions.length;
    const from = performance.now();
    while (this.sessions.length > 0) await Promise.all(this.sessions.splice(-LOGOUT_BATCH_COUNT).map((session) => session.logout()));
    return (performance.now() - from) / Math.max(1, count);
  }

  /** For the end of a measurement that failed. */
  destroy(): void {
    for (const session of this.sessions.splice(0)) session.destroy();
  }
}
