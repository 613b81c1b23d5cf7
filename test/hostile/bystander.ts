import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { LogicalUnitClient, ScsiCommandError, Session } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';

const BLOCK_LENGTH = 512;
const BLOCK_COUNT = 16;
const ROUND_PAUSE_MS = 2;
const RETRY_PAUSE_MS = 5;
/** How long one command of the bystander may take, whatever goes on beside it. */
const COMMAND_MS_MAX = 3_000;
const LUNS = [0, 1];

/** A well-behaved session beside the attacks: it writes and reads back, on the main thread's memory and on a worker's file. */
export class Bystander {
  readonly session: Session;
  readonly #units: LogicalUnitClient[];
  #seed = 1;
  #roundCount = 0;
  #running: Promise<void> | null = null;
  #stopRequested = false;
  #failure: unknown = null;
  /** The longest that one command took since `start`, retries after TASK SET FULL included; milliseconds. */
  slowestMs = 0;

  private constructor(session: Session) {
    this.session = session;
    this.#units = LUNS.map((lun) => new LogicalUnitClient(session, lun));
  }

  static async login(port: number, targetName: string): Promise<Bystander> {
    const session = await Session.login({
      host: '127.0.0.1',
      port,
      targetName,
      initiatorName: 'iqn.2025-01.dev.lunloom:bystander',
      commandMsMax: COMMAND_MS_MAX,
    });
    const bystander = new Bystander(session);
    for (const unit of bystander.#units) await unit.clearUnitAttentions();
    return bystander;
  }

  /** Works on until `rest`. */
  start(): void {
    if (this.#running !== null) return;
    this.#stopRequested = false;
    this.#failure = null;
    this.slowestMs = 0;
    this.#running = this.#run();
  }

  /** Waits for `count` whole rounds more. Rejects with what went wrong. */
  async rounds(count: number): Promise<void> {
    const until = this.#roundCount + count + 1;
    while (this.#roundCount < until && this.#failure === null) await sleep(1);
    if (this.#failure !== null) throw this.#failure;
  }

  async rest(): Promise<void> {
    this.#stopRequested = true;
    await this.#running;
    this.#running = null;
    if (this.#failure !== null) throw this.#failure;
  }

  async logout(): Promise<void> {
    this.#stopRequested = true;
    await this.#running;
    if (!this.session.isClosed) await this.session.logout();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopRequested) {
        for (const unit of this.#units) await this.#round(unit);
        this.#roundCount++;
        await sleep(ROUND_PAUSE_MS);
      }
    } catch (error) {
      this.#failure = error;
    }
  }

  async #round(unit: LogicalUnitClient): Promise<void> {
    const random = seededRandom(this.#seed++);
    const data = Buffer.from(random.bytes(BLOCK_COUNT * BLOCK_LENGTH));
    const lba = random.below(64) * BLOCK_COUNT;
    await this.#timed(() => unit.write(lba, data, BLOCK_LENGTH));
    const read = await this.#timed(() => unit.read(lba, BLOCK_COUNT, BLOCK_LENGTH));
    assert.ok(read.equals(data), `the bystander reads back what it wrote at LBA ${lba} of LUN ${unit.lun}`);
  }

  async #timed<T>(command: () => Promise<T>): Promise<T> {
    const from = performance.now();
    for (;;) {
      try {
        return await command();
      } catch (error) {
        // An answer like another (SAM-5 §5.3.1), as long as it does not stay the only one.
        const isFull = error instanceof ScsiCommandError && (error.status === ScsiStatus.taskSetFull || error.status === ScsiStatus.busy);
        if (!isFull || performance.now() - from > COMMAND_MS_MAX) throw error;
        await sleep(RETRY_PAUSE_MS);
      } finally {
        this.slowestMs = Math.max(this.slowestMs, performance.now() - from);
      }
    }
  }
}
