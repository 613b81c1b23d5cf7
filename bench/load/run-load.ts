import { cpuSecondsOf } from '../compare/process-cost.js';
import { type CommandStream, CoreConnection, type Fault } from './core-connection.js';
import type { InitiatorJob, LoadAnswer } from './job.js';
import { Pattern } from './pattern.js';
import { RandomWords } from './random-words.js';
import { readBackStream } from './verify.js';

export type LoadJob = Extract<InitiatorJob, { kind: 'load' }>;

/** Before anything counts: the code of both processes becomes hot. */
const LEAD_IN_MS = 250;
/** Of the blocks that a run wrote, as many are read back and compared. */
const CHECKED_COUNT_MAX = 1024;

/** Random addresses until it is told to stop; counts what completes. */
abstract class RandomStream implements CommandStream {
  completedCount = 0;
  isStopped = false;
  readonly connection: CoreConnection;
  readonly lengthBytes: number;

  constructor(connection: CoreConnection, lengthBytes: number) {
    this.connection = connection;
    this.lengthBytes = lengthBytes;
  }

  protected abstract submit(): void;

  submitNext(): boolean {
    if (this.isStopped) return false;
    this.submit();
    return true;
  }

  complete(_taskIndex: number, bytes: number): Fault {
    this.completedCount++;
    return bytes === this.lengthBytes ? null : `a command moved ${bytes} bytes, not ${this.lengthBytes}`;
  }
}

class TestUnitReadyStream extends RandomStream {
  readonly #command = this.connection.defineTestUnitReady();

  protected submit(): void {
    this.connection.core.submit(this.#command, 0);
  }
}

/** Where transfers of one length may lie on a medium. */
class Places {
  readonly count: number;
  readonly lbaCount: number;
  readonly #random: RandomWords;

  constructor(job: LoadJob) {
    this.lbaCount = job.lengthBytes / job.medium.blockLengthBytes;
    this.count = Math.floor(job.medium.capacityBytes / job.lengthBytes);
    this.#random = new RandomWords(job.seed);
  }

  draw(): number {
    return this.#random.below(this.count);
  }
}

class ReadStream extends RandomStream {
  readonly #places: Places;
  readonly #command: number;
  /** One for all: nobody looks at it. That reads are right is what the verification is for. */
  readonly #landing: Uint8Array;

  constructor(connection: CoreConnection, job: LoadJob) {
    super(connection, job.lengthBytes);
    this.#places = new Places(job);
    this.#command = connection.defineRead(this.#places.lbaCount, job.lengthBytes);
    this.#landing = new Uint8Array(job.lengthBytes);
  }

  protected submit(): void {
    this.connection.core.submit(this.#command, this.#places.draw() * this.#places.lbaCount, this.#landing);
  }
}

class WriteStream extends RandomStream {
  readonly pattern: Pattern;
  readonly #places: Places;
  readonly #command: number;
  readonly #isWritten: Uint8Array;

  constructor(connection: CoreConnection, job: LoadJob) {
    super(connection, job.lengthBytes);
    this.pattern = new Pattern(job.seed);
    this.#places = new Places(job);
    this.#command = connection.defineWrite(this.#places.lbaCount, job.lengthBytes);
    this.#isWritten = new Uint8Array(this.#places.count);
  }

  protected submit(): void {
    const place = this.#places.draw();
    this.#isWritten[place] = 1;
    this.connection.core.submit(this.#command, place * this.#places.lbaCount, this.pattern.image, this.pattern.offsetOf(place * this.lengthBytes));
  }

  /** Byte addresses of written places, spread over all of them. */
  writtenAddresses(countMax: number): number[] {
    const written: number[] = [];
    this.#isWritten.forEach((flag, place) => {
      if (flag === 1) written.push(place * this.lengthBytes);
    });
    const step = Math.max(1, Math.floor(written.length / countMax));
    return written.filter((_, index) => index % step === 0).slice(0, countMax);
  }
}

function streamOf(connection: CoreConnection, job: LoadJob): RandomStream {
  if (job.operation === 'read') return new ReadStream(connection, job);
  return job.operation === 'write' ? new WriteStream(connection, job) : new TestUnitReadyStream(connection, 0);
}

/** Keeps `depth` commands on their way for `seconds`; then reads back a part of what was written, when something was. */
export async function runLoad(job: LoadJob): Promise<LoadAnswer> {
  const connection = await CoreConnection.open(job.url, job.depth);
  const stream = streamOf(connection, job);
  const cpuSeconds = () => (job.targetPid === null ? null : cpuSecondsOf(job.targetPid));
  cpuSeconds();
  const taken = { operationCount: 0, elapsedSeconds: 0, cpuSeconds: null as number | null };
  const start = (): void => {
    const from = { at: performance.now(), count: stream.completedCount, cpu: cpuSeconds() };
    setTimeout(() => {
      taken.elapsedSeconds = (performance.now() - from.at) / 1000;
      taken.operationCount = stream.completedCount - from.count;
      const cpu = cpuSeconds();
      taken.cpuSeconds = cpu === null || from.cpu === null ? null : cpu - from.cpu;
      stream.isStopped = true;
    }, job.seconds * 1000);
  };
  setTimeout(start, LEAD_IN_MS);
  await connection.run(stream);
  const addresses = stream instanceof WriteStream ? stream.writtenAddresses(CHECKED_COUNT_MAX) : [];
  if (stream instanceof WriteStream) await connection.run(readBackStream(connection, stream.pattern, addresses, job.lengthBytes, job.medium));
  await connection.core.close();
  return { ...taken, checkedCount: addresses.length };
}
