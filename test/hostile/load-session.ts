import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { cdb, type InitiatorError, type KeyOffers, PipelinedCore } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';
import { BLOCK_LENGTH, TARGET_NAME } from './scene.js';

const RETRY_PAUSE_MS = 1;

export interface LoadOptions {
  readonly port: number;
  readonly index: number;
  readonly lun: number;
  readonly taskCount: number;
  /** Bytes of one command, each as often as the others. */
  readonly lengths: readonly number[];
  /** The session's own part of the unit. */
  readonly regionStart: number;
  readonly regionBytes: number;
  readonly offers?: KeyOffers;
}

interface Operation {
  readonly isWrite: boolean;
  readonly lengthBytes: number;
  readonly offset: number;
}

/** An honest initiator under load: keeps as many commands on their way as it is let, and tries again what met a full task set. */
export class LoadSession {
  readonly #options: LoadOptions;
  readonly #core: PipelinedCore;
  /** What the region holds wherever this session has written: byte `i` of the region is always byte `i` of this. */
  readonly #image: Buffer;
  readonly #commands = new Map<string, number>();
  readonly #running: (Operation | null)[];
  readonly #readBuffers: (Buffer | null)[];
  readonly #pending: Operation[] = [];
  #remaining = 0;
  #failure: InitiatorError | Error | null = null;
  #wake: () => void = () => {};
  fullCount = 0;
  maxInFlight = 0;

  private constructor(options: LoadOptions, connect: (session: LoadSession) => PipelinedCore) {
    this.#options = options;
    this.#image = Buffer.from(seededRandom(options.index + 1).bytes(options.regionBytes));
    this.#running = new Array<Operation | null>(options.taskCount).fill(null);
    this.#readBuffers = new Array<Buffer | null>(options.taskCount).fill(null);
    this.#core = connect(this);
  }

  static async login(options: LoadOptions): Promise<LoadSession> {
    let session: LoadSession | null = null;
    const core = await PipelinedCore.connect({
      host: '127.0.0.1',
      port: options.port,
      targetName: TARGET_NAME,
      initiatorName: `iqn.2025-01.dev.lunloom:load-${options.index}`,
      taskCount: options.taskCount,
      ...(options.offers ? { offers: options.offers } : {}),
      onComplete: (task, status, bytes) => session?.onComplete(task, status, bytes),
      onWindowOpen: () => session?.fill(),
      onFailure: (cause) => session?.fail(cause),
    });
    session = new LoadSession(options, () => core);
    // The first command of a nexus is told of the power on.
    await session.#submitAll([{ isWrite: false, lengthBytes: BLOCK_LENGTH, offset: 0 }], true);
    return session;
  }

  /** Writes the whole region once, then `count` reads and writes of it in any order; every read is compared. */
  async run(count: number): Promise<void> {
    const { regionBytes, lengths, index } = this.#options;
    const piece = Math.max(...lengths);
    await this.#submitAll(Array.from({ length: regionBytes / piece }, (_, i) => ({ isWrite: true, lengthBytes: piece, offset: i * piece })));
    const random = seededRandom(0x10ad + index);
    const operations = Array.from({ length: count }, () => {
      const lengthBytes = lengths[random.below(lengths.length)] as number;
      return { isWrite: random.boolean(), lengthBytes, offset: lengthBytes * random.below(regionBytes / lengthBytes) };
    });
    await this.#submitAll(operations);
  }

  async logout(): Promise<void> {
    await this.#core.close();
  }

  #attentionsAllowed = false;

  async #submitAll(operations: readonly Operation[], attentionsAllowed = false): Promise<void> {
    this.#attentionsAllowed = attentionsAllowed;
    this.#pending.push(...operations);
    this.#remaining = operations.length;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.fill();
    });
    if (this.#failure !== null) throw this.#failure;
  }

  fill(): void {
    while (this.#pending.length > 0 && this.#core.canSubmit) {
      const operation = this.#pending.pop() as Operation;
      const buffer = operation.isWrite ? null : Buffer.alloc(operation.lengthBytes);
      const lba = (this.#options.regionStart + operation.offset) / BLOCK_LENGTH;
      const task = this.#core.submit(this.#commandOf(operation), lba, buffer ?? this.#image, buffer === null ? operation.offset : 0);
      this.#running[task] = operation;
      this.#readBuffers[task] = buffer;
    }
    // So that the core tells when its window opens.
    if (this.#pending.length > 0 && !this.#core.canSubmit) this.#core.submit(0, 0, this.#image, 0);
    this.maxInFlight = Math.max(this.maxInFlight, this.#core.inFlightCount);
  }

  onComplete(task: number, status: number, bytes: number): void {
    const operation = this.#running[task] as Operation;
    const buffer = this.#readBuffers[task];
    this.#running[task] = null;
    this.#readBuffers[task] = null;
    // There was no room: TASK SET FULL for who has more there, BUSY for who has nothing.
    const isFull = status === ScsiStatus.taskSetFull || status === ScsiStatus.busy;
    if (isFull || (status === ScsiStatus.checkCondition && this.#attentionsAllowed)) {
      if (isFull) this.fullCount++;
      void sleep(RETRY_PAUSE_MS).then(() => {
        this.#pending.push(operation);
        this.fill();
      });
      return;
    }
    const { lengthBytes, offset } = operation;
    if (status !== ScsiStatus.good) this.fail(new Error(`a command ended with status ${status}`));
    else if (bytes !== lengthBytes) this.fail(new Error(`a command of ${lengthBytes} bytes moved ${bytes}`));
    else if (buffer && !this.#attentionsAllowed && !buffer.equals(this.#image.subarray(offset, offset + lengthBytes))) {
      this.fail(new Error(`the data at ${offset} of session ${this.#options.index} is not what was written`));
    }
    this.#remaining--;
    if (this.#remaining === 0) this.#wake();
    else if (this.#pending.length > 0) this.fill();
  }

  fail(cause: InitiatorError | Error): void {
    this.#failure ??= cause;
    this.#wake();
  }

  #commandOf({ isWrite, lengthBytes }: Operation): number {
    const key = `${isWrite ? 'write' : 'read'} ${lengthBytes}`;
    const known = this.#commands.get(key);
    if (known !== undefined) return known;
    const bytes = isWrite ? cdb.writeCdb(10, 0, lengthBytes / BLOCK_LENGTH) : cdb.readCdb(10, 0, lengthBytes / BLOCK_LENGTH);
    const command = this.#core.defineCommand({
      lun: this.#options.lun,
      cdb: bytes,
      lba: { at: 2, widthBytes: 4 },
      direction: isWrite ? 'out' : 'in',
      lengthBytes,
    });
    this.#commands.set(key, command);
    return command;
  }
}

/** All sessions together; the first failure of any is the failure of all. */
export async function runTogether(sessions: readonly LoadSession[], count: number): Promise<void> {
  await Promise.all(sessions.map((session) => session.run(count)));
  assert.ok(sessions.every((session) => session.maxInFlight >= 1));
}
