import { assert } from '../errors.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { ITNexus } from './it-nexus.js';
import type { LogicalUnit, UnitCondition, UnitPartKind } from './logical-unit.js';
import type { Medium } from './medium.js';
import type { ModeProfile } from './spc/mode-page.js';

/**
 * What a reservation that another I_T nexus holds leaves of a command, SPC-4 "Commands allowed in the presence of various reservations":
 * `always` runs whatever is reserved; `persistent` runs in the presence of any persistent reservation and conflicts with RESERVE (6) and (10)
 * only; `read` runs where the reservation excludes writers alone; `write` runs for those only whom the reservation names.
 */
export type ReservationClass = 'always' | 'persistent' | 'read' | 'write';

/**
 * The worst asymmetric access state of its target port group in which a command runs, SPC-4 "Target port group access states":
 * the states are ordered active (optimized or not), standby, unavailable, transitioning.
 */
export type AccessStateClass = 'active' | 'standby' | 'unavailable' | 'transitioning';

interface CommandRowCommon {
  readonly opcode: number;
  /** For opcodes that carry a service action: in byte 1, bits 4-0, or in bytes 8 and 9 of a VARIABLE LENGTH CDB. */
  readonly serviceAction?: number;
  /** As the standard writes it: `READ (10)`. */
  readonly name: string;
  readonly clause: string;
  readonly cdbLength: number;
  /** Of a VARIABLE LENGTH CDB: it may have any length, which somebody else judges. */
  readonly isOfAnyLength?: boolean;
  /**
   * CDB usage data, SPC-4 §6.35.3: one mask a CDB byte, a set bit means the device server evaluates it.
   * Byte 0 is the opcode. REPORT SUPPORTED OPERATION CODES answers from it.
   */
  readonly cdbUsage: readonly number[];
  /** Masks like those of `cdbUsage`: bits that are not evaluated and yet may be set, because the standard gives them a meaning that does not apply. */
  readonly cdbIgnored?: readonly number[];
  /** Runs although a unit attention is pending and leaves it pending (INQUIRY, REPORT LUNS) or reports it itself (REQUEST SENSE). SAM-5 §5.14. */
  readonly passesUnitAttention?: boolean;
  /** Runs although the unit is stopped or has no medium. */
  readonly passesNotReady?: boolean;
  /** Whether a unit has the command; all of the device type have it when left out. `plan` refuses it where it answers false. */
  isSupported?(unit: LogicalUnit): boolean;
  /** A class, or what finds it for commands whose CDB decides. */
  readonly reservation: ReservationClass | ((command: CommandSlot) => ReservationClass);
  /** `active` when left out. */
  readonly accessState?: AccessStateClass;
  /** Seconds, for the command timeouts descriptor, SPC-4 "Command timeouts descriptor format"; the default of its kind when left out. */
  readonly timeoutSeconds?: { readonly nominal: number; readonly recommended: number };
}

/** A command that reads or changes state of the nexus or the logical unit: small, and run on the main thread. */
export interface UnitCommandRow extends CommandRowCommon {
  readonly runsOn: 'main';
  /**
   * For a command with Data-Out: checks the CDB and sets `plannedDataOutLength`, or ends the command. Runs before any data is asked for.
   * See `parameter-list.ts`.
   */
  plan?(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus): void;
  /**
   * `plan` sets `plannedDataInLength` as well, and memory for it is found in the arena before the command executes, within the bounds that hold for all data:
   * `dataInCapacity` bytes of `dataIn` from `dataInStart`. For long Data-In of commands without Data-Out; others return memory of their own.
   */
  readonly reservesDataIn?: boolean;
  /** Does the work and sets the outcome, at once or, after `deferral.defer()`, later. `command.status` is GOOD on entry. */
  execute(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, deferral: Deferral): void;
}

/** Lets a unit command end after its `execute` has returned: it waits for stable storage, for tasks to stop, or for work in the background. */
export interface Deferral {
  /**
   * Answers what is to be called once, when the outcome is in the slot; until then the slot and its Data-Out stay. `onAbort` is called at most once,
   * when the task is aborted or its nexus is lost: the work should stop soon, and what `defer` answered has to be called all the same.
   */
  defer(onAbort?: () => void): () => void;
  /** What went wrong after `defer` and should never have: the engine tells of it as of what `execute` throws. The command has to be ended all the same. */
  tellDefect?(error: unknown): void;
}

