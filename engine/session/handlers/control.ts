import { BHS_LENGTH, isImmediate, Opcode, readInitiatorNumbers, readOpcode } from '../../pdu/index.js';
import { CommandTurn } from '../command-window.js';
import type { Connection } from '../connection.js';
import { handleLogout } from './logout.js';
import { handleNopOut } from './nop-out.js';
import { handleSnack } from './snack.js';
import { handleTaskManagement } from './task-management.js';
import { handleText } from './text.js';

/** A control PDU: everything that is neither a SCSI command nor its data. */
type ControlHandler = (connection: Connection, header: DataView, data: Uint8Array) => void;

/** A control PDU that came before its turn. */
export interface HeldControlPdu {
  /** It is answered where it came in. */
  readonly connection: Connection;
  readonly headerView: DataView;
  readonly data: Uint8Array;
}

const handlers = new Map<number, ControlHandler>([
  [Opcode.nopOut, handleNopOut],
  [Opcode.textRequest, handleText],
  [Opcode.logoutRequest, handleLogout],
  [Opcode.taskManagementRequest, handleTaskManagement],
  [Opcode.snackRequest, handleSnack],
]);

/** PDUs that are handled whole, after their data segment. */
export function isControlOpcode(opcode: number): boolean {
  return handlers.has(opcode);
}

/** Handles a control PDU in its turn by CmdSN. RFC 7143 §4.2.2.1. */
export function handleControlPdu(connection: Connection, header: DataView, data: Uint8Array): void {
  const { window } = connection.session;
  const opcode = readOpcode(header, 0);
  if (isImmediate(header, 0) || opcode === Opcode.snackRequest) {
    runControlPdu(connection, header, data);
    return;
  }
  const { cmdSN } = readInitiatorNumbers(header, 0);
  const turn = window.turnOf(cmdSN);
  if (turn === CommandTurn.outside) return;
  if (turn === CommandTurn.early) {
    const copy = new Uint8Array(BHS_LENGTH);
    for (let i = 0; i < BHS_LENGTH; i++) copy[i] = header.getUint8(i);
    window.hold(cmdSN, { connection, headerView: new DataView(copy.buffer), data: new Uint8Array(data) });
    connection.session.onHeldPdu();
    return;
  }
  window.advance();
  runControlPdu(connection, header, data);
  connection.runHeldPdus();
}

export function runControlPdu(connection: Connection, header: DataView, data: Uint8Array): void {
  handlers.get(readOpcode(header, 0))?.(connection, header, data);
}
