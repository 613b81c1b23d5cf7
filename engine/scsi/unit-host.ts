import { defaultLimits, type Limits } from '../limits.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { BackingStore } from '../store/store.js';
import { type After, TargetPortGroups } from './alua/target-port-groups.js';
import { CopyDomain } from './copy/copy-domain.js';
import type { ITNexus } from './it-nexus.js';
import type { LogicalUnit } from './logical-unit.js';
import { Medium, type MediumShape } from './medium.js';
import { ScsiStatus } from './status.js';

/** What is around a logical unit: its target, its task set, its state directory. The device server asks it what it cannot know. */
export interface LogicalUnitHost {
  /** The LUNs of the target that have a logical unit, in their order. */
  luns(): readonly number[];
  /** The I_T nexuses that are there now and see the LUN. */
  nexusesOf(lun: number): Iterable<ITNexus>;
  /** The nexus has been told all LUNs: no unit of the target needs to tell it any more that they have changed. */
  onLunsReported(nexus: ITNexus): void;
  /** Those of the target. */
  readonly portGroups: TargetPortGroups;
  /** The logical units that the nexus sees, this one among them: what its third-party copies reach. */
  copyTargets(nexus: ITNexus): Iterable<LogicalUnit>;
  /** The unit of the same target at the LUN. */
  unitAt(lun: number): LogicalUnit | undefined;
  /** Media of logical blocks that come and go while the unit is served. */
  readonly media: MediaDock;
  /** Runs it later; what is answered cancels it. */
  readonly after: After;
  /** What third-party copies of all logical units share. */
  readonly copies: CopyDomain;
  /** Medium commands that the device server gives to the medium itself. */
  readonly io: MediumIo;
  readonly tasks: TaskControl;
  readonly state: UnitState;
  readonly statistics: UnitStatistics;
  /** Of the engine. */
  readonly limits: Limits;
}

/** Makes media of logical blocks known to whoever executes commands. */
export interface MediaDock {
  /** The device type has to be one of its kind's `mediumTypes`. The store stays the caller's. */
  attach(store: BackingStore, shape: MediumShape): Medium;
  /** Resolves when no command uses the medium any more, and none may begin to: the unit has another one, or none, by now. */
  release(medium: Medium): Promise<void>;
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
  /**
   * Resolves when work in the background that has just moved so many bytes may go on: others have had their turn of the event loop, and their share
   * of the medium.
   */
  pace(lengthBytes: number): Promise<void>;
}

/** Whether a nexus is one of those whose tasks are to be stopped: asked about each task, and without `hasTask` about who has an ACA condition. */
export type AbortConcern = (nexus: ITNexus, hasTask: boolean) => boolean;

/** The tasks of the unit's task set. */
export interface TaskControl {
  /** Stops the tasks of those nexuses, but for `except`, and calls `done` when the last has stopped, perhaps at once. No unit attention is established. */
  abort(concerns: AbortConcern, except: CommandSlot | null, done: () => void): void;
  /** Whether the nexus has a task with the tag that its transport gave it: SAM-5 "QUERY TASK". */
  has(nexus: ITNexus, tag: number): boolean;
  /** Stops that task, and calls `done` when it has stopped; at once when there is none. SAM-5 "ABORT TASK". */
  abortOne(nexus: ITNexus, tag: number, done: () => void): void;
  /** Ends the ACA condition of the nexus, for the command of `except`: SAM-5 "CLEAR ACA". `done` as above. */
  clearAca(nexus: ITNexus, except: CommandSlot | null, done: () => void): void;
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

/** What medium commands did since the start. */
export interface MediumCounts {
  readonly readCommandCount: number;
  readonly writeCommandCount: number;
  readonly verifyCommandCount: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  /** Time that reads and writes took, all together. */
  readonly readMicros: number;
  readonly writeMicros: number;
  /** Commands that the medium failed. */
  readonly readFaultCount: number;
  readonly writeFaultCount: number;
  readonly verifyFaultCount: number;
}

/** Counts since the start, for log pages. */
export interface UnitStatistics {
  read(): MediumCounts;
}

const noCounts: MediumCounts = {
  readCommandCount: 0,
  writeCommandCount: 0,
  verifyCommandCount: 0,
  readBytes: 0,
  writeBytes: 0,
  readMicros: 0,
  writeMicros: 0,
  readFaultCount: 0,
  writeFaultCount: 0,
  verifyFaultCount: 0,
};

/** For units that stand alone, as in tests and benches: it knows no nexus, keeps nothing and refuses internal commands. */
export const soleUnitHost: LogicalUnitHost = {
  luns: () => [0],
  nexusesOf: () => [],
  copyTargets: () => [],
  copies: new CopyDomain(),
  unitAt: () => undefined,
  media: { attach: (store, shape) => new Medium(store, shape), release: () => Promise.resolve() },
  after: () => () => {},
  onLunsReported: () => {},
  /** Each has its own. */
  get portGroups() {
    return TargetPortGroups.single([1], { after: () => () => {}, transitionMsMax: 0 });
  },
  io: { execute: () => Promise.resolve({ status: ScsiStatus.busy, sense: new Uint8Array(0), dataIn: new Uint8Array(0) }), pace: () => Promise.resolve() },
  tasks: {
    abort: (_concerns, _except, done) => done(),
    has: () => false,
    abortOne: (_nexus, _tag, done) => done(),
    clearAca: (_nexus, _except, done) => done(),
  },
  state: { isKept: false, load: () => undefined, save: () => Promise.resolve() },
  statistics: { read: () => noCounts },
  limits: defaultLimits,
};