/** A command that moves or checks medium data: planned on the main thread, executed on any thread. */
export interface MediumCommandRow extends CommandRowCommon {
  readonly runsOn: 'any';
  readonly mediumAccess: 'read' | 'write' | 'flush';
  /**
   * Checks the CDB and sets `lba`, `lbaCount` and the planned lengths, or ends the command with CHECK CONDITION.
   * Runs before any data is asked for. Rules that depend on more than the medium ask the unit.
   */
  plan(command: CommandSlot, medium: Medium, unit: LogicalUnit): void;
  /**
   * For ranges that stand in the parameter list: checks it and sets `lba` and `lbaCount` to a range that holds all of them, or ends the command. Runs on
   * the main thread when all Data-Out is here, and before the range is claimed.
   */
  planFromDataOut?(command: CommandSlot, medium: Medium): void;
  /**
   * Data-In may take the place of Data-Out in memory, byte for byte: the command needs no memory of its own for what it
   * returns, and never waits for some while it holds what it was given.
   */
  readonly answersInPlace?: boolean;
  /** Data-In of a `read` is made by the command and does not lie in the store: it needs memory even where the store can show its blocks. */
  readonly buildsDataIn?: boolean;
  /** Bytes of the store that a planned command goes through beyond those that it transfers: a command of a few bytes may be heavy. */
  storeBytes?(command: CommandSlot, medium: Medium): number;
  /** Whether the command returns only once what it wrote is on stable storage (FUA). */
  isDurable?(command: CommandSlot): boolean;
  /** Does the work and sets the outcome. `command.status` is GOOD on entry. */
  execute(command: CommandSlot, medium: Medium): void;
}

export type CommandRow = UnitCommandRow | MediumCommandRow;

/** The class of this command. */
export function reservationClassOf({ reservation }: CommandRow, command: CommandSlot): ReservationClass {
  return typeof reservation === 'function' ? reservation(command) : reservation;
}

/** A device type: its own command table over shared SPC functions. Adding a type is adding one of these. */
export interface DeviceType {
  /** State that logical units of this type have from the start, because it was kept or because it watches; other parts come with their first use. */
  readonly parts?: readonly UnitPartKind<object>[];
  readonly name: string;
  /** PERIPHERAL DEVICE TYPE, SPC-4 §6.6.2. */
  readonly peripheralDeviceType: number;
  readonly commands: CommandTable;
  /** What its mode pages are; it has none where this is left out. `ModePages` belongs to its parts then. */
  readonly modes?: ModeProfile;
  /** It keeps a position: its commands run one after the other in their order, also those that are SIMPLE. */
  readonly isSequential?: boolean;
  /** Why a unit without a medium of logical blocks cannot do what its commands ask, or null. It has no medium where this is left out. */
  readiness?(unit: LogicalUnit): UnitCondition | null;
  /** NACA in the CONTROL byte is honoured, and INQUIRY says so (NORMACA). What answers where there is no unit has no task set to block. */
  readonly normalAca?: boolean;
  /** Its blocks have protection information, and INQUIRY says so (PROTECT). */
  readonly hasProtection?: boolean;
  /** What an opcode without a row ends with; INVALID COMMAND OPERATION CODE when left out. */
  readonly unsupportedCommandAsc?: number;
}

/** A row with what `prepare` needs of it at every command, computed once. */
export interface CommandEntry {
  readonly row: CommandRow;
  /** The bits that must be zero, as big-endian 32-bit words over the CDB: words cost a quarter of bytes. */
  readonly reservedWords: readonly number[];
}

/** The opcode of all commands with a VARIABLE LENGTH CDB, SPC-4 "Variable length CDB formats". */
export const VARIABLE_LENGTH_OPCODE = 0x7f;
/** Where a VARIABLE LENGTH CDB has its 16-bit service action. */
export const VARIABLE_LENGTH_SERVICE_ACTION_AT = 8;
const SERVICE_ACTION_MASK = 0x1f;
const WORD_BYTES = 4;

