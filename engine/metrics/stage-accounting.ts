import { CommandStages, type CountedCommand } from './command-stages.js';
import { SlowestCommands } from './slowest-commands.js';

/** What the logical units of one engine share of their accounting: the memory for histograms, and the slowest commands. */
export class StageAccounting {
  readonly slowest = new SlowestCommands();
  #freeBytes: number;
  #overflow: CommandStages | null = null;

  /** `histogramBytesMax` bounds the histograms of all units; one set of them is for what exceeds it, and made in any case. */
  constructor(histogramBytesMax: number) {
    this.#freeBytes = histogramBytesMax;
  }

  /** Where commands are counted that found no memory for histograms of their own; null when there were none. */
  get overflow(): CommandStages | null {
    return this.#overflow;
  }

  /** Histograms for a command of one unit: its own while there is memory, then those that all others share. */
  stagesFor(command: CountedCommand | null): CommandStages {
    if (this.#freeBytes < CommandStages.byteLength) {
      this.#overflow ??= new CommandStages(null);
      return this.#overflow;
    }
    this.#freeBytes -= CommandStages.byteLength;
    return new CommandStages(command);
  }

  /** Histograms that a unit had for its own are needed no more. */
  giveBack(stagesCount: number): void {
    this.#freeBytes += stagesCount * CommandStages.byteLength;
  }
}
