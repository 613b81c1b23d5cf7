import { CDB_CAPACITY_BYTES, SENSE_CAPACITY_BYTES, SLOT, SLOT_LENGTH_BYTES } from './layout.js';

const WORD = 4;
const DOUBLE = 8;

/** The memory of all slots, as a thread sees it: one set of views for every `CommandSlot`. */
export class SlotMemory {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly slotCount: number;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.slotCount = buffer.byteLength / SLOT_LENGTH_BYTES;
  }

  static allocate(slotCount: number): SlotMemory {
    return new SlotMemory(new SharedArrayBuffer(slotCount * SLOT_LENGTH_BYTES));
  }
}

const noBytes = new Uint8Array(0);

/**
 * One command as a device server sees it, on whichever thread: named access to one slot. Objects are made once per
 * slot and thread and used again; they hold no state of their own but the buffers bound for the current execution.
 */
export class CommandSlot {
  readonly index: number;
  readonly cdb: Uint8Array;
  readonly cdbView: DataView;
  readonly sense: Uint8Array;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #word: number;
  readonly #double: number;

  /** Data-Out as it arrived: `dataOutLength` bytes of `dataOut` from `dataOutStart`. Bound before execution. */
  dataOut: Uint8Array = noBytes;
  dataOutStart = 0;
  /** Where Data-In lies or may be written: up to `dataInCapacity` bytes of `dataIn` from `dataInStart`. */
  dataIn: Uint8Array = noBytes;
  dataInStart = 0;

  constructor(memory: SlotMemory, index: number) {
    const base = index * SLOT_LENGTH_BYTES;
    this.index = index;
    this.#words = memory.words;
    this.#doubles = memory.doubles;
    this.#word = base / WORD;
    this.#double = base / DOUBLE;
    this.cdb = new Uint8Array(memory.buffer, base + SLOT.cdb.at, CDB_CAPACITY_BYTES);
    this.cdbView = new DataView(memory.buffer, base + SLOT.cdb.at, CDB_CAPACITY_BYTES);
    this.sense = new Uint8Array(memory.buffer, base + SLOT.sense.at, SENSE_CAPACITY_BYTES);
  }

