import type { ITNexus } from '../scsi/it-nexus.js';
import type { LogicalUnitHost, MediumIo, TaskControl, UnitState, UnitStatistics } from '../scsi/unit-host.js';
import type { TargetNode } from '../session/target-node.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { InternalCommands, type InternalCommandsOptions } from '../task/internal-commands.js';
import type { TaskRunner } from '../task/task-runner.js';
import type { TaskSet } from '../task/task-set.js';

export interface EngineUnitHostOptions extends InternalCommandsOptions {
  readonly runner: TaskRunner;
  readonly state: UnitState;
}

/** What is around a logical unit of an engine. Made before the unit, and told of its task set and its target when they are there. */
export class EngineUnitHost implements LogicalUnitHost, TaskControl, MediumIo, UnitStatistics {
  readonly state: UnitState;
  readonly #options: EngineUnitHostOptions;
  #taskSet: TaskSet | null = null;
  #commands: InternalCommands | null = null;
  #target: TargetNode | null = null;

  constructor(options: EngineUnitHostOptions) {
    this.#options = options;
    this.state = options.state;
  }

  bindTaskSet(taskSet: TaskSet): void {
    this.#taskSet = taskSet;
    this.#commands = new InternalCommands(this.#options, taskSet);
  }

  bindTarget(target: TargetNode): void {
    this.#target = target;
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

  luns(): readonly number[] {
    return this.#target?.luns ?? [];
  }

  *nexusesOf(lun: number): Iterable<ITNexus> {
    for (const { nexus, target } of this.#target?.sessions ?? []) if (target?.hasLun(lun) === true) yield nexus;
  }

  execute(...command: Parameters<MediumIo['execute']>): ReturnType<MediumIo['execute']> {
    return (this.#commands as InternalCommands).execute(...command);
  }

  abort(concerns: (nexus: ITNexus) => boolean, except: CommandSlot | null, done: () => void): void {
    const affected = (this.#taskSet?.tasks ?? []).filter(({ owner, slot }) => slot !== except && concerns(owner.nexus));
    let left = affected.length + 1;
    const oneStopped = () => {
      left--;
      if (left === 0) done();
    };
    for (const task of affected) this.#options.runner.abort(task, oneStopped);
    oneStopped();
  }

  read(): ReturnType<UnitStatistics['read']> {
    return (this.#taskSet as TaskSet).metrics.read();
  }
}
