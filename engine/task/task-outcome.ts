import { waitsForStableStorage } from '../dispatch/policy.js';
import { assert } from '../errors.js';
import type { CommandRow, MediumCommandRow } from '../scsi/command-table.js';
import { ScsiStatus } from '../scsi/status.js';
import type { CommandSlot } from '../shm/command-slot.js';
import type { Task } from './task.js';

/** Bytes that a planned command fetches from the store for the initiator. */
export function fetchLengthOf({ row, slot }: Task): number {
  return row?.runsOn === 'any' && row.mediumAccess === 'read' ? Math.min(slot.plannedDataInLength, slot.expectedDataInLength) : 0;
}

/** While the data of the command came, or its range was held by others, something began that it must not run behind: it has been ended. */
export function isStoppedMeanwhile({ taskSet, slot, owner }: Task, row: CommandRow): boolean {
  return taskSet.unit.gates.some((gate) => gate.stopsPlanned === true && !gate.admits(row, slot, owner.nexus));
}

/** How long the store took decides where the next commands run. */
export function observePace(row: MediumCommandRow, { slot, medium }: Task): void {
  if (!waitsForStableStorage(row, slot)) medium.pace.observe(slot.executedAt - slot.startedAt);
}

/** Main needs a view of its own of what a worker found in the store. */
export function bindStoreView({ slot, medium }: Task): void {
  if (slot.dataIn.length > 0) return;
  const view = medium.store.view(slot.lba * medium.blockLengthBytes, Math.min(slot.dataInLength, slot.expectedDataInLength));
  assert(view !== null, 'a store that gave a view no longer does');
  slot.dataIn = view.bytes;
  slot.dataInStart = view.offset;
}

/** What was to be sent straight out of the store need not stay there. */
export function copyFromStore(slot: CommandSlot): void {
  const length = Math.min(slot.dataInLength, slot.expectedDataInLength);
  // A Buffer's `slice` would not copy.
  slot.dataIn = new Uint8Array(slot.dataIn.subarray(slot.dataInStart, slot.dataInStart + length));
  slot.dataInStart = 0;
  slot.dataInFromStore = false;
}

/** TASK ABORTED instead of what the command came to. */
export function setTaskAborted(slot: CommandSlot): void {
  slot.status = ScsiStatus.taskAborted;
  slot.senseLength = 0;
  slot.dataInLength = 0;
  slot.dataInFromStore = false;
}
