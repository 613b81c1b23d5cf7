import { defaultLimits } from '../limits.js';
import type { CommandSlot } from '../shm/command-slot.js';
import { LatencyHistogram } from '../shm/latency-histogram.js';
import { type CommandStages, type CountedCommand, LATENCY_UNITS_PER_MICRO, STAMP_COUNT } from './command-stages.js';
import type { UnitLabel } from './slowest-commands.js';
import { StageAccounting } from './stage-accounting.js';

export { LATENCY_UNITS_PER_MICRO };

const COUNTERS = {
  commandCount: 0,
  readBytes: 1,
  writeBytes: 2,
  checkConditionCount: 3,
  inlineCount: 4,
  ringCount: 5,
  /** Time that commands with data in that direction took, all together. */
  readMicros: 6,
  writeMicros: 7,
  /** Commands that ended with MEDIUM ERROR or HARDWARE ERROR. */
  readFaultCount: 8,
  writeFaultCount: 9,
  verifyFaultCount: 10,
} as const;
const COUNTER_SLOTS = 12;
export type FaultKind = 'readFaultCount' | 'writeFaultCount' | 'verifyFaultCount';
export type UnitCounters = Record<keyof typeof COUNTERS, number>;

/** Of the command that is being recorded. */
const stamps = new Float64Array(STAMP_COUNT);
const NO_LABEL: UnitLabel = { targetName: '', lun: 0 };

/** Counters and the latency histogram of one logical unit, in shared memory so that any thread can read them. */
export class UnitMetrics {
  readonly buffer: SharedArrayBuffer;
  readonly latency: LatencyHistogram;
  readonly label: UnitLabel;
  readonly #counters: Float64Array;
  readonly #accounting: StageAccounting;
  /** The entry used last for each opcode: the right one but for opcodes with several service actions. */
  readonly #byOpcode: (CommandStages | undefined)[] = [];
  readonly #byCommand = new Map<CountedCommand | null, CommandStages>();

  constructor(accounting = new StageAccounting(defaultLimits.stageHistogramBytesMax), label: UnitLabel = NO_LABEL) {
    this.#accounting = accounting;
    this.label = label;
    const counterBytes = COUNTER_SLOTS * Float64Array.BYTES_PER_ELEMENT;
    this.buffer = new SharedArrayBuffer(counterBytes + LatencyHistogram.byteLength);
    this.#counters = new Float64Array(this.buffer, 0, COUNTER_SLOTS);
    this.latency = new LatencyHistogram(this.buffer, counterBytes);
  }

  /** One command ended: its latency from the last byte of its header to its last byte handed to the kernel. */
  recordCommand(latencyMicros: number, readBytes: number, writeBytes: number, failed: boolean): void {
    const counters = this.#counters;
    counters[COUNTERS.commandCount] = (counters[COUNTERS.commandCount] as number) + 1;
    if (readBytes > 0) {
      counters[COUNTERS.readBytes] = (counters[COUNTERS.readBytes] as number) + readBytes;
      counters[COUNTERS.readMicros] = (counters[COUNTERS.readMicros] as number) + latencyMicros;
    }
    if (writeBytes > 0) {
      counters[COUNTERS.writeBytes] = (counters[COUNTERS.writeBytes] as number) + writeBytes;
      counters[COUNTERS.writeMicros] = (counters[COUNTERS.writeMicros] as number) + latencyMicros;
    }
    if (failed) counters[COUNTERS.checkConditionCount] = (counters[COUNTERS.checkConditionCount] as number) + 1;
    this.latency.record(latencyMicros * LATENCY_UNITS_PER_MICRO);
  }

  /** The medium failed a command. */
  recordFault(kind: FaultKind): void {
    this.#counters[COUNTERS[kind]] = (this.#counters[COUNTERS[kind]] as number) + 1;
  }

  recordDispatch(inline: boolean): void {
    const counter = inline ? COUNTERS.inlineCount : COUNTERS.ringCount;
    this.#counters[counter] = (this.#counters[counter] as number) + 1;
  }

  /** One command ended with all its stamps: into the histograms of its row (null for what no row is for), and among the slowest if it is. */
  recordStages(command: CountedCommand | null, slot: CommandSlot, readBytes: number, writeBytes: number, failed: boolean, initiatorPortName: string): void {
    const last = command === null ? undefined : this.#byOpcode[command.opcode];
    const stages = last !== undefined && last.command === command ? last : this.#stagesOf(command);
    slot.copyStamps(stamps);
    stages.record(stamps, readBytes, writeBytes, failed);
    const totalMicros = (stamps[STAMP_COUNT - 1] as number) - (stamps[0] as number);
    const { slowest } = this.#accounting;
    if (totalMicros > slowest.thresholdMicros) slowest.keep(slot, totalMicros, readBytes, writeBytes, this.label, initiatorPortName, command?.name ?? null);
  }

  /** What was counted of each command that has histograms of its own on this unit. */
  get commandStages(): CommandStages[] {
    return [...this.#byCommand.values()].filter((stages) => stages !== this.#accounting.overflow);
  }

  /** The unit is no more, and nothing is recorded again. */
  release(): void {
    this.#accounting.giveBack(this.commandStages.length);
    this.#byCommand.clear();
  }

  #stagesOf(command: CountedCommand | null): CommandStages {
    let stages = this.#byCommand.get(command);
    if (stages === undefined) {
      stages = this.#accounting.stagesFor(command);
      this.#byCommand.set(command, stages);
    }
    if (command !== null) this.#byOpcode[command.opcode] = stages;
    return stages;
  }

  read(): UnitCounters {
    const values = {} as UnitCounters;
    for (const name of Object.keys(COUNTERS) as (keyof typeof COUNTERS)[]) values[name] = this.#counters[COUNTERS[name]] as number;
    return values;
  }
}
