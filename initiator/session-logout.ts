import { LogoutReason, type LogoutResponsePdu } from '../engine/pdu/index.js';
import { LogoutExchange } from './control-exchanges.js';
import { InitiatorError } from './errors.js';
import { initiatorLimits } from './limits.js';
import type { SessionConnection } from './session-connection.js';
import type { SessionCore } from './session-core.js';

const MS_PER_S = 1000;

export interface LogoutPlan {
  /** A `LogoutReason` value. */
  readonly reason: number;
  /** The connection that is meant; of no meaning for the whole session. */
  readonly cid: number;
  /** The connection that the request is sent on. */
  readonly over: SessionConnection;
  /** Make the session anew afterwards. */
  readonly comesBack?: boolean;
}

/** Logs out and waits until what was logged out is closed. Rejects with `LOGOUT_REFUSED` and whatever ends a request. RFC 7143 §11.14. */
export async function logOut(core: SessionCore, plan: LogoutPlan): Promise<LogoutResponsePdu> {
  const exchange = new LogoutExchange(plan.reason, plan.cid);
  exchange.pinnedCid = plan.over.cid;
  const response = await core.start(exchange, initiatorLimits.logoutMsMax).result;
  const isSession = plan.reason === LogoutReason.closeSession;
  const meant = core.find(plan.cid);
  const leaving = isSession ? [...core.connections] : meant === null ? [] : [meant];
  const isLast = leaving.length === core.connections.length;
  for (const connection of leaving) connection.isLeaving = true;
  if (isLast && plan.comesBack === true) {
    const cause = new InitiatorError('CONNECTION_CLOSED', 'the target asked for a logout');
    void core.recovery.recoverSession(cause, Math.min(response.time2Wait * MS_PER_S, initiatorLimits.recoveryDelayMsMax));
    return response;
  }
  if (isLast) core.isLoggedOut = true;
  for (const connection of leaving) connection.wire.end();
  if (isLast) await core.waitForClose();
  else await Promise.all(leaving.map((connection) => closeOf(core, connection)));
  return response;
}

/** Waits for the target to close; closes from here when it does not. */
async function closeOf(core: SessionCore, connection: SessionConnection): Promise<void> {
  const cancel = core.clock.after(initiatorLimits.logoutMsMax, () => connection.wire.destroy());
  await connection.closed;
  cancel();
}
