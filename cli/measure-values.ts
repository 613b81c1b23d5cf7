import { TargetError } from '../engine/errors.js';
import type { SeekOptions, TransferLength } from '../load/load-plan.js';

/** Values of the measuring commands' options in the notation of sg_turs and LTP's disktest. All throw `TargetError` `LOAD_USAGE`. */

const SIZE_FACTORS: Readonly<Record<string, number>> = { k: 1024, K: 1000, m: 1024 ** 2, M: 1000 ** 2, g: 1024 ** 3, G: 1000 ** 3 };
const TIME_FACTORS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** A transfer size without a suffix up to here counts blocks. */
const BLOCK_COUNT_MAX = 256;

export function valueFault(option: string, expected: string, text: string): TargetError {
  return new TargetError('LOAD_USAGE', `${option}: expected ${expected}, found ${JSON.stringify(text)}`);
}

/** sg_turs of old took `-n=10000`, which arrives here as `=10000`. */
function withoutEquals(text: string): string {
  return text.startsWith('=') ? text.slice(1) : text;
}

/** A whole number from 1 (or `min`), with k m g for powers of 1024 and K M G for powers of 1000. */
export function parseCount(option: string, text: string, max: number, min = 1): number {
  const match = /^(\d{1,16})([kKmMgG]?)$/.exec(withoutEquals(text));
  const count = match === null ? Number.NaN : Number(match[1]) * (SIZE_FACTORS[match[2] as string] ?? 1);
  if (!Number.isSafeInteger(count) || count < min || count > max) throw valueFault(option, `a whole number from ${min} to ${max}`, text);
  return count;
}

/** Seconds, or minutes, hours, days with m h d. */
export function parseSeconds(option: string, text: string, max: number): number {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)([smhd]?)$/.exec(withoutEquals(text));
  const seconds = match === null ? Number.NaN : Number(match[1]) * (TIME_FACTORS[match[2] as string] ?? 1);
  if (!(seconds > 0 && seconds <= max)) throw valueFault(option, `seconds above 0 and up to ${max}, such as 30, 10m or 2h`, text);
  return seconds;
}

function parseTransferLength(text: string): TransferLength {
  const match = /^(\d{1,10})([kKmMgG]?)$/.exec(text);
  const value = Number(match?.[1] ?? Number.NaN);
  const suffix = match?.[2] ?? '';
  if (!(value > 0)) throw valueFault('-B', 'a transfer size such as 8192, 64k or 512:64k', text);
  if (suffix === '' && value <= BLOCK_COUNT_MAX) return { unit: 'blocks', value };
  return { unit: 'bytes', value: value * (SIZE_FACTORS[suffix] ?? 1) };
}

/** `SIZE` or `SIZE:SIZE`. */
export function parseTransfer(text: string): { readonly transferMin: TransferLength; readonly transferMax: TransferLength } {
  const [low = '', high = low, ...rest] = text.split(':');
  if (rest.length > 0) throw valueFault('-B', 'one size or two with a colon between them', text);
  return { transferMin: parseTransferLength(low), transferMax: parseTransferLength(high) };
}

/** `FIRST` or `FIRST:LAST`, both included. */
export function parseRange(option: string, text: string): { readonly firstLba: number; readonly lastLba: number | null } {
  const [first = '', last, ...rest] = text.split(':');
  if (rest.length > 0) throw valueFault(option, 'FIRST or FIRST:LAST', text);
  const max = Number.MAX_SAFE_INTEGER;
  return { firstLba: parseCount(option, first, max, 0), lastLba: last === undefined ? null : parseCount(option, last, max, 0) };
}

/** L or l with u or d behind it, R or r. */
export function parsePattern(text: string): SeekOptions {
  const match = /^(?:([Ll])([UuDd]?)|([Rr]))$/.exec(text);
  if (match === null) throw valueFault('-p', 'L, l, R or r, and u or d behind L and l', text);
  const letter = (match[1] ?? match[3]) as string;
  return {
    order: letter.toUpperCase() === 'L' ? 'linear' : 'random',
    interleaved: letter === letter.toLowerCase(),
    atEnd: match[2]?.toLowerCase() === 'd' ? 'reverse' : 'wrap',
  };
}

/** `READ:WRITE` in percent; what is missing of 100 is dealt out evenly. Answers the share of writes. */
export function parseDuty(text: string): { readonly readPercent: number; readonly writePercent: number } {
  const match = /^(\d{1,3}):(\d{1,3})$/.exec(text);
  const [reads, writes] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? Number.NaN)];
  if (!(reads + writes <= 100)) throw valueFault('-D', 'READ:WRITE in percent, such as 70:30', text);
  const spare = (100 - reads - writes) / 2;
  return { readPercent: reads + spare, writePercent: writes + spare };
}

/** Letters of a set; answers those that are there. */
export function parseLetters(option: string, text: string, letters: string): ReadonlySet<string> {
  const found = new Set(text);
  if (text === '' || [...found].some((letter) => !letters.includes(letter))) throw valueFault(option, `letters of ${letters}`, text);
  return found;
}
