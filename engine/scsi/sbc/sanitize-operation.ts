import type { CommandSlot } from '../../shm/command-slot.js';
import { type CommandGate, GateRank } from '../command-gate.js';
import type { CommandRow } from '../command-table.js';
import type { LogicalUnit, UnitCondition, UnitPart } from '../logical-unit.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { isAllowedInBackground } from './background-work.js';
import { FormatOperation } from './format-operation.js';
import { type RewriteOutcome, rewriteMedium } from './rewrite-medium.js';
import { contentOfPass, decodeSanitize, encodeSanitize, passCountOf, type SanitizeMark, type SanitizeRequest } from './sanitize-request.js';

export const SANITIZE_OPCODE = 0x48;
const STATE_SECTION = 'sanitize';
const BEGINNING: SanitizeMark = { passIndex: 0, lba: 0 };
/** Of a state that cannot be understood: what is certain is that a sanitize was begun, and that it has not been done. */
const UNKNOWN_REQUEST: SanitizeRequest = { overwrite: null, allowsUnrestrictedExit: false };

type SanitizeState = 'idle' | 'running' | 'failed';
const transitions: Readonly<Record<SanitizeState, readonly SanitizeState[]>> = {
  idle: ['running'],
  running: ['idle', 'failed'],
  failed: ['running', 'idle'],
};

/** How a sanitize ended; `unsaved` when it has not begun, because it could not be kept that it had. */
export type SanitizeOutcome = 'done' | 'failed' | 'unsaved';

/**
 * The sanitize operation of a logical unit. It is kept on stable storage before the first block is touched and until the last is: neither resets nor
 * the end of the process end it. SBC-3 "Sanitize operations".
 */
export class SanitizeOperation implements UnitPart, CommandGate {
  readonly rank = GateRank.background;
  /** A write that waited for its data must not land behind the work. */
  readonly stopsPlanned = true;
  readonly #unit: LogicalUnit;
  #state: SanitizeState = 'idle';
  #request: SanitizeRequest = UNKNOWN_REQUEST;
  #mark = BEGINNING;
  #isRemoved = false;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
    const value = unit.host.state.load(STATE_SECTION);
    if (value === undefined || value === null) return;
    const kept = decodeSanitize(value);
    this.#transition('running');
    if (kept !== null) {
      this.#request = kept.request;
      this.#mark = kept.mark;
    }
    if (kept === null || kept.failed) this.#transition('failed');
    // The unit is made before its task set: it can give itself commands only when both are there.
    else queueMicrotask(() => void this.#run());
  }

  get state(): SanitizeState {
    return this.#state;
  }

  /** A sanitize has failed that only another one without an error ends. SBC-3 "Completing a sanitize operation". */
  get isRestricted(): boolean {
    return this.#state === 'failed' && !this.#request.allowsUnrestrictedExit;
  }

  /** Begins; `onStarted` is called when it is certain that it will go on whatever happens. */
  async start(request: SanitizeRequest, onStarted: () => void): Promise<SanitizeOutcome> {
    const before = { state: this.#state, request: this.#request, mark: this.#mark };
    this.#request = request;
    this.#mark = BEGINNING;
    this.#transition('running');
    if (!(await this.#save(false))) {
      this.#request = before.request;
      this.#mark = before.mark;
      this.#transition(before.state);
      return 'unsaved';
    }
    onStarted();
    return this.#run();
  }

  /** Leaves the failure behind, as EXIT FAILURE MODE asks. */
  async exitFailure(): Promise<boolean> {
    if (!(await this.#forget())) return false;
    if (this.#state === 'failed') this.#transition('idle');
    return true;
  }

  admits(row: CommandRow, command: CommandSlot): boolean {
    if (isAllowedInBackground(row)) return true;
    if (this.#state === 'failed' && row.opcode === SANITIZE_OPCODE) return true;
    const { key, asc, details } = this.condition() as UnitCondition;
    checkCondition(command, key, asc, details);
    return false;
  }

  onRemoved(): void {
    this.#isRemoved = true;
  }

  condition(): UnitCondition | undefined {
    if (this.#state === 'idle') return undefined;
    if (this.#state === 'failed') return { key: SenseKey.mediumError, asc: Asc.sanitizeCommandFailed };
    return { key: SenseKey.notReady, asc: Asc.sanitizeInProgress, details: { progress: this.#progress } };
  }

  get #progress(): number {
    const blockCount = this.#unit.medium?.blockCount ?? 0;
    if (blockCount === 0) return 0;
    return (this.#mark.passIndex + Math.min(1, this.#mark.lba / blockCount)) / passCountOf(this.#request);
  }

  #transition(next: SanitizeState): void {
    if (!transitions[this.#state].includes(next)) return;
    this.#state = next;
    if (next === 'idle') this.#unit.removeGate(this);
    else this.#unit.addGate(this);
  }

  async #run(): Promise<SanitizeOutcome> {
    const isDone = await this.#rewriteAll();
    // It goes on when the unit is made anew: what is kept says where.
    if (this.#isRemoved) return 'failed';
    // What cannot be forgotten is done once more after a restart, which takes time and no data.
    if (isDone) {
      // In this order: who forgets the sanitize first may die with a medium that is good and counts as corrupt.
      await this.#unit.part(FormatOperation).forgetCorruption();
      await this.#forget();
    } else await this.#save(true);
    this.#transition(isDone ? 'idle' : 'failed');
    return isDone ? 'done' : 'failed';
  }

  async #rewriteAll(): Promise<boolean> {
    const passCount = passCountOf(this.#request);
    while (this.#mark.passIndex < passCount) {
      const outcome = await this.#rewriteOnce();
      // A medium that was resized goes on where it was.
      if (outcome === 'medium-changed' && this.#unit.medium !== null) continue;
      if (outcome !== 'done') return false;
      if (this.#mark.passIndex + 1 === passCount) return true;
      this.#mark = { passIndex: this.#mark.passIndex + 1, lba: 0 };
      await this.#save(false);
    }
    return true;
  }

  async #rewriteOnce(): Promise<RewriteOutcome> {
    const { medium } = this.#unit;
    if (medium === null || medium.readOnly) return 'failed';
    const { passIndex, lba } = this.#mark;
    return rewriteMedium(this.#unit, medium, {
      content: contentOfPass(this.#request, passIndex, medium.blockLengthBytes),
      fromLba: lba,
      isCancelled: () => this.#isRemoved,
      onProgress: (doneLba) => {
        this.#mark = { passIndex, lba: doneLba };
      },
      onMark: async () => {
        await this.#save(false);
      },
    });
  }

  /** False when it could not be kept. */
  #save(failed: boolean): Promise<boolean> {
    const value = encodeSanitize({ request: this.#request, mark: this.#mark, failed });
    return this.#unit.host.state.save(STATE_SECTION, value).then(
      () => true,
      () => false,
    );
  }

  #forget(): Promise<boolean> {
    return this.#unit.host.state.save(STATE_SECTION, null).then(
      () => true,
      () => false,
    );
  }
}
