import { availableParallelism } from 'node:os';
import { defaultLimits } from '../../engine/limits.js';
import { type Arrival, arrivals, checkBatch, type Load, runSlice } from './batches.js';
import { MainTime } from './main-time.js';
import { type OperationName, operations } from './operations.js';
import { Stage } from './stage.js';
import { startVariants, type Variant, type VariantName } from './variants.js';

export interface DispatchSettings {
  readonly rounds: number;
  /** Of one variant in one round of one cell. */
  readonly sliceMs: number;
  readonly operations: readonly OperationName[];
  readonly workerCount: number;
}

/** One figure: what a command took in one round. */
export interface DispatchSample {
  readonly operation: OperationName;
  readonly lengthBytes: number;
  readonly variant: VariantName;
  /** Name of the arrival, or `main`: the main thread's time with 8 outstanding and other work beside them. */
  readonly column: string;
  /** From 1. */
  readonly round: number;
  readonly micros: number;
}

export const MAIN_TIME_COLUMN = 'main';
const MAIN_TIME_DEPTH = 8;

/** As the engine starts by default: a worker for each core but one. */
export const defaultWorkerCount = Math.min(defaultLimits.workerCountMax, Math.max(1, availableParallelism() - 1));

/** One comparison: starts the variants, checks each one's answers, lets them take turns, stops them. `say` hears how it goes. */
export class DispatchBench {
  readonly #settings: DispatchSettings;
  readonly #say: (line: string) => void;
  readonly #samples: DispatchSample[] = [];
  readonly #stage: Stage;
  readonly #loads: readonly Load[];
  readonly #mainTime = new MainTime();
  #variants: readonly Variant[] = [];

  constructor(settings: DispatchSettings, say: (line: string) => void) {
    this.#settings = settings;
    this.#say = say;
    this.#stage = new Stage(Math.max(...arrivals.map(({ depth }) => depth)));
    // The null operation is the measure of the hop, so that it always runs.
    this.#loads = operations
      .filter(({ name }) => name === 'null' || settings.operations.includes(name))
      .flatMap((operation) => operation.sizes.map((lengthBytes) => ({ operation, lengthBytes })));
  }

  async run(): Promise<readonly DispatchSample[]> {
    this.#variants = startVariants(this.#stage, this.#settings.workerCount);
    try {
      for (const load of this.#loads) await this.#check(load);
      this.#say(`answers of ${this.#variants.map(({ name }) => name).join(', ')} are right`);
      for (let round = 0; round <= this.#settings.rounds; round++) {
        for (const load of this.#loads) await this.#runLoad(load, round);
        this.#say(round === 0 ? 'warm' : `round ${round} of ${this.#settings.rounds}`);
      }
    } finally {
      await Promise.all(this.#variants.map((variant) => variant.stop()));
    }
    return this.#samples;
  }

  async #check(load: Load): Promise<void> {
    for (const variant of this.#variants) await checkBatch(variant, this.#stage.lanes, load);
  }

  async #runLoad(load: Load, round: number): Promise<void> {
    for (const arrival of arrivals) {
      for (const variant of this.#inTurn(round)) await this.#runCell(load, arrival, variant, round);
    }
    for (const variant of this.#inTurn(round)) {
      if (variant.name !== 'piscina') await this.#runMainTime(load, variant, round);
    }
  }

  /** Each round begins with another variant: nobody always comes after the same neighbour. */
  #inTurn(round: number): readonly Variant[] {
    const from = round % this.#variants.length;
    return [...this.#variants.slice(from), ...this.#variants.slice(0, from)];
  }

  async #runCell(load: Load, { name, depth, pauseMicros }: Arrival, variant: Variant, round: number): Promise<void> {
    const micros = await runSlice(variant, this.#stage.lanes.slice(0, depth), load, pauseMicros, this.#sliceMs(round));
    this.#record(load, name, variant, round, micros);
  }

  async #runMainTime(load: Load, variant: Variant, round: number): Promise<void> {
    const ms = this.#sliceMs(round);
    const pieceMicros = await this.#mainTime.measurePiece(ms / 2);
    const micros = await this.#mainTime.measureCommand(variant, this.#stage.lanes.slice(0, MAIN_TIME_DEPTH), load, pieceMicros, ms);
    this.#record(load, MAIN_TIME_COLUMN, variant, round, micros);
  }

  /** Round 0 compiles; half its length does. */
  #sliceMs(round: number): number {
    return round === 0 ? this.#settings.sliceMs / 2 : this.#settings.sliceMs;
  }

  #record({ operation, lengthBytes }: Load, column: string, { name: variant }: Variant, round: number, micros: number): void {
    if (round > 0 && !Number.isNaN(micros)) this.#samples.push({ operation: operation.name, lengthBytes, variant, column, round, micros });
  }
}
