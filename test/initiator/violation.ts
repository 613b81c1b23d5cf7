import { Opcode } from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import type { CheckName } from '../../initiator/checks.js';
import type { SessionOptions } from '../../initiator/session.js';
import { type Pair, pattern } from './session-harness.js';

/** One way for a target to go wrong: the script ends with the PDU that must be caught. */
export interface Violation {
  readonly name: string;
  readonly check: CheckName;
  readonly options?: Partial<SessionOptions>;
  readonly keys?: Record<string, string>;
  readonly script: (pair: Pair) => Promise<void>;
}

export const data = pattern(2048);
export const solicited = { InitialR2T: 'Yes', ImmediateData: 'No' };

/** Starts a request whose outcome is not looked at. */
export function ignore(pending: Promise<unknown>): void {
  pending.catch(() => {});
}

export function reading(run: (pair: Pair, command: Awaited<ReturnType<Pair['connection']['next']>>) => void): Violation['script'] {
  return async (pair) => {
    ignore(pair.session.command({ lun: 0, cdb: readCdb(10, 0, 4), dataInLength: 2048 }));
    run(pair, await pair.connection.next(Opcode.scsiCommand));
  };
}

export function writing(run: (pair: Pair, command: Awaited<ReturnType<Pair['connection']['next']>>) => void | Promise<void>): Violation['script'] {
  return async (pair) => {
    ignore(pair.session.command({ lun: 0, cdb: writeCdb(10, 0, 4), dataOut: pattern(4096) }));
    await run(pair, await pair.connection.next(Opcode.scsiCommand));
  };
}

export function testing(run: (pair: Pair, command: Awaited<ReturnType<Pair['connection']['next']>>) => void): Violation['script'] {
  return async (pair) => {
    ignore(pair.session.command({ lun: 0, cdb: testUnitReadyCdb() }));
    run(pair, await pair.connection.next(Opcode.scsiCommand));
  };
}

/** Spoils one byte of a header. */
export function byteIs(at: number, value: number): (header: Buffer) => void {
  return (header) => {
    header[at] = value;
  };
}

export const first = { dataSN: 0, bufferOffset: 0 };
export const whole = { final: true, statusPresent: true };
