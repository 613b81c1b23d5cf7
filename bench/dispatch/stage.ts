import type { MediumJob, UnitAttachment } from '../../engine/dispatch/job.js';
import { assert, TargetError } from '../../engine/errors.js';
import { crc32c, readDigest } from '../../engine/pdu/index.js';
import { Medium } from '../../engine/scsi/medium.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { BufferArena } from '../../engine/shm/buffer-arena.js';
import type { CommandSlot } from '../../engine/shm/command-slot.js';
import { openRamStore } from '../../engine/store/ram-store.js';
import { SlotPool } from '../../engine/task/slot-pool.js';
import { benchDevice, CRC_BYTES, DATA_BYTES_MAX, type Operation } from './operations.js';

const MIB = 1024 * 1024;
const STORE_BYTES = 64 * MIB;
const BLOCK_BYTES = 512;
const PIECE_BYTES = 4096;
/** A step through the store that meets every piece, far from the last one: larger transfers come from memory, as for a large LUN. */
const STEP_PIECES = 4099;
const PIECE_COUNT = (STORE_BYTES - DATA_BYTES_MAX) / PIECE_BYTES + 1;

/** Store, arena and slots that all variants share, with data in them that can be checked. */
export class Stage {
  readonly slots: SlotPool;
  readonly arena: BufferArena;
  readonly medium: Medium;
  readonly attachment: UnitAttachment;
  readonly lanes: readonly Lane[];

  constructor(depthMax: number) {
    const store = openRamStore({ sizeBytes: STORE_BYTES });
    // Every 4 KiB is alike, so that each piece of the store is right wherever it is read from.
    const pattern = Buffer.alloc(DATA_BYTES_MAX);
    for (let at = 0; at < DATA_BYTES_MAX; at++) pattern[at] = ((at % PIECE_BYTES) * 167) >> 3;
    for (let position = 0; position < STORE_BYTES; position += DATA_BYTES_MAX) store.write(pattern, 0, DATA_BYTES_MAX, position, false);
    this.medium = new Medium(store, { blockLengthBytes: BLOCK_BYTES, readOnly: false, transferLengthBytesMax: DATA_BYTES_MAX });
    this.attachment = {
      handle: 1,
      deviceTypeName: benchDevice.name,
      store: store.descriptor,
      shape: this.medium.shape,
    };
    this.slots = new SlotPool(2 ** Math.ceil(Math.log2(depthMax)));
    this.arena = new BufferArena(2 * depthMax * DATA_BYTES_MAX, DATA_BYTES_MAX);
    this.lanes = Array.from({ length: depthMax }, () => new Lane(this, pattern));
  }
}

/** One of the commands that are outstanding at once. */
export class Lane implements MediumJob {
  readonly slot: CommandSlot;
  readonly deviceType = benchDevice;
  readonly medium: Medium;
  readonly #arena: Uint8Array;
  readonly #pattern: Uint8Array;
  readonly #dataOutAt: number;
  readonly #dataInAt: number;
  #turn: number;
  /** Told when the command is done. */
  whenDone: () => void = () => {};

  constructor({ slots, arena, medium }: Stage, pattern: Uint8Array) {
    const slot = slots.acquire();
    assert(slot !== null, 'each lane has a slot');
    this.slot = slot;
    this.medium = medium;
    this.#arena = arena.bytes;
    this.#pattern = pattern;
    this.#dataOutAt = arena.allocate(DATA_BYTES_MAX);
    this.#dataInAt = arena.allocate(DATA_BYTES_MAX);
    this.#turn = slot.index;
    this.#arena.set(pattern, this.#dataOutAt);
  }

  /** Fills the slot as the task layer does before it dispatches. */
  prepare({ row, flags }: Operation, lengthBytes: number): void {
    const { slot } = this;
    this.#turn += STEP_PIECES;
    slot.resetOutcome();
    slot.logicalUnitHandle = 1;
    slot.cdb[0] = row.opcode;
    slot.cdb[1] = flags;
    slot.cdbLength = row.cdbLength;
    slot.lba = (this.#turn % PIECE_COUNT) * (PIECE_BYTES / BLOCK_BYTES);
    slot.lbaCount = lengthBytes / BLOCK_BYTES;
    slot.plannedDataInLength = lengthBytes;
    slot.plannedDataOutLength = lengthBytes;
    slot.dataOut = this.#arena;
    slot.dataOutOffset = this.#dataOutAt;
    slot.dataOutStart = this.#dataOutAt;
    slot.dataOutLength = lengthBytes;
    slot.dataIn = this.#arena;
    slot.dataInOffset = this.#dataInAt;
    slot.dataInStart = this.#dataInAt;
    slot.dataInCapacity = lengthBytes;
  }

  onExecuted(): void {
    if (this.slot.status !== ScsiStatus.good) throw new TargetError('BENCH_RUN', `a command of the bench ended with status ${this.slot.status}`);
    this.whenDone();
  }

  /** Spoils what the next command is to leave. */
  clearAnswer(): void {
    this.#arena.fill(0, this.#dataInAt, this.#dataInAt + DATA_BYTES_MAX);
  }

  /** Throws `BENCH_RUN` when the last command did not leave what its operation should. */
  checkAnswer({ name, answerBytes }: Operation, lengthBytes: number): void {
    const wanted = answerBytes(lengthBytes);
    const answer = this.#arena.subarray(this.#dataInAt, this.#dataInAt + wanted);
    const isRight = name === 'crc32c' ? this.#isCrc(answer, lengthBytes) : Buffer.compare(answer, this.#pattern.subarray(0, wanted)) === 0;
    if (!isRight) throw new TargetError('BENCH_RUN', `${name} of ${lengthBytes} bytes gave a wrong answer`);
  }

  #isCrc(answer: Uint8Array, lengthBytes: number): boolean {
    return readDigest(new DataView(answer.buffer, answer.byteOffset, CRC_BYTES), 0) === crc32c(this.#pattern, 0, lengthBytes);
  }
}
