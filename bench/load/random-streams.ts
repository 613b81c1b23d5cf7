import { SeededRandom } from '../../load/seeded-random.js';
import type { LatencyTally } from '../../load/tally.js';
import type { CommandStream, CoreConnection, Fault } from './core-connection.js';
import type { InitiatorJob } from './job.js';
import { Pattern } from './pattern.js';

export type LoadJob = Extract<InitiatorJob, { kind: 'load' }>;

const READ_SHARE_OF_MIXED = 0.7;
const SHARE_RANGE = 2 ** 32;
const MICROS_PER_MS = 1000;

/** What all sessions of a run share. */
export interface RunState {
  /** Null while nothing counts. */
  tally: LatencyTally | null;
  completedCount: number;
  isStopped: boolean;
}

/** Where the transfers of one session lie: at random, or one behind the other from a start of its own. */
class Places {
  readonly count: number;
  readonly random: SeededRandom;
  readonly #isSequential: boolean;
  #next: number;

  constructor(job: LoadJob, sessionIndex: number) {
    this.count = Math.floor(job.medium.capacityBytes / job.lengthBytes);
    this.random = new SeededRandom(job.seed + sessionIndex);
    this.#isSequential = job.isSequential === true;
    this.#next = Math.floor((this.count * sessionIndex) / (job.sessionCount ?? 1));
  }

  draw(): number {
    if (!this.#isSequential) return this.random.below(this.count);
    const place = this.#next;
    this.#next = place + 1 === this.count ? 0 : place + 1;
    return place;
  }
}

/** Commands without an end until it is told to stop; counts what completes and how long it took. */
export abstract class LoadStream implements CommandStream {
  readonly connection: CoreConnection;
  readonly #state: RunState;
  readonly #lengthBytes: number;
  readonly #sentAt: Float64Array;

  constructor(connection: CoreConnection, lengthBytes: number, state: RunState) {
    this.connection = connection;
    this.#lengthBytes = lengthBytes;
    this.#state = state;
    this.#sentAt = new Float64Array(connection.core.taskCount);
  }

  /** Answers the index of the task. */
  protected abstract submit(): number;

  submitNext(): boolean {
    if (this.#state.isStopped) return false;
    this.#sentAt[this.submit()] = performance.now();
    return true;
  }

  complete(taskIndex: number, bytes: number): Fault {
    this.#state.completedCount++;
    this.#state.tally?.record((performance.now() - (this.#sentAt[taskIndex] as number)) * MICROS_PER_MS);
    return bytes === this.#lengthBytes ? null : `a command moved ${bytes} bytes, not ${this.#lengthBytes}`;
  }
}

export class TestUnitReadyStream extends LoadStream {
  readonly #command = this.connection.defineTestUnitReady();

  protected submit(): number {
    return this.connection.core.submit(this.#command, 0);
  }
}

/** Reads, writes, or both. */
export class TransferStream extends LoadStream {
  readonly pattern: Pattern | null;
  readonly #places: Places;
  readonly #lbaCount: number;
  readonly #transferBytes: number;
  readonly #readShare: number;
  readonly #read: number;
  readonly #write: number;
  /** One for all reads: nobody looks at it. That reads are right is what the verification is for. */
  readonly #landing: Uint8Array;
  readonly #isWritten: Uint8Array;

  constructor(connection: CoreConnection, job: LoadJob, sessionIndex: number, state: RunState) {
    super(connection, job.lengthBytes, state);
    this.#places = new Places(job, sessionIndex);
    this.#lbaCount = job.lengthBytes / job.medium.blockLengthBytes;
    this.#transferBytes = job.lengthBytes;
    this.#readShare = job.operation === 'read' ? 1 : job.operation === 'mixed' ? READ_SHARE_OF_MIXED : 0;
    this.#read = connection.defineRead(this.#lbaCount, job.lengthBytes);
    this.#write = connection.defineWrite(this.#lbaCount, job.lengthBytes);
    this.#landing = new Uint8Array(job.lengthBytes);
    // One pattern for all sessions, so that whichever wrote a place last wrote the same.
    this.pattern = job.operation === 'read' ? null : new Pattern(job.seed);
    this.#isWritten = new Uint8Array(this.#places.count);
  }

  protected submit(): number {
    const { core } = this.connection;
    const place = this.#places.draw();
    const lba = place * this.#lbaCount;
    const isRead = this.pattern === null || (this.#readShare > 0 && this.#places.random.uint32() < this.#readShare * SHARE_RANGE);
    if (isRead || this.pattern === null) return core.submit(this.#read, lba, this.#landing);
    this.#isWritten[place] = 1;
    return core.submit(this.#write, lba, this.pattern.image, this.pattern.offsetOf(place * this.#transferBytes));
  }

  /** Byte addresses of written places, spread over all of them. */
  writtenAddresses(countMax: number): number[] {
    const written: number[] = [];
    this.#isWritten.forEach((flag, place) => {
      if (flag === 1) written.push(place * this.#transferBytes);
    });
    const step = Math.max(1, Math.floor(written.length / countMax));
    return written.filter((_, index) => index % step === 0).slice(0, countMax);
  }
}
