import { TargetError } from '../../engine/errors.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type PipelinedCore, parseIscsiUrl, parseSense } from '../../initiator/index.js';
import { type ConnectionSink, LoadConnection } from '../../load/load-connection.js';

/** READ and WRITE (16): the form that iscsi-perf uses, so that both initiators ask the same. */
const CDB_FORM = 16;

/** How one command ended: null, or what is wrong with it. */
export type Fault = string | null;

/** What a connection does for a while: commands one behind the other, as many at once as it may. */
export interface CommandStream {
  /** Submits the next command to the core; false when none is left. Called only when the core would take it. */
  submitNext(): boolean;
  /** A command ended with GOOD. */
  complete(taskIndex: number, bytes: number): Fault;
}

/** A connection of `load/` that runs one stream of commands after the other. */
export class CoreConnection implements ConnectionSink {
  readonly core: PipelinedCore;
  readonly #connection: LoadConnection;
  #stream: CommandStream | null = null;
  #isExhausted = false;
  #fault: Fault = null;
  #resolve: () => void = () => {};
  #reject: (cause: Error) => void = () => {};

  private constructor(connection: LoadConnection) {
    this.#connection = connection;
    this.core = connection.core;
    connection.attach(this);
  }

  /** Rejects as `LoadConnection.open`. */
  static async open(url: string, depth: number, digests = false): Promise<CoreConnection> {
    return new CoreConnection(await LoadConnection.open(parseIscsiUrl(url), { taskCount: depth, digests }));
  }

  defineRead(lbaCount: number, lengthBytes: number): number {
    return this.#connection.defineRead(CDB_FORM, lbaCount, lengthBytes);
  }

  defineWrite(lbaCount: number, lengthBytes: number): number {
    return this.#connection.defineWrite(CDB_FORM, lbaCount, lengthBytes);
  }

  defineTestUnitReady(): number {
    return this.#connection.defineTestUnitReady();
  }

  /** Resolves when the stream has ended and nothing is on its way. Rejects with `BENCH_RUN` on the first fault, or as the connection breaks. */
  async run(stream: CommandStream): Promise<void> {
    this.#stream = stream;
    this.#isExhausted = false;
    this.#fault = null;
    const ended = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#fill();
    await ended;
    if (this.#fault !== null) throw new TargetError('BENCH_RUN', this.#fault);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #fill(): void {
    const stream = this.#stream;
    if (stream === null) return;
    while (!this.#isExhausted && this.core.canSubmit) this.#isExhausted = !stream.submitNext();
    if (this.#isExhausted && this.core.inFlightCount === 0) this.#resolve();
  }

  onComplete(taskIndex: number, status: number, bytes: number): void {
    const fault = status === ScsiStatus.good ? (this.#stream?.complete(taskIndex, bytes) ?? null) : this.#describe(status);
    if (fault !== null) {
      this.#fault ??= fault;
      this.#isExhausted = true;
    }
    this.#fill();
  }

  onWindowOpen(): void {
    this.#fill();
  }

  onFailure(cause: Error): void {
    this.#reject(cause);
  }

  /** Only while a command completes: the core holds the sense data of that one. */
  #describe(status: number): string {
    const sense = parseSense(this.core.senseData);
    const senseText = sense === null ? '' : `, sense key 0x${sense.key.toString(16)}, ASC and ASCQ 0x${sense.ascAscq.toString(16).padStart(4, '0')}`;
    return `a command ended with SCSI status 0x${status.toString(16).padStart(2, '0')}${senseText}`;
  }
}
