import type { Limits } from '../limits.js';
import type { After, TargetPortGroups } from '../scsi/alua/target-port-groups.js';
import type { CopyDomain } from '../scsi/copy/copy-domain.js';
import type { ITNexus } from '../scsi/it-nexus.js';
import type { LogicalUnit } from '../scsi/logical-unit.js';
import type { Medium } from '../scsi/medium.js';
import { Asc } from '../scsi/sense.js';
import type { AbortConcern, LogicalUnitHost, MediaDock, MediumIo, TaskControl, UnitState, UnitStatistics } from '../scsi/unit-host.js';
import type { TargetNode } from '../session/target-node.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { abortTasksOf, clearAcaOf } from '../task/contingent-allegiance.js';
import { InternalCommands, type InternalCommandsOptions } from '../task/internal-commands.js';
import type { Task } from '../task/task.js';
import type { TaskRunner } from '../task/task-runner.js';
import type { TaskSet } from '../task/task-set.js';
import { readMediumCounts } from './medium-counts.js';

export interface EngineUnitHostOptions extends InternalCommandsOptions {
  readonly runner: TaskRunner;
  readonly state: UnitState;
  readonly portGroups: TargetPortGroups;
  readonly limits: Limits;
  readonly copies: CopyDomain;
  readonly after: After;
  /** Makes media known to the workers, and lets go of those that are not used any more. */
  readonly mediaOf: (isUsed: (medium: Medium) => boolean) => MediaDock;
}

/** What is asked of a host that has closed. */
const NEVER = new Promise<never>(() => {});
const QUIET_POLL_MS = 5;

/** What is around a logical unit of an engine. Made before the unit, and told of its task set and its target when they are there. */
export class EngineUnitHost implements LogicalUnitHost, TaskControl, MediumIo, UnitStatistics {
  readonly state: UnitState;
  readonly portGroups: TargetPortGroups;
  readonly limits: Limits;
  readonly copies: CopyDomain;
  readonly after: After;
  readonly media: MediaDock;
  readonly #options: EngineUnitHostOptions;
  #taskSet: TaskSet | null = null;
  #commands: InternalCommands | null = null;
  #target: TargetNode | null = null;

  #isClosed = false;
  #inFlightCount = 0;

  constructor(options: EngineUnitHostOptions) {
    this.#options = options;
    this.state = options.state;
    this.portGroups = options.portGroups;
    this.limits = options.limits;
    this.copies = options.copies;
    this.after = options.after;
    this.media = options.mediaOf((medium) => this.#isUsedByTasks(medium) || this.isUsing(medium));
  }

  bindTaskSet(taskSet: TaskSet): void {
    this.#taskSet = taskSet;
    this.#commands = new InternalCommands(this.#options, taskSet);
  }

  bindTarget(target: TargetNode): void {
    this.#target = target;
  }

  unitAt(lun: number): LogicalUnit | undefined {
    return this.#target?.taskSets.find(({ unit }) => unit.lun === lun)?.unit;
  }

  get io(): MediumIo {
    return this;
  }

  get tasks(): TaskControl {
    return this;
  }

  get statistics(): UnitStatistics {
    return this;
  }

  /** Medium commands that the unit has given itself and that run now. */
  get internalCommandCount(): number {
    return this.#commands?.runningCount ?? 0;
  }

  /** Whether a medium command that the unit has given itself runs on this medium. */
  isUsing(medium: Medium): boolean {
    return this.#commands?.isUsing(medium) ?? false;
  }

  #isUsedByTasks(medium: Medium): boolean {
    return this.#taskSet?.tasks.some((task) => task.row?.runsOn === 'any' && task.medium === medium) ?? false;
  }

  onLunsReported(nexus: ITNexus): void {
    for (const { unit } of this.#target?.allTaskSets ?? []) unit.clearUnitAttention(nexus, Asc.reportedLunsDataHasChanged);
  }

  luns(): readonly number[] {
    return this.#target?.luns ?? [];
  }

  *nexusesOf(lun: number): Iterable<ITNexus> {
    for (const { nexus, target } of this.#target?.seats ?? []) if (target?.hasLun(lun) === true) yield nexus;
  }

  *copyTargets({ visibleLuns }: ITNexus): Iterable<LogicalUnit> {
    for (const { unit } of this.#target?.taskSets ?? []) if (visibleLuns?.includes(unit.lun) ?? true) yield unit;
  }

  execute(...command: Parameters<MediumIo['execute']>): ReturnType<MediumIo['execute']> {
    if (this.#isClosed) return NEVER;
    this.#inFlightCount++;
    return (this.#commands as InternalCommands).execute(...command).finally(() => {
      this.#inFlightCount--;
    });
  }

  pace(lengthBytes: number): Promise<void> {
    const { after, limits } = this.#options;
    const delayMs = Math.ceil((lengthBytes * 1000) / limits.backgroundBytesPerSecondMax);
    return new Promise((resolve) => {
      after(delayMs, () => {
        if (!this.#isClosed) resolve();
      });
    });
  }

  /**
   * Work in the background stays where it is from now on: what it asks for next is never answered, as if the process had ended, and what is kept of it
   * says how far it was. Resolves when it no longer uses the medium, or after `drainMsMax` when a device does not answer.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { after, limits } = this.#options;
    const pollCountMax = Math.ceil(limits.drainMsMax / QUIET_POLL_MS);
    for (let count = 0; this.#inFlightCount > 0 && count < pollCountMax; count++) await new Promise<void>((resolve) => after(QUIET_POLL_MS, resolve));
  }

  abort(concerns: AbortConcern, except: CommandSlot | null, done: () => void): void {
    abortTasksOf(this.#taskSet as TaskSet, this.#options.runner, concerns, except, done);
  }

  #taskOf(nexus: ITNexus, tag: number): Task | undefined {
    return this.#taskSet?.tasks.find((task) => task.owner.nexus === nexus && task.initiatorTaskTag === tag && !task.aborted);
  }

  has(nexus: ITNexus, tag: number): boolean {
    return this.#taskOf(nexus, tag) !== undefined;
  }

  abortOne(nexus: ITNexus, tag: number, done: () => void): void {
    const task = this.#taskOf(nexus, tag);
    if (task === undefined) done();
    else this.#options.runner.abort(task, done);
  }

  clearAca(nexus: ITNexus, except: CommandSlot | null, done: () => void): void {
    clearAcaOf(nexus, this.#taskSet as TaskSet, this.#options.runner, done, except);
  }

  read(): ReturnType<UnitStatistics['read']> {
    return readMediumCounts((this.#taskSet as TaskSet).metrics);
  }
}
