import { TargetError } from '../../engine/errors.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { type CoreCommandOptions, cdb, PipelinedCore, parseIscsiUrl, parseSense } from '../../initiator/index.js';

/** Unit attentions that a new nexus may have to be told of before it is quiet. */
const UNIT_ATTENTION_COUNT_MAX = 32;
/** READ and WRITE (16), whose LBA is eight bytes at byte 2: the form that iscsi-perf uses, so that both initiators ask the same. */
const CDB_FORM = 16;
const CDB_LBA = { at: 2, widthBytes: 8 } as const;

/** How one command ended: null, or what is wrong with it. */
export type Fault = string | null;

/** What a connection does for a while: commands one behind the other, as many at once as it may. */
export interface CommandStream {
  /** Submits the next command to the core; false when none is left. Called only when the core would take it. */
  submitNext(): boolean;
  /** A command ended with GOOD. */
  complete(taskIndex: number, bytes: number): Fault;
}

/** A pipelined core that is logged in and past its unit attentions, and that runs one stream of commands after the other. */
export class CoreConnection {
  readonly core: PipelinedCore;
  readonly #lun: number;
  #stream: CommandStream | null = null;
  #isExhausted = false;
  #fault: Fault = null;
  #resolve: () => void = () => {};
  #reject: (cause: Error) => void = () => {};

  private constructor(core: PipelinedCore, lun: number) {
    this.core = core;
    this.#lun = lun;
  }

  /** Rejects as `PipelinedCore.connect`, and with `TargetError` `BENCH_RUN` when the logical unit does not become ready. */
  static async open(url: string, depth: number): Promise<CoreConnection> {
    const { host, port, targetName, lun } = parseIscsiUrl(url);
    let connection: CoreConnection | null = null;
    const core = await PipelinedCore.connect({
      host,
      port,
      targetName,
      taskCount: depth,
      onComplete: (taskIndex, status, bytes) => {
        if (connection !== null) connection.#onComplete(taskIndex, status, bytes);
      },
      onWindowOpen: () => {
        if (connection !== null) connection.#fill();
      },
      onFailure: (cause) => {
        if (connection !== null) connection.#reject(cause);
      },
    });
    connection = new CoreConnection(core, lun);
    await connection.#settle();
    return connection;
  }

  define(options: Omit<CoreCommandOptions, 'lun'>): number {
    return this.core.defineCommand({ ...options, lun: this.#lun });
  }

  defineRead(lbaCount: number, lengthBytes: number): number {
    return this.define({ cdb: cdb.readCdb(CDB_FORM, 0, lbaCount), lba: CDB_LBA, direction: 'in', lengthBytes });
  }

  defineWrite(lbaCount: number, lengthBytes: number): number {
    return this.define({ cdb: cdb.writeCdb(CDB_FORM, 0, lbaCount), lba: CDB_LBA, direction: 'out', lengthBytes });
  }

  defineTestUnitReady(): number {
    return this.define({ cdb: cdb.testUnitReadyCdb(), direction: 'none', lengthBytes: 0 });
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

  #fill(): void {
    const stream = this.#stream;
    if (stream === null) return;
    while (!this.#isExhausted && this.core.canSubmit) this.#isExhausted = !stream.submitNext();
    if (this.#isExhausted && this.core.inFlightCount === 0) this.#resolve();
  }

  #onComplete(taskIndex: number, status: number, bytes: number): void {
    const fault = status === ScsiStatus.good ? (this.#stream?.complete(taskIndex, bytes) ?? null) : this.#describe(status);
    if (fault !== null) {
      this.#fault ??= fault;
      this.#isExhausted = true;
    }
    this.#fill();
  }

  /** Only while a command completes: the core holds the sense data of that one. */
  #describe(status: number): string {
    const sense = parseSense(this.core.senseData);
    const senseText = sense === null ? '' : `, sense key 0x${sense.key.toString(16)}, ASC and ASCQ 0x${sense.ascAscq.toString(16).padStart(4, '0')}`;
    return `a command ended with SCSI status 0x${status.toString(16).padStart(2, '0')}${senseText}`;
  }

  /** A nexus may begin with unit attentions (SAM-5 "Unit attention condition"); they are not what is measured. */
  async #settle(): Promise<void> {
    const testUnitReady = this.defineTestUnitReady();
    for (let count = 0; ; count++) {
      let isSubmitted = false;
      const once: CommandStream = {
        submitNext: () => {
          if (isSubmitted) return false;
          isSubmitted = this.core.submit(testUnitReady, 0) >= 0;
          return true;
        },
        complete: () => null,
      };
      try {
        await this.run(once);
        return;
      } catch (error) {
        if (count === UNIT_ATTENTION_COUNT_MAX || this.core.isClosed) throw error;
      }
    }
  }
}
