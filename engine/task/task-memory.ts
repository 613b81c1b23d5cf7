import { assert } from '../errors.js';
import { ARENA_FULL, type BufferArena } from '../shm/buffer-arena.js';
import { ArenaShare } from './arena-share.js';
import { NO_PIECE, type Task } from './task.js';

/** Puts the data of tasks into the arena and takes it out again. */
export class TaskMemory {
  readonly share: ArenaShare;
  readonly #refuse: (task: Task) => void;

  /** `refuse` ends a task that has to make room for others. */
  constructor(arena: BufferArena, refuse: (task: Task) => void) {
    this.#refuse = refuse;
    this.share = new ArenaShare(arena, (task) => this.makeRoomFor(task));
  }

  get arena(): BufferArena {
    return this.share.arena;
  }

  /** Memory for Data-Out that comes without having been asked for; false when there is none. */
  allocateDataOut(task: Task, lengthBytes: number): boolean {
    const offset = this.share.tryAllocate(task.owner, lengthBytes);
    if (offset === ARENA_FULL) return false;
    this.placeDataOut(task, offset, lengthBytes);
    return true;
  }

  placeDataOut(task: Task, offset: number, lengthBytes: number): void {
    task.dataOutPiece = offset;
    task.dataOutPieceLength = lengthBytes;
    task.slot.dataOutOffset = offset;
    task.slot.dataOut = this.arena.bytes;
    task.slot.dataOutStart = offset;
  }

  /**
   * A task that may run waits for memory: those that may not, because they came before their turn by CmdSN, stand behind others in
   * their task set or are blocked by an ACA condition, must not keep it, or both would wait for ever. The youngest give way first, and end with TASK SET FULL.
   */
  makeRoomFor(task: Task): void {
    const ownOnly = this.share.isHeldBackByOwner(task);
    const idle = [...(task.order?.dormant ?? []), ...(task.order?.aca?.parked.keys() ?? []), ...task.owner.earlyTasks];
    for (let at = idle.length - 1; at >= 0 && this.share.isWaiting(task); at--) {
      const other = idle[at] as Task;
      if (other === task || other.dataOutPiece === NO_PIECE || (ownOnly && other.owner !== task.owner)) continue;
      if (!other.dataOut.poisoned) this.#refuse(other);
      other.owner.onDataOutUnwanted(other);
      this.freeDataOut(other);
    }
  }

  placeDataIn(task: Task, offset: number, length: number): void {
    const { slot } = task;
    task.dataInPiece = offset;
    task.dataInPieceLength = length;
    slot.dataInOffset = offset;
    slot.dataInCapacity = length;
    slot.dataIn = this.arena.bytes;
    slot.dataInStart = offset;
  }

  /**
   * What the command returns takes the place of what it was given. One piece serves both ways, so that a command with data in
   * both never waits for memory while it holds some.
   */
  turnIntoDataIn(task: Task): void {
    const { slot, dataOutPiece, dataOutPieceLength } = task;
    assert(dataOutPiece !== NO_PIECE, 'Data-Out that is to be answered in place lies in the arena');
    task.dataOutPiece = NO_PIECE;
    task.dataOutPieceLength = 0;
    this.placeDataIn(task, dataOutPiece, dataOutPieceLength);
    slot.dataInCapacity = slot.dataOutLength;
  }

  /**
   * Data-Out that lies in the receive chunk lives only as long as the current call: what does not execute at once
   * is moved to the arena. There is room, because a connection is not read while the arena is low.
   */
  keepDataOut(task: Task): void {
    const { slot } = task;
    const length = task.dataOut.receivedLength;
    if (length === 0 || task.dataOutPiece !== NO_PIECE || slot.dataOut === this.arena.bytes) return;
    const { dataOut, dataOutStart } = slot;
    if (this.allocateDataOut(task, length)) {
      this.arena.bytes.set(dataOut.subarray(dataOutStart, dataOutStart + length), task.dataOutPiece);
      return;
    }
    // A Buffer's `slice` would not copy.
    slot.dataOut = new Uint8Array(dataOut.subarray(dataOutStart, dataOutStart + length));
    slot.dataOutStart = 0;
  }

  freeDataOut(task: Task): void {
    if (task.dataOutPiece === NO_PIECE) return;
    const { dataOutPiece, dataOutPieceLength } = task;
    task.dataOutPiece = NO_PIECE;
    task.dataOutPieceLength = 0;
    this.share.free(task.owner, dataOutPiece, dataOutPieceLength);
  }

  /** Everything that the task holds of the arena. */
  freeAll(task: Task): void {
    this.freeDataOut(task);
    if (task.dataInPiece === NO_PIECE) return;
    const { dataInPiece, dataInPieceLength } = task;
    task.dataInPiece = NO_PIECE;
    task.dataInPieceLength = 0;
    this.share.free(task.owner, dataInPiece, dataInPieceLength);
  }
}
