import { nowMicros } from '../../engine/clock.js';
import { type Load, runBatch } from './batches.js';
import type { Lane } from './stage.js';
import { threadMicros } from './thread-time.js';
import type { Variant } from './variants.js';

/** About what a turn of the event loop does for one more command of another session. */
const QUANTUM_MICROS = 10;
const CALIBRATION_MS = 5;

/**
 * How much of the main thread a command takes from others. Beside the commands a chain of equal pieces of work runs on the event loop,
 * one a turn; what the chain does not need of the thread's CPU time is what the commands took, polling for completions included.
 */
export class MainTime {
  readonly #stepCount: number;
  #state = 1;

  constructor() {
    // The first calibration runs before the loop is compiled.
    this.#calibrate(1000);
    this.#stepCount = this.#calibrate(1000);
  }

  /** Microseconds of one piece with nothing beside it, its turn of the event loop included. */
  async measurePiece(ms: number): Promise<number> {
    const { cpuMicros, pieceCount } = await this.#run(ms, () => {});
    return cpuMicros / pieceCount;
  }

  /** Microseconds of the main thread that a command takes, one batch on `lanes` at a time; `pieceMicros` was measured right before. */
  async measureCommand(variant: Variant, lanes: readonly Lane[], load: Load, pieceMicros: number, ms: number): Promise<number> {
    let commandCount = 0;
    let running: Promise<void> | null = null;
    const { cpuMicros, pieceCount } = await this.#run(ms, () => {
      running ??= runBatch(variant, lanes, load).then(() => {
        commandCount += lanes.length;
        running = null;
      });
    });
    await running;
    return commandCount === 0 ? Number.NaN : (cpuMicros - pieceCount * pieceMicros) / commandCount;
  }

  /** One piece a turn, with `beforePiece` in front of it, for `ms`. */
  #run(ms: number, beforePiece: () => void): Promise<{ readonly cpuMicros: number; readonly pieceCount: number }> {
    return new Promise((resolve) => {
      const cpuAtStart = threadMicros();
      const until = nowMicros() + ms * 1000;
      let pieceCount = 0;
      const turn = (): void => {
        beforePiece();
        this.#work(this.#stepCount);
        pieceCount++;
        if (nowMicros() < until) setImmediate(turn);
        else resolve({ cpuMicros: threadMicros() - cpuAtStart, pieceCount });
      };
      setImmediate(turn);
    });
  }

  /** Arithmetic that needs no memory, so that the workers' copies do not slow it. */
  #work(stepCount: number): void {
    let state = this.#state;
    for (let i = 0; i < stepCount; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
    }
    this.#state = state;
  }

  #calibrate(stepCount: number): number {
    const start = nowMicros();
    let runCount = 0;
    while (nowMicros() - start < CALIBRATION_MS * 1000) {
      this.#work(stepCount);
      runCount++;
    }
    return Math.max(1, Math.round((QUANTUM_MICROS * runCount * stepCount) / (nowMicros() - start)));
  }
}
