import { assert } from '../errors.js';
import { CommandSlot, SlotMemory } from '../shm/command-slot.js';

/** The free slots. Only the main thread allocates and releases them. */
export class SlotPool {
  readonly memory: SlotMemory;
  readonly #slots: (CommandSlot | undefined)[];
  readonly #free: Int32Array;
  /** 1 while a slot is in use: two commands on one slot would write each other's data. */
  readonly #inUse: Uint8Array;
  #freeCount: number;

  constructor(slotCount: number) {
    this.memory = SlotMemory.allocate(slotCount);
    this.#slots = new Array(slotCount).fill(undefined);
    this.#free = new Int32Array(slotCount);
    this.#inUse = new Uint8Array(slotCount);
    // Low indices are handed out first, so that an idle engine touches little memory.
    for (let i = 0; i < slotCount; i++) this.#free[i] = slotCount - 1 - i;
    this.#freeCount = slotCount;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** A slot with its outcome cleared, or null when all are in use. */
  acquire(): CommandSlot | null {
    if (this.#freeCount === 0) return null;
    const index = this.#free[--this.#freeCount] as number;
    let slot = this.#slots[index];
    if (slot === undefined) {
      slot = new CommandSlot(this.memory, index);
      this.#slots[index] = slot;
    }
    this.#inUse[index] = 1;
    slot.generation = (slot.generation + 1) | 0;
    slot.resetOutcome();
    return slot;
  }

  release(slot: CommandSlot): void {
    assert(this.#inUse[slot.index] === 1, 'a slot was released that is not in use');
    this.#inUse[slot.index] = 0;
    this.#free[this.#freeCount++] = slot.index;
  }
}
