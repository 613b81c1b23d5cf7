import { TargetError } from '../engine/errors.js';
import type { ReportChoice } from '../load/disktest-lines.js';
import { loadLimits } from '../load/limits.js';
import type { LoadOptions, SeekOptions } from '../load/load-plan.js';
import { parseCount, parseDuty, parseLetters, parsePattern, parseRange, parseSeconds, parseTransfer, valueFault } from './measure-values.js';

/** The options of `lunloom disktest` as they were typed. */
export interface RawDisktestOptions {
  readonly threads?: string;
  readonly sessions?: string;
  readonly transfer?: string;
  readonly seconds?: string;
  readonly commands?: string;
  readonly heartbeat?: string;
  readonly pattern?: string;
  readonly read?: boolean;
  readonly write?: boolean;
  readonly duty?: string;
  readonly ioType?: string;
  readonly range?: string;
  /** The original's letter for the same. */
  readonly s?: string;
  readonly report?: string;
  readonly verify?: string;
  readonly seed?: string;
  readonly action?: string;
  readonly quiet?: boolean;
  readonly bare?: boolean;
  readonly digests?: boolean;
  readonly preset?: string;
  readonly json?: boolean;
}

export interface DisktestSettings {
  readonly options: LoadOptions;
  readonly heartbeatSeconds: number | null;
  readonly choice: ReportChoice;
  readonly isQuiet: boolean;
  readonly isBare: boolean;
  readonly digests: boolean;
  readonly json: boolean;
  readonly isSeedPreset: boolean;
}

/** `-PT -T1200 -h1 -K8 -B8192 -pL -ID` */
const SEED_PRESET: RawDisktestOptions = { report: 'T', seconds: '1200', heartbeat: '1', threads: '8', transfer: '8192', pattern: 'L', ioType: 'D' };
const SEED_MAX = 0xffffffff;
/** As the original has it: four threads, one block, random reads. */
const DEFAULTS = { threads: '4', sessions: '1', transfer: '1', pattern: 'R', report: 'T' } as const;

/** True for `seed`, the only preset; throws `LOAD_USAGE` for any other. */
export function isSeedPreset(preset: string | undefined): boolean {
  if (preset !== undefined && preset !== 'seed') throw valueFault('--preset', 'seed', preset);
  return preset === 'seed';
}

/** What was typed, laid over the preset and the defaults. Throws `TargetError` `LOAD_USAGE`. `seedDefault` stands in for `-a`. */
export function disktestSettings(typed: RawDisktestOptions, seedDefault: number): DisktestSettings {
  const preset = isSeedPreset(typed.preset);
  const raw = { ...DEFAULTS, ...(preset ? SEED_PRESET : {}), ...typed };
  const seek = parsePattern(raw.pattern);
  const operations = operationsOf(raw, seek);
  const compareBytes = raw.verify === undefined ? null : parseCount('-E', raw.verify, loadLimits.transferLengthBytesMax, 0);
  if (compareBytes !== null && !operations.writes && raw.seed === undefined) {
    throw new TargetError('LOAD_USAGE', '-E: what an earlier run wrote can be compared only with its seed; give -a SEED (its INFO line has it), or -w');
  }
  checkLettersWithoutEffect(raw);
  return {
    options: {
      threadCount: parseCount('-K', raw.threads, loadLimits.threadCountMax),
      sessionCount: parseCount('--sessions', raw.sessions, loadLimits.sessionCountMax),
      ...parseTransfer(raw.transfer),
      seek,
      ...operations,
      ...rangeOf(raw),
      seconds: raw.seconds === undefined ? null : parseSeconds('-T', raw.seconds, loadLimits.secondsMax),
      commandCountMax: raw.commands === undefined ? null : parseCount('-L', raw.commands, Number.MAX_SAFE_INTEGER),
      compareBytes,
      seed: raw.seed === undefined ? seedDefault : parseCount('-a', raw.seed, SEED_MAX, 0),
      continueOnError: raw.action !== undefined && parseLetters('-A', raw.action, 'c').has('c'),
    },
    heartbeatSeconds: raw.heartbeat === undefined ? null : parseSeconds('-h', raw.heartbeat, loadLimits.secondsMax),
    choice: reportChoice(raw.report),
    isQuiet: raw.quiet === true,
    isBare: raw.bare === true,
    digests: raw.digests === true,
    json: raw.json === true,
    isSeedPreset: preset,
  };
}

function operationsOf({ read, write, duty }: RawDisktestOptions, seek: SeekOptions): Pick<LoadOptions, 'reads' | 'writes' | 'writePercent'> {
  const isUntold = read !== true && write !== true;
  if (duty === undefined) return { reads: isUntold || read === true, writes: write === true, writePercent: 50 };
  if (seek.order !== 'random' || seek.interleaved) {
    throw new TargetError('LOAD_USAGE', '-D: a duty cycle is for random tests (-pR) only; -pL takes turns by passes, -pl and -pr by commands');
  }
  const { readPercent, writePercent } = parseDuty(duty);
  return { reads: isUntold ? readPercent > 0 : read === true, writes: isUntold ? writePercent > 0 : write === true, writePercent };
}

function rangeOf({ range, s }: RawDisktestOptions): Pick<LoadOptions, 'firstLba' | 'lastLba'> {
  if (range !== undefined && s !== undefined) throw new TargetError('LOAD_USAGE', '-S and -s are the same range of LBAs; give one');
  if (s !== undefined) return parseRange('-s', s);
  return range === undefined ? { firstLba: 0, lastLba: null } : parseRange('-S', range);
}

/** Every command goes on the wire whatever -I says, but a typing error in it should not pass. */
function checkLettersWithoutEffect({ ioType }: RawDisktestOptions): void {
  if (ioType === undefined) return;
  if (ioType.includes('s')) throw new TargetError('LOAD_USAGE', '-I: s (a sync every so many writes) is not supported');
  parseLetters('-I', ioType, 'rRbBfFdD');
}

function reportChoice(text: string): ReportChoice {
  const letters = parseLetters('-P', text, 'TXPRCA');
  const has = (letter: string): boolean => letters.has(letter) || letters.has('A');
  return { throughput: has('T'), transfers: has('X'), runTime: has('R'), delimited: letters.has('P') };
}
