import { workerData } from 'node:worker_threads';
import type { UnitAttachment } from '../../engine/dispatch/job.js';
import { executeMediumCommand } from '../../engine/scsi/device-server.js';
import { Medium } from '../../engine/scsi/medium.js';
import { CommandSlot, SlotMemory } from '../../engine/shm/command-slot.js';
import { attachStore } from '../../engine/store/attach-store.js';
import { benchDevice } from './operations.js';

/** What the threads of the Piscina variant are started with. */
export interface PiscinaThreadSetup {
  readonly slots: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly unit: UnitAttachment;
}

const { slots, arena, unit } = workerData as PiscinaThreadSetup;
const memory = new SlotMemory(slots);
const arenaBytes = Buffer.from(arena);
const medium = new Medium(attachStore(unit.store), unit.shape, unit.handle);
const commandSlots = Array.from({ length: memory.slotCount }, (_, index) => new CommandSlot(memory, index));

/** One command; the slot carries all there is to know, as it does over the ring. */
export default function executeSlot(index: number): void {
  const slot = commandSlots[index] as CommandSlot;
  slot.dataOut = arenaBytes;
  slot.dataOutStart = slot.dataOutOffset;
  slot.dataIn = arenaBytes;
  slot.dataInStart = slot.dataInOffset;
  executeMediumCommand(slot, benchDevice, medium);
}
