import type { UnitPart } from '../logical-unit.js';

/** TST: 0 is one task set for all I_T nexuses, 1 is one for each. SPC-4 "Control mode page". */
export type TaskSetType = 0 | 1;
/** QERR: what a CHECK CONDITION does to the other tasks: 0 nothing, 1 aborts those of all nexuses of the task set, 3 those of the nexus it went to. */
export type QueueErrorManagement = 0 | 1 | 3;

export interface ControlModeValues {
  readonly taskSetType: TaskSetType;
  readonly queueErrorManagement: QueueErrorManagement;
  /** TAS: tasks that another nexus aborts end with TASK ABORTED status; else silently. */
  readonly taskAbortedStatus: boolean;
  /** QUEUE ALGORITHM MODIFIER 1h: SIMPLE tasks may be reordered whatever their ranges; 0h asks for their order where it is to be seen. */
  readonly unrestrictedReordering: boolean;
  /** NUAR: nobody is told RESERVATIONS RELEASED when a persistent reservation is released. */
  readonly noAttentionOnRelease: boolean;
}

export const controlModeDefaults: ControlModeValues = {
  taskSetType: 0,
  queueErrorManagement: 0,
  taskAbortedStatus: false,
  unrestrictedReordering: true,
  noAttentionOnRelease: false,
};

/**
 * What the Control mode page tells the task set. Always there for the asking, `unit.part(ControlMode)`; device types without that page keep the defaults.
 * The mode pages set it: with MODE SELECT, with a logical unit reset, and with the saved values at the start.
 */
export class ControlMode implements UnitPart {
  #values: ControlModeValues = controlModeDefaults;
  readonly #listeners: ((mode: ControlMode) => void)[] = [];

  get values(): ControlModeValues {
    return this.#values;
  }

  get taskSetType(): TaskSetType {
    return this.#values.taskSetType;
  }

  get queueErrorManagement(): QueueErrorManagement {
    return this.#values.queueErrorManagement;
  }

  get taskAbortedStatus(): boolean {
    return this.#values.taskAbortedStatus;
  }

  get unrestrictedReordering(): boolean {
    return this.#values.unrestrictedReordering;
  }

  get noAttentionOnRelease(): boolean {
    return this.#values.noAttentionOnRelease;
  }

  /** `listener` is called with every change from now on, after the new values are in force. */
  onChange(listener: (mode: ControlMode) => void): void {
    this.#listeners.push(listener);
  }

  /** Nothing to be done: the mode pages, which are reset too, set what holds from then on. */
  onReset(): void {}

  /** For the mode pages: these values are in force now. */
  set(values: ControlModeValues): void {
    const before = this.#values;
    this.#values = values;
    const same = (Object.keys(values) as (keyof ControlModeValues)[]).every((name) => before[name] === values[name]);
    if (!same) for (const listener of this.#listeners) listener(this);
  }
}