function isOfServiceAction(row: CommandRow, at: number): boolean {
  if (row.serviceAction === undefined) return false;
  return row.opcode === VARIABLE_LENGTH_OPCODE ? at === VARIABLE_LENGTH_SERVICE_ACTION_AT || at === VARIABLE_LENGTH_SERVICE_ACTION_AT + 1 : at === 1;
}

/** The bits of one CDB byte that may be set. Where the usage data holds the value of the service action and not a mask, all of its bits may. */
export function legalBitsOf(row: CommandRow, at: number): number {
  const ofServiceAction = isOfServiceAction(row, at) ? (row.opcode === VARIABLE_LENGTH_OPCODE ? 0xff : SERVICE_ACTION_MASK) : 0;
  return (row.cdbUsage[at] as number) | (row.cdbIgnored?.[at] ?? 0) | ofServiceAction;
}

/** The complement of the legal bits. */
function reservedWordsOf(row: CommandRow): number[] {
  const words = new Array<number>(Math.ceil(row.cdbLength / WORD_BYTES)).fill(0);
  for (let at = 1; at < row.cdbLength; at++) {
    const shift = 8 * (WORD_BYTES - 1 - (at % WORD_BYTES));
    words[Math.floor(at / WORD_BYTES)] = (words[Math.floor(at / WORD_BYTES)] as number) | ((~legalBitsOf(row, at) & 0xff) << shift);
  }
  return words;
}

/** The service action that a CDB, or its usage data, holds. */
function serviceActionIn(cdb: ArrayLike<number>): number {
  if (cdb[0] !== VARIABLE_LENGTH_OPCODE) return (cdb[1] as number) & SERVICE_ACTION_MASK;
  return ((cdb[VARIABLE_LENGTH_SERVICE_ACTION_AT] as number) << 8) | (cdb[VARIABLE_LENGTH_SERVICE_ACTION_AT + 1] as number);
}

/** Opcode and service action to row. */
export class CommandTable {
  readonly rows: readonly CommandRow[];
  readonly #byOpcode: (CommandEntry | Map<number, CommandEntry> | undefined)[] = new Array(256).fill(undefined);

  constructor(rows: readonly CommandRow[]) {
    this.rows = rows;
    for (const row of rows) {
      assert(row.cdbUsage.length === row.cdbLength && row.cdbUsage[0] === row.opcode, `${row.name}: usage data must cover the CDB and start with the opcode`);
      const entry: CommandEntry = { row, reservedWords: reservedWordsOf(row) };
      const present = this.#byOpcode[row.opcode];
      if (row.serviceAction === undefined) {
        assert(present === undefined, `${row.name}: opcode listed twice`);
        this.#byOpcode[row.opcode] = entry;
      } else {
        assert(serviceActionIn(row.cdbUsage) === row.serviceAction, `${row.name}: usage data must hold the service action`);
        const actions = present ?? new Map<number, CommandEntry>();
        assert(actions instanceof Map && !actions.has(row.serviceAction), `${row.name}: service action listed twice`);
        actions.set(row.serviceAction, entry);
        this.#byOpcode[row.opcode] = actions;
      }
    }
  }

  /** The entry for a CDB, or undefined when the opcode or the service action is not supported. */
  lookUp(cdb: Uint8Array): CommandEntry | undefined {
    const entry = this.#byOpcode[cdb[0] as number];
    return entry instanceof Map ? entry.get(serviceActionIn(cdb)) : entry;
  }

  /** The row for a CDB, or undefined when the opcode or the service action is not supported. */
  find(cdb: Uint8Array): CommandRow | undefined {
    return this.lookUp(cdb)?.row;
  }

  /** The row for an opcode and a service action (left out for an opcode without any). */
  findNamed(opcode: number, serviceAction?: number): CommandRow | undefined {
    const entry = this.#byOpcode[opcode];
    if (entry instanceof Map) return serviceAction === undefined ? undefined : entry.get(serviceAction)?.row;
    return serviceAction === undefined ? entry?.row : undefined;
  }

  /** True when the opcode is supported with at least one service action. */
  hasServiceActions(opcode: number): boolean {
    return this.#byOpcode[opcode] instanceof Map;
  }
}
