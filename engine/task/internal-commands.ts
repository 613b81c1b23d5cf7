import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { MediumJob } from '../dispatch/job.js';
import { runsInline } from '../dispatch/policy.js';
import { assert } from '../errors.js';
import type { DeviceType, MediumCommandRow } from '../scsi/command-table.js';
import { failedByDefect, unitOutOfService } from '../scsi/device-server-faults.js';
import type { Medium } from '../scsi/medium.js';
import { Asc, FIXED_SENSE_LENGTH, SenseKey, writeFixedSense } from '../scsi/sense.js';
import { ScsiStatus } from '../scsi/status.js';
import type { InternalOutcome, MediumIo } from '../scsi/unit-host.js';
import { ARENA_FULL, type BufferArena } from '../shm/buffer-arena.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { CommandFlag, DataDirection } from '../shm/layout.js';
import type { RangeClaim } from './range-locks.js';
import { claimsRange, excludesAll } from './serialization.js';
import type { SlotPool } from './slot-pool.js';
import type { TaskSet } from './task-set.js';

/** While initiators need all slots or all memory, work in the background waits this long and looks again. */
const SHORTAGE_MS = 5;
const NO_BYTES = new Uint8Array(0);
const EXPECTED_LENGTH_MAX = 0xffffffff;

export interface InternalCommandsOptions {
  readonly slots: SlotPool;
  readonly arena: BufferArena;
  readonly dispatcher: Dispatcher;
  readonly onDefect: (error: unknown) => void;
}

/** Medium commands that a logical unit gives to itself. They take slots, memory and ranges like those of initiators, and stand in no task set. */
export class InternalCommands implements Pick<MediumIo, 'execute'> {
  readonly #options: InternalCommandsOptions;
  readonly #taskSet: TaskSet;
  /** Of the commands that run, one for each. */
  readonly #media: Medium[] = [];

  constructor(options: InternalCommandsOptions, taskSet: TaskSet) {
    this.#options = options;
    this.#taskSet = taskSet;
  }

  /** Commands that run. */
  get runningCount(): number {
    return this.#media.length;
  }

  /** Whether a command runs that began on this medium. */
  isUsing(medium: Medium): boolean {
    return this.#media.includes(medium);
  }

  async execute(cdb: Uint8Array, dataOut: Uint8Array = NO_BYTES): Promise<InternalOutcome> {
    const slot = await this.#acquireSlot();
    if (slot === null) return stoppedOutcome();
    const { medium } = this.#taskSet.unit;
    if (medium !== null) this.#media.push(medium);
    try {
      return await this.#run(slot, medium, cdb, dataOut);
    } catch (error) {
      this.#options.onDefect(error);
      failedByDefect(slot);
      return outcomeOf(slot, NO_BYTES);
    } finally {
      if (medium !== null) this.#media.splice(this.#media.indexOf(medium), 1);
      slot.resetOutcome();
      this.#options.slots.release(slot);
    }
  }

  async #run(slot: CommandSlot, medium: Medium | null, cdb: Uint8Array, dataOut: Uint8Array): Promise<InternalOutcome> {
    const { unit } = this.#taskSet;
    const row = unit.deviceType.commands.find(cdb);
    assert(row !== undefined && row.runsOn === 'any', 'only medium commands come from within');
    if (medium === null) return { status: ScsiStatus.busy, sense: NO_BYTES, dataIn: NO_BYTES };
    slot.cdb.fill(0);
    slot.cdb.set(cdb);
    slot.cdbLength = Math.max(cdb.length, 16);
    slot.direction = dataOut.length === 0 ? DataDirection.in : DataDirection.out;
    slot.expectedDataOutLength = dataOut.length;
    slot.expectedDataInLength = dataOut.length === 0 ? EXPECTED_LENGTH_MAX : 0;
    slot.flags = unit.commandFlags & CommandFlag.writeThrough;
    row.plan(slot, medium, unit);
    if (slot.status !== ScsiStatus.good) return outcomeOf(slot, NO_BYTES);
    slot.dataOut = dataOut;
    slot.dataOutStart = 0;
    slot.dataOutLength = Math.min(dataOut.length, slot.plannedDataOutLength);
    row.planFromDataOut?.(slot, medium);
    if (slot.status !== ScsiStatus.good) return outcomeOf(slot, NO_BYTES);
    return this.#execute(slot, row, medium);
  }

  async #execute(slot: CommandSlot, row: MediumCommandRow, medium: Medium): Promise<InternalOutcome> {
    const { arena } = this.#options;
    const lengthBytes = Math.max(slot.dataOutLength, slot.plannedDataInLength);
    const piece = lengthBytes === 0 ? ARENA_FULL : await this.#allocate(lengthBytes);
    try {
      if (piece !== ARENA_FULL) bindPiece(slot, arena, piece);
      const command = new InternalCommand(slot, row, this.#taskSet, medium, this.#options.dispatcher);
      await command.run();
      const dataIn = slot.dataIn.subarray(slot.dataInStart, slot.dataInStart + slot.dataInLength);
      // Not `slice`, which copies nothing of a Buffer. The range is held until the bytes have been taken.
      const outcome = outcomeOf(slot, new Uint8Array(dataIn));
      command.releaseRange();
      return outcome;
    } finally {
      if (piece !== ARENA_FULL) arena.free(piece);
    }
  }

  /** Null when the engine has stopped. */
  async #acquireSlot(): Promise<CommandSlot | null> {
    while (!this.#options.dispatcher.isStopped) {
      const slot = this.#options.slots.acquire();
      if (slot !== null) return slot;
      await shortage();
    }
    return null;
  }

  async #allocate(lengthBytes: number): Promise<number> {
    for (;;) {
      const piece = this.#options.arena.allocate(lengthBytes);
      if (piece !== ARENA_FULL) return piece;
      await shortage();
    }
  }
}

