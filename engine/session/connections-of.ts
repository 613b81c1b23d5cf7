import type { Connection } from './connection.js';
import type { Session } from './session.js';

/** The connections of a session, as they are now: the list stays whole while they are closed one by one. */
export function connectionsOf(session: Session): Connection[] {
  return Array.from(session.connections.values());
}
