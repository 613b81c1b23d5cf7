import type { LoginOptions } from './login.js';
import type { SessionEvents } from './session-receiver.js';

export interface ReconnectOptions {
  /** Logins to try before the session is given up. */
  readonly attemptCountMax: number;
  /** Time before each; the first waits for the target's Time2Wait if that is longer. */
  readonly delayMs: number;
}

export interface SessionOptions extends LoginOptions {
  /** Time for the answer to one request, waiting for the window included; the default of every command. */
  readonly commandMsMax?: number;
  readonly events?: SessionEvents;
  /**
   * Log in again when the connection is lost. Commands that were out reject with `ConnectionLostError`, which says whether making
   * them again is safe, or are made again when they were submitted with `retry`; what was not sent yet waits. At
   * ErrorRecoveryLevel 2 it also says how often to try to bring a single connection back.
   */
  readonly reconnect?: ReconnectOptions;
  /**
   * How a lost connection is recovered at ErrorRecoveryLevel 2: by a new one in its place, or by a logout for recovery over
   * another one that takes its tasks. RFC 7143 §7.2.
   */
  readonly connectionRecovery?: 'reinstate' | 'logout';
  /**
   * Do what an Asynchronous Message asks for: log out, negotiate anew, acknowledge. True unless `events.onAsyncMessage` is
   * there: who listens decides. RFC 7143 §11.9.
   */
  readonly actOnAsyncMessages?: boolean;
}
