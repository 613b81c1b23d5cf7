import { Task } from '../../task/task.js';
import type { Connection } from '../connection.js';
import { runControlPdu } from './control.js';
import { deliverTask } from './scsi-command.js';

/** Runs what had come early and whose turn it is now. RFC 7143 §4.2.2.1. */
export function runHeldPdus(connection: Connection): void {
  for (;;) {
    const held = connection.session.window.takeNext();
    if (held === undefined) return;
    if (held === null) continue;
    if (held instanceof Task) deliverTask(connection, held);
    else runControlPdu(connection, held.headerView, held.data);
  }
}
