import * as assert from 'uvu/assert';
import type { MediumJob, UnitAttachment } from '../../../engine/dispatch/job.js';
import { prepare } from '../../../engine/scsi/device-server.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../engine/scsi/medium.js';
import { BufferArena } from '../../../engine/shm/buffer-arena.js';
import type { CommandSlot } from '../../../engine/shm/command-slot.js';
import { openRamStore, type RamStore } from '../../../engine/store/ram-store.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { identity, nexus } from '../scsi/scsi-fixture.js';

export const BLOCK = 512;
/** Data-Out of a job: long enough that a thread is mostly found at work. */
export const JOB_BLOCKS = 128;
export const JOB_BYTES = JOB_BLOCKS * BLOCK;
const SLOT_COUNT = 64;
const HANDLE = 5;
/** The first piece of the arena belongs to the test's own signals. */
const SIGNAL_BYTES = 64 * 1024;

export const RING_LOOP_URL = new URL('../../../workers/ring-loop.js', import.meta.url);
export const UNRELIABLE_URL = new URL('./unreliable-worker.js', import.meta.url);

export class TestJob implements MediumJob {
  readonly slot: CommandSlot;
  readonly deviceType = deviceTypes.disk;
  readonly medium: Medium;
  executedCount = 0;
  /** Status, with key and code when there is sense data: `00` or `02 0b/44/00`. */
  outcome = '';
  whenExecuted: () => void;

  constructor(slot: CommandSlot, medium: Medium, whenExecuted: () => void = () => {}) {
    this.slot = slot;
    this.medium = medium;
    this.whenExecuted = whenExecuted;
  }

  onExecuted(): void {
    this.executedCount++;
    const byte = (value: number | undefined) => (value ?? 0).toString(16).padStart(2, '0');
    const { sense } = this.slot;
    this.outcome = byte(this.slot.status) + (this.slot.senseLength === 0 ? '' : ` ${[sense[2], sense[12], sense[13]].map(byte).join('/')}`);
    this.whenExecuted();
  }
}

export const GOOD = '00';
export const ABORTED = '02 0b/44/00';
export const DEFECT = '02 04/44/00';

/** Slots, an arena and a ram store, and commands on them as the task layer would prepare them. */
export class JobKit {
  readonly slots = new SlotPool(SLOT_COUNT);
  readonly arena = new BufferArena(16 * 1024 * 1024, SIGNAL_BYTES);
  readonly store: RamStore = openRamStore({ sizeBytes: SLOT_COUNT * JOB_BYTES });
  readonly medium = new Medium(this.store, { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: JOB_BYTES });
  readonly unit: LogicalUnit;
  readonly attachment: UnitAttachment;
  readonly conduct: Int32Array;

  constructor() {
    this.unit = new LogicalUnit({ handle: HANDLE, lun: 0, deviceType: deviceTypes.disk, medium: this.medium, identity });
    this.attachment = {
      handle: HANDLE,
      deviceTypeName: 'disk',
      store: this.store.descriptor,
      shape: this.medium.shape,
    };
    assert.is(this.arena.allocate(SIGNAL_BYTES), 0);
    this.conduct = new Int32Array(this.arena.memory, 0, 1);
  }

  /** A write of `JOB_BLOCKS` blocks of one value at the place that belongs to its slot. */
  write(value: number, whenExecuted?: () => void): TestJob {
    const slot = this.slots.acquire() as CommandSlot;
    const lba = slot.index * JOB_BLOCKS;
    const offset = this.arena.allocate(JOB_BYTES);
    this.arena.bytes.fill(value, offset, offset + JOB_BYTES);
    slot.dataOutOffset = offset;
    slot.dataOut = this.arena.bytes;
    slot.dataOutStart = offset;
    slot.expectedDataOutLength = JOB_BYTES;
    this.#plan(slot, `2a 00 ${lba.toString(16).padStart(8, '0')} 00 ${JOB_BLOCKS.toString(16).padStart(4, '0')} 00`);
    slot.dataOutLength = JOB_BYTES;
    return new TestJob(slot, this.medium, whenExecuted);
  }

  read(lba: number, whenExecuted?: () => void): TestJob {
    const slot = this.slots.acquire() as CommandSlot;
    slot.expectedDataInLength = BLOCK;
    slot.expectedDataOutLength = 0;
    slot.dataOutOffset = 0;
    this.#plan(slot, `28 00 ${lba.toString(16).padStart(8, '0')} 00 0001 00`);
    return new TestJob(slot, this.medium, whenExecuted);
  }

  /** The slot and the memory of a job serve the next one. */
  recycle(job: TestJob): void {
    if (job.slot.dataOutOffset !== 0) this.arena.free(job.slot.dataOutOffset);
    this.slots.release(job.slot);
  }

  assertWritten(slotIndex: number, value: number): void {
    const bytes = new Uint8Array(JOB_BYTES);
    this.store.read(bytes, 0, JOB_BYTES, slotIndex * JOB_BYTES);
    assertBytes(bytes, new Uint8Array(JOB_BYTES).fill(value));
  }

  #plan(slot: CommandSlot, cdb: string): void {
    slot.logicalUnitHandle = HANDLE;
    slot.cdb.fill(0);
    slot.cdb.set(hex(cdb));
    slot.cdbLength = 16;
    assert.is.not(prepare(slot, this.unit, nexus), null, 'the command is in order');
  }
}

/** Waits until `condition` holds; fails after `timeMsMax`. `poll` is called in between. */
export async function until(condition: () => boolean, what: string, timeMsMax = 10_000, poll: () => void = () => {}): Promise<void> {
  const since = performance.now();
  for (;;) {
    poll();
    if (condition()) return;
    assert.ok(performance.now() - since < timeMsMax, `${what}: not within ${timeMsMax} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
