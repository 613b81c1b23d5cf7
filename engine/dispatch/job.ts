import type { DeviceType } from '../scsi/command-table.js';
import type { Medium, MediumShape } from '../scsi/medium.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { StoreDescriptor } from '../store/store.js';

/** A medium command on its way to a store; the task layer implements it. */
export interface MediumJob {
  readonly slot: CommandSlot;
  readonly deviceType: DeviceType;
  readonly medium: Medium;
  /** The device server has set the outcome in the slot. Called on the main thread, exactly once a submission. */
  onExecuted(): void;
}

/** What a worker is told when nothing will be submitted to the medium any more: it forgets it, and with it the memory of its store. */
export interface UnitDetachment {
  readonly detachedHandle: number;
}

/** What a worker must know of a logical unit to serve its medium commands. */
export interface UnitAttachment {
  /** Of the medium: a unit has a new one when it is resized or loaded. */
  readonly handle: number;
  readonly deviceTypeName: string;
  readonly store: StoreDescriptor;
  readonly shape: MediumShape;
}