/** Data-Out moves to where workers see it; Data-In may be written to the same place. */
function bindPiece(slot: CommandSlot, arena: BufferArena, piece: number): void {
  arena.bytes.set(slot.dataOut.subarray(0, slot.dataOutLength), piece);
  slot.dataOut = arena.bytes;
  slot.dataOutOffset = piece;
  slot.dataOutStart = piece;
  slot.dataIn = arena.bytes;
  slot.dataInOffset = piece;
  slot.dataInStart = piece;
  slot.dataInCapacity = slot.plannedDataInLength;
}

/** One of them, from its claim to its end. */
class InternalCommand implements MediumJob, RangeClaim {
  readonly slot: CommandSlot;
  readonly medium: Medium;
  readonly claimStart: number;
  readonly claimEnd: number;
  readonly claimExclusive: boolean;
  claimIndex = -1;
  readonly #row: MediumCommandRow;
  readonly #taskSet: TaskSet;
  readonly #dispatcher: Dispatcher;
  #done: () => void = () => {};

  constructor(slot: CommandSlot, row: MediumCommandRow, taskSet: TaskSet, medium: Medium, dispatcher: Dispatcher) {
    this.slot = slot;
    this.medium = medium;
    this.claimStart = slot.lba;
    this.claimEnd = slot.lba + slot.lbaCount;
    this.claimExclusive = excludesAll(row.mediumAccess);
    this.#row = row;
    this.#taskSet = taskSet;
    this.#dispatcher = dispatcher;
  }

  get deviceType(): DeviceType {
    return this.#taskSet.unit.deviceType;
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve;
      if (!claimsRange(this.#row.mediumAccess) || this.slot.lbaCount === 0 || this.#taskSet.locks.acquire(this)) this.#dispatch();
    });
  }

  onRangeGranted(): void {
    this.#dispatch();
  }

  onExecuted(): void {
    const { slot, medium } = this;
    this.#taskSet.unit.onMediumCommand?.();
    // A worker has found Data-In in the store; this thread needs a view of its own.
    if (slot.dataInFromStore && slot.dataInLength > 0) {
      const view = medium.store.view(slot.lba * medium.blockLengthBytes, slot.dataInLength);
      assert(view !== null, 'a store that gave a view no longer does');
      slot.dataIn = view.bytes;
      slot.dataInStart = view.offset;
    }
    this.#done();
  }

  releaseRange(): void {
    if (this.claimIndex !== -1) this.#taskSet.locks.release(this);
  }

  #dispatch(): void {
    const { slot, medium } = this;
    if (this.#dispatcher.isStopped) {
      unitOutOfService(slot);
      this.#done();
      return;
    }
    slot.logicalUnitHandle = medium.handle;
    const lengthBytes = Math.max(slot.dataOutLength, slot.plannedDataInLength);
    if (runsInline(this.#taskSet.execution, this.#row, slot, medium, lengthBytes, this.#dispatcher.hasWorkers)) this.#dispatcher.executeInline(this);
    else this.#dispatcher.submit(this);
  }
}

/** Work in the background must not outlive the stores: whatever it does next fails, so that it ends. */
function stoppedOutcome(): InternalOutcome {
  const sense = new Uint8Array(FIXED_SENSE_LENGTH);
  writeFixedSense(sense, SenseKey.hardwareError, Asc.internalTargetFailure);
  return { status: ScsiStatus.checkCondition, sense, dataIn: NO_BYTES };
}

function outcomeOf(slot: CommandSlot, dataIn: Uint8Array): InternalOutcome {
  return { status: slot.status, sense: new Uint8Array(slot.sense.subarray(0, slot.senseLength)), dataIn };
}

function shortage(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SHORTAGE_MS));
}
