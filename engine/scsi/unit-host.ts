import type { CommandSlot } from '../shm/command-slot.js';
import type { ITNexus } from './it-nexus.js';
import { ScsiStatus } from './status.js';

/** What is around a logical unit: its target, its task set, its state directory. The device server asks it what it cannot know. */
export interface LogicalUnitHost {
  /** The LUNs of the target that have a logical unit, in their order. */
  luns(): readonly number[];
  /** The I_T nexuses that are there now and see the LUN. */
  nexusesOf(lun: number): Iterable<ITNexus>;
  /** Medium commands that the device server gives to the medium itself. */
  readonly io: MediumIo;
  readonly tasks: TaskControl;
  readonly state: UnitState;
  readonly statistics: UnitStatistics;
}

/** How a command that the device server gave itself ended. */
export interface InternalOutcome {
  readonly status: number;
  /** Empty unless the status is CHECK CONDITION. */
  readonly sense: Uint8Array;
  /** The caller's own. */
  readonly dataIn: Uint8Array;
}

/**
 * Medium commands that come from within: of a copy, a format, a sanitize. They claim their block ranges as those of initiators do and run where those
 * run; unit attentions, reservations and other gates do not concern them.
 */
export interface MediumIo {
  /** `cdb` is one of the unit's own command table with `runsOn: 'any'`. Never rejects: what fails has a status and sense data. */
  execute(cdb: Uint8Array, dataOut?: Uint8Array): Promise<InternalOutcome>;
}

/** The tasks of the unit's task set. */
export interface TaskControl {
  /** Stops the tasks of those nexuses, but for `except`, and calls `done` when the last has stopped, perhaps at once. No unit attention is established. */
  abort(concerns: (nexus: ITNexus) => boolean, except: CommandSlot | null, done: () => void): void;
}

export type StateValue = null | boolean | number | string | readonly StateValue[] | { readonly [key: string]: StateValue };

/** What a logical unit keeps over restarts, by section. */
export interface UnitState {
  /** False when nothing outlives the process: then what asks for it is refused. */
  readonly isKept: boolean;
  /** What was kept, as it was given to `save`; undefined when nothing was. To be checked like any input. */
  load(section: string): StateValue | undefined;
  /**
   * Resolves when the value is on stable storage, and rejects with a `TargetError` `STATE_…` when it cannot be; `null` removes the section.
   * Saves are done in order.
   */
  save(section: string, value: StateValue): Promise<void>;
}

/** Counts since the start, for log pages. */
export interface UnitStatistics {
  read(): { readonly readCommandCount: number; readonly writeCommandCount: number; readonly readBytes: number; readonly writeBytes: number };
}

/** For units that stand alone, as in tests and benches: it knows no nexus, keeps nothing and refuses internal commands. */
export const soleUnitHost: LogicalUnitHost = {
  luns: () => [0],
  nexusesOf: () => [],
  io: { execute: () => Promise.resolve({ status: ScsiStatus.busy, sense: new Uint8Array(0), dataIn: new Uint8Array(0) }) },
  tasks: { abort: (_concerns, _except, done) => done() },
  state: { isKept: false, load: () => undefined, save: () => Promise.resolve() },
  statistics: { read: () => ({ readCommandCount: 0, writeCommandCount: 0, readBytes: 0, writeBytes: 0 }) },
};
