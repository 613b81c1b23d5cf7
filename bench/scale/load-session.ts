import { TargetError } from '../../engine/errors.js';
import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { cdb, PipelinedCore, parseSense } from '../../initiator/index.js';
import type { LoadRow } from './model.js';
import { BLOCK_LENGTH_BYTES, TARGET_NAME } from './scale-target.js';

/** The medium under the large commands: so many of them, side by side. */
export const PLACE_COUNT = 64;
const CDB_LBA = { at: 2, widthBytes: 8 } as const;
/** Before a refused command is sent again when nothing else is on its way that could end and make room. */
const RETRY_MS = 2;

/** Bytes that tell where they are within the image. */
export function imageOf(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
}

interface Run {
  readonly command: number;
  readonly lbaCount: number;
  readonly buffer: Uint8Array;
  left: number;
  place: number;
  taskSetFullCount: number;
  readonly end: (error: Error | null) => void;
}

/** One session with large commands that does what an initiator does when the task set is full: it asks for less, and again. */
export class LoadSession {
  readonly #depth: number;
  #core: PipelinedCore | null = null;
  #run: Run | null = null;
  /** Commands outstanding that the target has lately been able to take. SAM-5 "TASK SET FULL". */
  #allowedCount: number;

  static async open(port: number, depth: number): Promise<LoadSession> {
    const session = new LoadSession(depth);
    const initiatorName = 'iqn.2026-11.io.lunloom:scale-load';
    const isid = `80${Math.random().toString(16).slice(2, 12).padEnd(10, '0')}`;
    const options = { host: '127.0.0.1', port, targetName: TARGET_NAME, initiatorName, isid };
    session.#core = await PipelinedCore.connect({
      ...options,
      taskCount: depth,
      onComplete: (_task, status, bytes) => session.#onComplete(status, bytes),
      onWindowOpen: () => session.#fill(),
      onFailure: (cause) => session.#run?.end(cause),
    });
    return session;
  }

  private constructor(depth: number) {
    this.#depth = depth;
    this.#allowedCount = depth;
  }

  /** Writes or reads `buffer` `commandCount` times, each at the next place; answers how many were refused and sent again. */
  async run(direction: LoadRow['direction'], buffer: Uint8Array, commandCount: number, place: number): Promise<number> {
    const core = this.#core as PipelinedCore;
    const lbaCount = buffer.length / BLOCK_LENGTH_BYTES;
    const isWrite = direction === 'write';
    const command = core.defineCommand({
      lun: 0,
      cdb: isWrite ? cdb.writeCdb(16, 0, lbaCount) : cdb.readCdb(16, 0, lbaCount),
      lba: CDB_LBA,
      direction: isWrite ? 'out' : 'in',
      lengthBytes: buffer.length,
    });
    this.#allowedCount = this.#depth;
    return new Promise((resolve, reject) => {
      const end = (error: Error | null): void => {
        const taskSetFullCount = this.#run?.taskSetFullCount ?? 0;
        this.#run = null;
        if (error === null) resolve(taskSetFullCount);
        else reject(error);
      };
      this.#run = { command, lbaCount, buffer, left: commandCount, place, taskSetFullCount: 0, end };
      this.#fill();
    });
  }

  /** Logs out. Never rejects: what broke has been told by `run`. */
  async close(): Promise<void> {
    await this.#core?.close().catch(() => undefined);
  }

  #fill(): void {
    const run = this.#run;
    const core = this.#core;
    if (run === null || core === null) return;
    while (run.left > 0 && core.canSubmit && core.inFlightCount < this.#allowedCount) {
      run.left--;
      run.place = (run.place + 1) % PLACE_COUNT;
      core.submit(run.command, run.place * run.lbaCount, run.buffer);
    }
    // A core that was not asked in vain does not tell when its window opens.
    if (run.left > 0 && !core.canSubmit) core.submit(run.command, 0, run.buffer);
    if (run.left === 0 && core.inFlightCount === 0) run.end(null);
  }

  #onComplete(status: number, bytes: number): void {
    const run = this.#run;
    if (run === null) return;
    const isFull = status === ScsiStatus.taskSetFull || status === ScsiStatus.busy;
    if (isFull) this.#onTaskSetFull(run);
    else if (this.#isUnitAttention(status)) run.left++;
    else if (status !== ScsiStatus.good) run.end(new TargetError('BENCH_RUN', `a command ended with SCSI status 0x${status.toString(16)}`));
    else if (bytes !== run.buffer.length) run.end(new TargetError('BENCH_RUN', `a command moved ${bytes} bytes, not ${run.buffer.length}`));
    else this.#allowedCount = Math.min(this.#depth, this.#allowedCount + 1);
    // After TASK SET FULL the next command waits for one that ends otherwise.
    if (!isFull) this.#fill();
  }

  /** A new nexus is told of the power on, once; that command was not performed. */
  #isUnitAttention(status: number): boolean {
    return status === ScsiStatus.checkCondition && parseSense((this.#core as PipelinedCore).senseData)?.key === SenseKey.unitAttention;
  }

  #onTaskSetFull(run: Run): void {
    run.taskSetFullCount++;
    run.left++;
    const inFlightCount = this.#core?.inFlightCount ?? 0;
    this.#allowedCount = Math.max(1, inFlightCount);
    if (inFlightCount === 0) setTimeout(() => this.#fill(), RETRY_MS);
  }
}