  get generation(): number {
    return this.#words[this.#word + SLOT.generation.at / WORD] as number;
  }
  set generation(value: number) {
    this.#words[this.#word + SLOT.generation.at / WORD] = value;
  }
  get logicalUnitHandle(): number {
    return this.#words[this.#word + SLOT.logicalUnitHandle.at / WORD] as number;
  }
  set logicalUnitHandle(value: number) {
    this.#words[this.#word + SLOT.logicalUnitHandle.at / WORD] = value;
  }
  get nexusId(): number {
    return this.#words[this.#word + SLOT.nexusId.at / WORD] as number;
  }
  set nexusId(value: number) {
    this.#words[this.#word + SLOT.nexusId.at / WORD] = value;
  }
  get taskAttribute(): number {
    return this.#words[this.#word + SLOT.taskAttribute.at / WORD] as number;
  }
  set taskAttribute(value: number) {
    this.#words[this.#word + SLOT.taskAttribute.at / WORD] = value;
  }
  get initiatorTaskTag(): number {
    return (this.#words[this.#word + SLOT.initiatorTaskTag.at / WORD] as number) >>> 0;
  }
  set initiatorTaskTag(value: number) {
    this.#words[this.#word + SLOT.initiatorTaskTag.at / WORD] = value;
  }
  get cdbLength(): number {
    return this.#words[this.#word + SLOT.cdbLength.at / WORD] as number;
  }
  set cdbLength(value: number) {
    this.#words[this.#word + SLOT.cdbLength.at / WORD] = value;
  }
  get direction(): number {
    return this.#words[this.#word + SLOT.direction.at / WORD] as number;
  }
  set direction(value: number) {
    this.#words[this.#word + SLOT.direction.at / WORD] = value;
  }
  get expectedDataOutLength(): number {
    return (this.#words[this.#word + SLOT.expectedDataOutLength.at / WORD] as number) >>> 0;
  }
  set expectedDataOutLength(value: number) {
    this.#words[this.#word + SLOT.expectedDataOutLength.at / WORD] = value;
  }
  get expectedDataInLength(): number {
    return (this.#words[this.#word + SLOT.expectedDataInLength.at / WORD] as number) >>> 0;
  }
  set expectedDataInLength(value: number) {
    this.#words[this.#word + SLOT.expectedDataInLength.at / WORD] = value;
  }
  get lba(): number {
    return this.#doubles[this.#double + SLOT.lba.at / DOUBLE] as number;
  }
  set lba(value: number) {
    this.#doubles[this.#double + SLOT.lba.at / DOUBLE] = value;
  }
  get lbaCount(): number {
    return this.#doubles[this.#double + SLOT.lbaCount.at / DOUBLE] as number;
  }
  set lbaCount(value: number) {
    this.#doubles[this.#double + SLOT.lbaCount.at / DOUBLE] = value;
  }
  get plannedDataOutLength(): number {
    return (this.#words[this.#word + SLOT.plannedDataOutLength.at / WORD] as number) >>> 0;
  }
  set plannedDataOutLength(value: number) {
    this.#words[this.#word + SLOT.plannedDataOutLength.at / WORD] = value;
  }
  get plannedDataInLength(): number {
    return (this.#words[this.#word + SLOT.plannedDataInLength.at / WORD] as number) >>> 0;
  }
  set plannedDataInLength(value: number) {
    this.#words[this.#word + SLOT.plannedDataInLength.at / WORD] = value;
  }
  get dataOutOffset(): number {
    return (this.#words[this.#word + SLOT.dataOutOffset.at / WORD] as number) >>> 0;
  }
  set dataOutOffset(value: number) {
    this.#words[this.#word + SLOT.dataOutOffset.at / WORD] = value;
  }
  get dataOutLength(): number {
    return (this.#words[this.#word + SLOT.dataOutLength.at / WORD] as number) >>> 0;
  }
  set dataOutLength(value: number) {
    this.#words[this.#word + SLOT.dataOutLength.at / WORD] = value;
  }
  get dataInOffset(): number {
    return (this.#words[this.#word + SLOT.dataInOffset.at / WORD] as number) >>> 0;
  }
  set dataInOffset(value: number) {
    this.#words[this.#word + SLOT.dataInOffset.at / WORD] = value;
  }
  get dataInCapacity(): number {
    return (this.#words[this.#word + SLOT.dataInCapacity.at / WORD] as number) >>> 0;
  }
  set dataInCapacity(value: number) {
    this.#words[this.#word + SLOT.dataInCapacity.at / WORD] = value;
  }
  get status(): number {
    return this.#words[this.#word + SLOT.status.at / WORD] as number;
  }
  set status(value: number) {
    this.#words[this.#word + SLOT.status.at / WORD] = value;
  }
  /** `CommandFlag` bits. */
  get flags(): number {
    return (this.#words[this.#word + SLOT.flags.at / WORD] as number) >>> 0;
  }
  set flags(value: number) {
    this.#words[this.#word + SLOT.flags.at / WORD] = value;
  }
  get senseLength(): number {
    return this.#words[this.#word + SLOT.senseLength.at / WORD] as number;
  }
  set senseLength(value: number) {
    this.#words[this.#word + SLOT.senseLength.at / WORD] = value;
  }
  get dataInLength(): number {
    return (this.#words[this.#word + SLOT.dataInLength.at / WORD] as number) >>> 0;
  }
  set dataInLength(value: number) {
    this.#words[this.#word + SLOT.dataInLength.at / WORD] = value;
  }
  get dataInFromStore(): boolean {
    return this.#words[this.#word + SLOT.dataInFromStore.at / WORD] === 1;
  }
  set dataInFromStore(value: boolean) {
    this.#words[this.#word + SLOT.dataInFromStore.at / WORD] = value ? 1 : 0;
  }
  get receivedAt(): number {
    return this.#doubles[this.#double + SLOT.receivedAt.at / DOUBLE] as number;
  }
  set receivedAt(value: number) {
    this.#doubles[this.#double + SLOT.receivedAt.at / DOUBLE] = value;
  }
  get orderedAt(): number {
    return this.#doubles[this.#double + SLOT.orderedAt.at / DOUBLE] as number;
  }
  set orderedAt(value: number) {
    this.#doubles[this.#double + SLOT.orderedAt.at / DOUBLE] = value;
  }
  get dispatchedAt(): number {
    return this.#doubles[this.#double + SLOT.dispatchedAt.at / DOUBLE] as number;
  }
  set dispatchedAt(value: number) {
    this.#doubles[this.#double + SLOT.dispatchedAt.at / DOUBLE] = value;
  }
  get completedAt(): number {
    return this.#doubles[this.#double + SLOT.completedAt.at / DOUBLE] as number;
  }
  set completedAt(value: number) {
    this.#doubles[this.#double + SLOT.completedAt.at / DOUBLE] = value;
  }
  get flushedAt(): number {
    return this.#doubles[this.#double + SLOT.flushedAt.at / DOUBLE] as number;
  }
  set flushedAt(value: number) {
    this.#doubles[this.#double + SLOT.flushedAt.at / DOUBLE] = value;
  }
  get startedAt(): number {
    return this.#doubles[this.#double + SLOT.startedAt.at / DOUBLE] as number;
  }
  set startedAt(value: number) {
    this.#doubles[this.#double + SLOT.startedAt.at / DOUBLE] = value;
  }
  get executedAt(): number {
    return this.#doubles[this.#double + SLOT.executedAt.at / DOUBLE] as number;
  }
  set executedAt(value: number) {
    this.#doubles[this.#double + SLOT.executedAt.at / DOUBLE] = value;
  }

  /** Copies the stamps in the order in which a command reaches them: received, ordered, dispatched, started, executed, completed, flushed. */
  copyStamps(target: Float64Array): void {
    const doubles = this.#doubles;
    const base = this.#double;
    target[0] = doubles[base + SLOT.receivedAt.at / DOUBLE] as number;
    target[1] = doubles[base + SLOT.orderedAt.at / DOUBLE] as number;
    target[2] = doubles[base + SLOT.dispatchedAt.at / DOUBLE] as number;
    target[3] = doubles[base + SLOT.startedAt.at / DOUBLE] as number;
    target[4] = doubles[base + SLOT.executedAt.at / DOUBLE] as number;
    target[5] = doubles[base + SLOT.completedAt.at / DOUBLE] as number;
    target[6] = doubles[base + SLOT.flushedAt.at / DOUBLE] as number;
  }

  /** Clears the stamps of the slot's previous use: 0 stands for what the command has not reached. */
  resetStamps(): void {
    const doubles = this.#doubles;
    const base = this.#double;
    doubles[base + SLOT.orderedAt.at / DOUBLE] = 0;
    doubles[base + SLOT.dispatchedAt.at / DOUBLE] = 0;
    doubles[base + SLOT.startedAt.at / DOUBLE] = 0;
    doubles[base + SLOT.executedAt.at / DOUBLE] = 0;
    doubles[base + SLOT.completedAt.at / DOUBLE] = 0;
    doubles[base + SLOT.flushedAt.at / DOUBLE] = 0;
  }

  /** Clears the outcome and the plan of the slot's previous use. The CDB bytes beyond `cdbLength` are the setter's duty. */
  resetOutcome(): void {
    this.status = 0;
    this.senseLength = 0;
    this.dataInLength = 0;
    this.dataInFromStore = false;
    this.plannedDataOutLength = 0;
    this.plannedDataInLength = 0;
    this.lba = 0;
    this.lbaCount = 0;
    this.dataOutLength = 0;
    this.dataInCapacity = 0;
    this.dataOut = noBytes;
    this.dataIn = noBytes;
    this.dataOutStart = 0;
    this.dataInStart = 0;
  }
}
