import { Asc } from '../scsi/sense.js';
import type { Connection } from './connection.js';

/**
 * The tasks of a connection are about to end with it: no answer will say so, hence the session that goes on learns of it by a unit
 * attention on each logical unit that had one. A session that is over has nobody to tell. RFC 7143 §7.6 "Implicit Termination of Tasks".
 */
export function tellTasksCleared({ session, nexus, tasks }: Connection): void {
  const { target } = session;
  if (target === null || session.isOver) return;
  for (const { aborted, taskSet } of tasks.values()) {
    // Who asked for the end of a task knows; what answers for absent LUNs has no attentions.
    if (!aborted && taskSet.unit.handle !== target.absentHandle) taskSet.unit.establishUnitAttention(nexus.id, Asc.commandsClearedByProtocolEvent);
  }
}
