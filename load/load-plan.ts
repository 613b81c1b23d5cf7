import { TargetError } from '../engine/errors.js';
import { initiatorLimits } from '../initiator/limits.js';
import { loadLimits } from './limits.js';

/** A length as it was typed: bytes, or blocks of whatever length the target has. */
export type TransferLength = { readonly unit: 'bytes' | 'blocks'; readonly value: number };

export interface SeekOptions {
  readonly order: 'linear' | 'random';
  /** With reads and writes: each block is written and then read back, instead of passes or a duty cycle. */
  readonly interleaved: boolean;
  /** At the end of the range a linear walk starts over (`wrap`) or turns round (`reverse`). */
  readonly atEnd: 'wrap' | 'reverse';
}

/** What a load is to do, before anybody knows the target. */
export interface LoadOptions {
  /** Each has one command outstanding. */
  readonly threadCount: number;
  /** Threads are dealt out over them. */
  readonly sessionCount: number;
  readonly transferMin: TransferLength;
  readonly transferMax: TransferLength;
  readonly seek: SeekOptions;
  readonly reads: boolean;
  readonly writes: boolean;
  /** Share of writes in percent where reads and writes are drawn. */
  readonly writePercent: number;
  readonly firstLba: number;
  /** The last one, included; null means the last of the unit. */
  readonly lastLba: number | null;
  /** Stops by itself after the first of these that is reached; without either after one pass. */
  readonly seconds: number | null;
  readonly commandCountMax: number | null;
  /** Compare what is read, up to so many bytes of each transfer (0: all of it); null compares nothing. */
  readonly compareBytes: number | null;
  readonly seed: number;
  readonly continueOnError: boolean;
}

/** A logical unit as far as a load needs to know it. */
export interface MediumSize {
  readonly lbaCount: number;
  readonly blockLengthBytes: number;
}

/** The options in blocks of a target: checked against it and complete. */
export interface LoadPlan extends Omit<LoadOptions, 'transferMin' | 'transferMax' | 'firstLba' | 'lastLba' | 'compareBytes'> {
  readonly blockLengthBytes: number;
  readonly firstLba: number;
  readonly lbaCount: number;
  readonly transferLbaCountMin: number;
  readonly transferLbaCountMax: number;
  /** Whole walks over the range after which a linear load ends, or null. */
  readonly sweepCountMax: number | null;
  /** True when written blocks say what they are. */
  readonly stampsBlocks: boolean;
  /** Bytes of each transfer that are compared; 0 when nothing is. */
  readonly compareBytes: number;
}

function usage(message: string): TargetError {
  return new TargetError('LOAD_USAGE', message);
}

/** Fits the options to a logical unit. Throws `TargetError` `LOAD_USAGE` where they do not. */
export function planLoad(options: LoadOptions, medium: MediumSize): LoadPlan {
  const { blockLengthBytes } = medium;
  const { firstLba, lbaCount } = rangeOf(options, medium);
  const transferLbaCountMin = blocksOf(options.transferMin, blockLengthBytes);
  const transferLbaCountMax = blocksOf(options.transferMax, blockLengthBytes);
  if (transferLbaCountMin > transferLbaCountMax) throw usage(`-B: ${transferLbaCountMin} blocks are more than ${transferLbaCountMax}`);
  if (transferLbaCountMax > lbaCount) throw usage(`-B: a transfer of ${transferLbaCountMax} blocks does not fit the range of ${lbaCount} blocks`);
  const sessionCount = Math.min(options.sessionCount, options.threadCount);
  if (Math.ceil(options.threadCount / sessionCount) > initiatorLimits.coreTaskCountMax) {
    throw usage(`-K: one session holds ${initiatorLimits.coreTaskCountMax} threads; use --sessions for more`);
  }
  const isOpenEnded = options.seconds === null && options.commandCountMax === null;
  const isLinear = options.seek.order === 'linear';
  const plan: LoadPlan = {
    ...options,
    sessionCount,
    blockLengthBytes,
    firstLba,
    lbaCount,
    transferLbaCountMin,
    transferLbaCountMax,
    sweepCountMax: isOpenEnded && isLinear ? (options.reads && options.writes && !options.seek.interleaved ? 2 : 1) : null,
    commandCountMax: isOpenEnded && !isLinear ? Math.ceil(lbaCount / transferLbaCountMax) : options.commandCountMax,
    stampsBlocks: options.compareBytes !== null && options.writes,
    compareBytes: options.reads ? comparedBytes(options, transferLbaCountMax * blockLengthBytes) : 0,
  };
  checkMemory(plan);
  return plan;
}

function comparedBytes({ compareBytes }: LoadOptions, transferBytesMax: number): number {
  if (compareBytes === null) return 0;
  return compareBytes === 0 ? transferBytesMax : Math.min(compareBytes, transferBytesMax);
}

function rangeOf({ firstLba, lastLba }: LoadOptions, medium: MediumSize): { readonly firstLba: number; readonly lbaCount: number } {
  const end = Math.min(medium.lbaCount, loadLimits.lbaCountMax);
  const last = lastLba ?? end - 1;
  if (last >= end) throw usage(`-S: LBA ${last} is behind the last one of the unit, ${end - 1}`);
  if (firstLba > last) throw usage(`-S: LBA ${firstLba} is behind ${lastLba === null ? 'the last one of the unit' : 'the end of the range'}, ${last}`);
  return { firstLba, lbaCount: last - firstLba + 1 };
}

function blocksOf({ unit, value }: TransferLength, blockLengthBytes: number): number {
  const lbaCount = unit === 'blocks' ? value : value / blockLengthBytes;
  if (!Number.isInteger(lbaCount) || lbaCount < 1) {
    const near = Math.max(1, Math.round(lbaCount)) * blockLengthBytes;
    throw usage(`-B: ${value} bytes are no multiple of the target’s block length of ${blockLengthBytes}; ${near} is`);
  }
  if (lbaCount * blockLengthBytes > loadLimits.transferLengthBytesMax) {
    throw usage(`-B: ${lbaCount * blockLengthBytes} bytes are above the ${loadLimits.transferLengthBytesMax} that one command may move`);
  }
  return lbaCount;
}

function checkMemory(plan: LoadPlan): void {
  if (!plan.stampsBlocks && plan.compareBytes === 0) return;
  const bufferBytes = plan.threadCount * plan.transferLbaCountMax * plan.blockLengthBytes;
  if (bufferBytes > loadLimits.bufferBytesMax) throw usage(`-E: ${plan.threadCount} buffers need ${bufferBytes} bytes, above ${loadLimits.bufferBytesMax}`);
  if (plan.stampsBlocks && plan.compareBytes > 0 && plan.lbaCount > loadLimits.trackedBlockCountMax) {
    throw usage(`-E: with writes up to ${loadLimits.trackedBlockCountMax} blocks can be kept in mind, not ${plan.lbaCount}; narrow the range with -S`);
  }
}

/** Reads and writes take turns by whole passes, rather than by command. */
export function hasPasses(plan: LoadPlan): boolean {
  return plan.reads && plan.writes && plan.seek.order === 'linear' && !plan.seek.interleaved;
}
