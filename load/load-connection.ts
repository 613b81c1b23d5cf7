import { assert } from '../engine/errors.js';
import { SenseKey } from '../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../initiator/cdb.js';
import type { CoreCommandOptions } from '../initiator/core-command.js';
import type { InitiatorError } from '../initiator/errors.js';
import { type IscsiUrl, loginOptionsOf } from '../initiator/iscsi-url.js';
import { PipelinedCore } from '../initiator/pipelined-core.js';
import { parseSense } from '../initiator/sense-data.js';
import { loadLimits } from './limits.js';

/** LOGICAL BLOCK ADDRESS of READ and WRITE, SBC-3 "READ (10) command" and "READ (16) command". */
const LBA_FIELD = { 10: { at: 2, widthBytes: 4 }, 16: { at: 2, widthBytes: 8 } } as const;

/** Who is told of what happens on a connection. */
export interface ConnectionSink {
  /** As `PipelinedCoreOptions.onComplete`; sense data is in `core.senseData` meanwhile. */
  onComplete(taskIndex: number, status: number, bytes: number): void;
  /** A submission was refused and would now be taken. */
  onWindowOpen(): void;
  onFailure(cause: InitiatorError): void;
}

export interface LoadConnectionOptions {
  readonly taskCount: number;
  /** CRC32C for headers and data. */
  readonly digests: boolean;
}

const nobody: ConnectionSink = { onComplete() {}, onWindowOpen() {}, onFailure() {} };

/** One session to a logical unit, past the unit attentions that a new nexus is told of. What it does is its sink's affair. */
export class LoadConnection {
  readonly core: PipelinedCore;
  readonly lun: number;
  /** Unit attentions that were taken before anything was measured. */
  unitAttentionCount = 0;
  readonly #box: { sink: ConnectionSink };

  private constructor(core: PipelinedCore, lun: number, box: { sink: ConnectionSink }) {
    this.core = core;
    this.lun = lun;
    this.#box = box;
  }

  /** Logs in. Rejects as `PipelinedCore.connect`; a unit that is not ready is no reason. */
  static async open(url: IscsiUrl, options: LoadConnectionOptions): Promise<LoadConnection> {
    const { targetName, lun } = url;
    const box = { sink: nobody };
    const core = await PipelinedCore.connect({
      ...loginOptionsOf(url),
      targetName,
      taskCount: options.taskCount,
      ...(options.digests ? { digests: { header: 'CRC32C', data: 'CRC32C' } as const } : {}),
      onComplete: (taskIndex, status, bytes) => box.sink.onComplete(taskIndex, status, bytes),
      onWindowOpen: () => box.sink.onWindowOpen(),
      onFailure: (cause) => box.sink.onFailure(cause),
    });
    const connection = new LoadConnection(core, lun, box);
    await connection.#takeUnitAttentions();
    return connection;
  }

  attach(sink: ConnectionSink): void {
    this.#box.sink = sink;
  }

  #define(options: Omit<CoreCommandOptions, 'lun'>): number {
    return this.core.defineCommand({ ...options, lun: this.lun });
  }

  defineTestUnitReady(): number {
    return this.#define({ cdb: testUnitReadyCdb(), direction: 'none', lengthBytes: 0 });
  }

  defineRead(form: 10 | 16, lbaCount: number, lengthBytes: number): number {
    return this.#define({ cdb: readCdb(form, 0, lbaCount), lba: LBA_FIELD[form], direction: 'in', lengthBytes });
  }

  defineWrite(form: 10 | 16, lbaCount: number, lengthBytes: number): number {
    return this.#define({ cdb: writeCdb(form, 0, lbaCount), lba: LBA_FIELD[form], direction: 'out', lengthBytes });
  }

  /** SAM-5 "Unit attention condition": each is told once, in place of the command's own outcome. They are not what is measured. */
  async #takeUnitAttentions(): Promise<void> {
    const command = this.defineTestUnitReady();
    while (this.unitAttentionCount < loadLimits.unitAttentionCountMax && (await this.#isUnitAttention(command))) this.unitAttentionCount++;
    this.attach(nobody);
  }

  #isUnitAttention(command: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const submit = (): boolean => this.core.submit(command, 0) >= 0;
      this.attach({
        onComplete: (_taskIndex, status) => {
          resolve(status === ScsiStatus.checkCondition && parseSense(this.core.senseData)?.key === SenseKey.unitAttention);
        },
        onWindowOpen: () => assert(submit(), 'an open window takes a command'),
        onFailure: reject,
      });
      submit();
    });
  }

  /** Logs out; a target that does not answer to that is left. */
  async close(): Promise<void> {
    try {
      await this.core.close();
    } catch {
      this.core.destroy();
    }
  }
}
