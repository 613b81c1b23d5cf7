import type { CommandSlot } from '../../shm/command-slot.js';
import { type CommandGate, GateRank } from '../command-gate.js';
import type { CommandRow } from '../command-table.js';
import type { LogicalUnit, ResetCause, UnitCondition, UnitPart } from '../logical-unit.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { isAllowedInBackground } from './background-work.js';
import { type RewriteContent, rewriteMedium } from './rewrite-medium.js';

const STATE_SECTION = 'format';
const TEST_UNIT_READY = 0x00;

type FormatState = 'formatted' | 'running' | 'corrupt';
export type FormatOutcome = 'done' | 'failed' | 'unsaved';

/**
 * The format of a logical unit's medium. While it runs, and until another one is done when it was interrupted, the medium is not to be used.
 * SBC-3 "FORMAT UNIT command".
 */
export class FormatOperation implements UnitPart, CommandGate {
  readonly rank = GateRank.format;
  /** A write that waited for its data must not land behind the work. */
  readonly stopsPlanned = true;
  readonly #unit: LogicalUnit;
  #state: FormatState = 'formatted';
  #progress = 0;
  #isCancelled = false;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    const kept = unit.host.state.load(STATE_SECTION);
    if (kept !== undefined && kept !== null) this.#enter('corrupt');
  }

  /** Begins; `onStarted` is called when it is kept that the medium is in the making. */
  async start(content: RewriteContent, onStarted: () => void): Promise<FormatOutcome> {
    const before = this.#state;
    this.#progress = 0;
    this.#isCancelled = false;
    this.#enter('running');
    if (!(await this.#save(true))) {
      this.#enter(before);
      return 'unsaved';
    }
    onStarted();
    const isDone = await this.#rewrite(content);
    if (isDone) await this.#save(null);
    this.#enter(isDone ? 'formatted' : 'corrupt');
    return isDone ? 'done' : 'failed';
  }

  /** Stops a format: what it leaves is corrupt. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** A sanitize has given all blocks new content. */
  async forgetCorruption(): Promise<void> {
    if (this.#state !== 'corrupt') return;
    await this.#save(null);
    this.#enter('formatted');
  }

  onReset(cause: ResetCause): void {
    if (cause === 'logical-unit-reset') this.cancel();
  }

  onRemoved(): void {
    this.cancel();
  }

  admits(row: CommandRow, command: CommandSlot): boolean {
    if (isAllowedInBackground(row)) return true;
    if (this.#state === 'corrupt' && row.runsOn === 'main' && row.opcode !== TEST_UNIT_READY) return true;
    const { key, asc, details } = this.condition() as UnitCondition;
    checkCondition(command, key, asc, details);
    return false;
  }

  condition(): UnitCondition | undefined {
    if (this.#state === 'formatted') return undefined;
    if (this.#state === 'corrupt') return { key: SenseKey.mediumError, asc: Asc.mediumFormatCorrupted };
    return { key: SenseKey.notReady, asc: Asc.formatInProgress, details: { progress: this.#progress } };
  }

  #enter(state: FormatState): void {
    this.#state = state;
    if (state === 'formatted') this.#unit.removeGate(this);
    else this.#unit.addGate(this);
  }

  async #rewrite(content: RewriteContent): Promise<boolean> {
    const { medium } = this.#unit;
    if (medium === null) return false;
    const outcome = await rewriteMedium(this.#unit, medium, {
      content,
      fromLba: 0,
      isCancelled: () => this.#isCancelled,
      onProgress: (lba) => {
        this.#progress = lba / medium.blockCount;
      },
      onMark: () => Promise.resolve(),
    });
    return outcome === 'done';
  }

  /** False when it could not be kept. */
  #save(value: true | null): Promise<boolean> {
    return this.#unit.host.state.save(STATE_SECTION, value).then(
      () => true,
      () => false,
    );
  }
}
