import type { LogicalUnit, ResetCause, UnitCondition, UnitPart } from '../logical-unit.js';
import { Asc, readSense, SenseKey } from '../sense.js';
import { ScsiStatus } from '../status.js';
import type { InternalOutcome } from '../unit-host.js';
import { readBlocks, transferBlocksOf } from './internal-cdb.js';

/** How much a self-test reads: some blocks of the medium, or all. */
export type SelfTestExtent = 'short' | 'extended';
export type SelfTestOutcome = 'passed' | 'failed' | 'aborted';

/** Places that a short one looks at, evenly over the medium. */
const SHORT_PLACE_COUNT = 16;

/** The self-test that runs in the background of a logical unit, and the reading that all of them consist of. SPC-4 "Device self-test". */
export class SelfTest implements UnitPart {
  readonly #unit: LogicalUnit;
  #isRunning = false;
  #isAborted = false;
  #progress = 0;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Runs one while commands of initiators go on. */
  async runInBackground(extent: SelfTestExtent): Promise<SelfTestOutcome> {
    this.#isRunning = true;
    this.#isAborted = false;
    this.#progress = 0;
    try {
      return await this.run(extent, () => this.#isAborted);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Reads; `isAborted` is asked between two commands. */
  async run(extent: SelfTestExtent, isAborted: () => boolean): Promise<SelfTestOutcome> {
    const { medium, host } = this.#unit;
    if (medium === null) return 'failed';
    const step = transferBlocksOf(this.#unit);
    const stride = extent === 'extended' ? step : Math.max(step, Math.ceil(medium.blockCount / SHORT_PLACE_COUNT));
    for (let lba = 0; lba < medium.blockCount; lba += stride) {
      if (isAborted()) return 'aborted';
      const count = Math.min(step, medium.blockCount - lba);
      if (hasFailed(await readBlocks(this.#unit, lba, count))) return 'failed';
      this.#progress = lba / medium.blockCount;
      await host.io.pace(extent === 'extended' ? count * medium.blockLengthBytes : 0);
    }
    return 'passed';
  }

  abort(): void {
    this.#isAborted = true;
  }

  onReset(_cause: ResetCause): void {
    this.abort();
  }

  /** Commands are served meanwhile: only those who ask are told. */
  condition(): UnitCondition | undefined {
    if (!this.#isRunning) return undefined;
    return { key: SenseKey.notReady, asc: Asc.selfTestInProgress, details: { progress: this.#progress } };
  }
}

/** A block with protection information that does not fit it was stored like that: the check that finds it, ABORTED COMMAND, shows that it can be read. */
function hasFailed({ status, sense }: InternalOutcome): boolean {
  return status !== ScsiStatus.good && readSense(sense).key !== SenseKey.abortedCommand;
}
