import { assert } from '../errors.js';
import type { NegotiatedParameters } from '../login/negotiated-parameters.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { Admission } from './admission.js';
import { CommandWindow } from './command-window.js';
import type { Connection, HeldPdu } from './connection.js';
import type { TargetNode } from './target-node.js';

/** Session states of the target, RFC 7143 §8.3. */
export const SessionState = { active: 'Q2: ACTIVE', loggedIn: 'Q3: LOGGED_IN', free: 'Q1: FREE' } as const;
export type SessionState = (typeof SessionState)[keyof typeof SessionState];

const transitions: Record<SessionState, readonly SessionState[]> = {
  [SessionState.active]: [SessionState.loggedIn, SessionState.free],
  [SessionState.loggedIn]: [SessionState.free],
  [SessionState.free]: [],
};

export interface SessionOptions {
  readonly tsih: number;
  readonly isid: string;
  readonly initiatorName: string;
  /** Null for a discovery session. */
  readonly target: TargetNode | null;
  readonly nexus: ITNexus;
  readonly cmdSN: number;
  readonly admission: Admission;
}

/** One session: an I_T nexus with its command window. MaxConnections=1, so it has one connection. */
export class Session {
  readonly tsih: number;
  readonly isid: string;
  readonly initiatorName: string;
  readonly target: TargetNode | null;
  readonly nexus: ITNexus;
  readonly window: CommandWindow<HeldPdu>;
  readonly #admission: Admission;
  #state: SessionState = SessionState.active;
  connection: Connection | null = null;
  parameters: NegotiatedParameters | null = null;
  /** Tasks that have not been answered: they fill the window. */
  openTaskCount = 0;
  immediateTaskCount = 0;

  constructor(options: SessionOptions) {
    this.tsih = options.tsih;
    this.isid = options.isid;
    this.initiatorName = options.initiatorName;
    this.target = options.target;
    this.nexus = options.nexus;
    this.#admission = options.admission;
    this.window = new CommandWindow(options.cmdSN);
    this.openWindow();
  }

  get state(): SessionState {
    return this.#state;
  }

  transition(next: SessionState): void {
    assert(transitions[this.#state].includes(next), `session cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }

  /** MaxCmdSN for the next PDU: room for what is not outstanding, and for one command always. */
  openWindow(): number {
    return this.window.open(Math.max(this.openTaskCount === 0 ? 1 : 0, this.#admission.windowCount - this.openTaskCount));
  }
}
