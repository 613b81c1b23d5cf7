import type { OsdCdb } from '../protocol/osd-cdb.js';
import type { KeyLevel } from '../security/security-check.js';
import type { ObjectKind, ObjectName, ObjectStore } from '../store/object-store.js';
import type { RunningCommand } from './running-command.js';

/** A field of the CDB that a service action evaluates beside those that all have: offset and length. */
export type CdbField = readonly [at: number, lengthBytes: number];

/** One service action, for the command table and for the thread that runs it. */
export interface CommandDefinition {
  readonly serviceAction: number;
  /** As the standard writes it: `CREATE AND WRITE`. */
  readonly name: string;
  /** Bits of the options byte that are evaluated; all of them when left out. FLUSH and its kin have their scope there. */
  readonly optionsMask?: number;
  /** Bits of byte 11 beside those of the attributes' format. */
  readonly specificMask?: number;
  readonly fields: readonly CdbField[];
  /** It has a CDB CONTINUATION LENGTH. */
  readonly continues?: boolean;
  /** Changes objects, attributes or keys: a write, as far as reservations and write protection go. The CDB decides where it is a function. */
  readonly changes: boolean | ((cdb: OsdCdb) => boolean);
  /** Bytes of the Data-Out that are the command's own, from its start or behind the continuation segment. */
  dataOutLength?(cdb: OsdCdb): number;
  /** Bytes of the Data-In that are the command's own: how many it may return at most. */
  dataInLength?(cdb: OsdCdb): number;
  /** That many bytes have to come: it is no allocation length, which may be longer than any transfer. */
  readonly isDataInExact?: boolean;
  /** Checks of the CDB that need no object: throws `CommandFailure`. Runs on the main thread, before any data moves. */
  check?(cdb: OsdCdb): void;

  /** The object that the capability has to be for. `creates`: it need not be there yet. Throws `CommandFailure` when there is no such object. */
  object(cdb: OsdCdb, store: ObjectStore): { readonly kind: ObjectKind; readonly name: ObjectName; readonly creates?: boolean };
  permissions(cdb: OsdCdb): number;
  keyLevel?(cdb: OsdCdb): KeyLevel;
  /** Bytes of the object that are touched, for capabilities that are bound to a range. */
  range?(cdb: OsdCdb): { readonly start: bigint; readonly end: bigint };

  /** When attributes are set and got: `after` the command's own work when left out; `never`: it does that itself. */
  readonly attributeFunctions?: 'after' | 'before' | 'get-first' | 'never';
  /** Its work is no part of a transaction: it flushes, or is one itself. */
  readonly standsAlone?: boolean;
  /** Does the work. Throws `CommandFailure` or a fault of the store. */
  run(command: RunningCommand): void;
}

/** Whether the command changes something by itself, whatever attributes it sets. */
export function changesBy({ changes }: CommandDefinition, cdb: OsdCdb): boolean {
  return typeof changes === 'function' ? changes(cdb) : changes;
}
