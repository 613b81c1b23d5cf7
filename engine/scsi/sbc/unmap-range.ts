import { assert } from '../../errors.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import type { Medium } from '../medium.js';
import { endWithWriteFault } from './medium-fault.js';

export interface UnmapRange {
  readonly lba: number;
  readonly lbaCount: number;
  /** The blocks read as zeros and yet have space: a later write finds room. SBC-3 "Anchored LBA". */
  readonly anchor: boolean;
  /** On stable storage when the command ends. */
  readonly durable: boolean;
}

/**
 * Whether blocks can be anchored (ANC_SUP): only where they can be told from mapped ones afterwards. SBC-3 wants the ANCHOR bit of all commands refused
 * elsewhere, and GET LBA STATUS to tell the truth.
 */
export function supportsAnchor(medium: Medium): boolean {
  return medium.thin && medium.store.provisioning?.tellsAnchored === true;
}

/** Unmaps blocks of a thin medium; false when a fault has ended the command. All commands that unmap do it here. */
export function unmapRange(command: CommandSlot, medium: Medium, { lba, lbaCount, anchor, durable }: UnmapRange): boolean {
  const { provisioning } = medium.store;
  assert(provisioning !== null, 'blocks of a medium that is not thin were to be unmapped');
  const positionBytes = lba * medium.blockLengthBytes;
  const lengthBytes = lbaCount * medium.blockLengthBytes;
  let outcome = provisioning.unmap(positionBytes, lengthBytes, durable);
  if (outcome >= 0 && anchor) outcome = provisioning.anchor(positionBytes, lengthBytes);
  if (outcome >= 0) return true;
  endWithWriteFault(command, outcome, lba);
  return false;
}
