import { TargetError } from '../../engine/errors.js';
import type { DdOptions } from '../target-commands.js';

/** What `lunloom dd` is to do. */
export interface DdSettings {
  /** A URL, a path, or `-` for standard input. */
  readonly input: string;
  /** A URL, a path, or `-` for standard output. */
  readonly output: string;
  readonly blockBytes: number;
  /** Null: up to the end of the input. */
  readonly lengthBytes: number | null;
  readonly skipBytes: number;
  readonly seekBytes: number;
  readonly isSparse: boolean;
  /** conv=fsync and conv=fdatasync: durable at the end. */
  readonly isFlushed: boolean;
  /** oflag=dsync and oflag=sync: each write durable by itself. */
  readonly isDurable: boolean;
  readonly keepsRest: boolean;
  readonly status: DdStatus;
  readonly depth: number;
  readonly digests: boolean;
  readonly initiatorName: string | undefined;
  readonly json: boolean;
}

/** `default`: progress on a terminal, and now and then where there is none. */
export type DdStatus = 'default' | 'none' | 'noxfer' | 'progress';

const STANDARD_STREAM = '-';
const BLOCK_BYTES = 1024 * 1024;
const DEPTH = 8;
const DEPTH_MAX = 1024;
/** What blocks on their way may take of memory. */
const WINDOW_BYTES_MAX = 1024 * 1024 * 1024;
const STATUSES: readonly string[] = ['none', 'noxfer', 'progress'];
const CONVERSIONS = ['sparse', 'fsync', 'fdatasync', 'notrunc'];
const INPUT_FLAGS = ['count_bytes', 'skip_bytes', 'fullblock'];
const OUTPUT_FLAGS = ['seek_bytes', 'dsync', 'sync'];
const OPERANDS = ['if', 'of', 'bs', 'count', 'skip', 'seek', 'conv', 'iflag', 'oflag', 'status'];
/** Other names of GNU dd. */
const SYNONYMS: Readonly<Record<string, string>> = { iseek: 'skip', oseek: 'seek' };

function usage(message: string): TargetError {
  return new TargetError('COPY_USAGE', message);
}

/** What was typed, checked. Throws `TargetError` `COPY_USAGE`. */
export function ddSettings(operands: readonly string[], options: DdOptions): DdSettings {
  const given = parseOperands(operands);
  const conversions = parseList('conv', given.get('conv'), CONVERSIONS);
  const inputFlags = parseList('iflag', given.get('iflag'), INPUT_FLAGS);
  const outputFlags = parseList('oflag', given.get('oflag'), OUTPUT_FLAGS);
  const blockBytes = parseSize('bs', given.get('bs') ?? String(BLOCK_BYTES), 1);
  const bytesOf = (key: string, inBytes: boolean): number | null => {
    const text = given.get(key);
    return text === undefined ? null : parseBlocks(key, text, inBytes ? 1 : blockBytes);
  };
  const depth = parseDepth(options.depth ?? String(DEPTH));
  if (blockBytes * depth > WINDOW_BYTES_MAX) throw usage(`bs=${blockBytes} at --depth ${depth} takes more than ${WINDOW_BYTES_MAX} bytes of memory`);
  const settings: DdSettings = {
    input: given.get('if') ?? STANDARD_STREAM,
    output: given.get('of') ?? STANDARD_STREAM,
    blockBytes,
    lengthBytes: bytesOf('count', inputFlags.has('count_bytes')),
    skipBytes: bytesOf('skip', inputFlags.has('skip_bytes')) ?? 0,
    seekBytes: bytesOf('seek', outputFlags.has('seek_bytes')) ?? 0,
    isSparse: conversions.has('sparse'),
    isFlushed: conversions.has('fsync') || conversions.has('fdatasync'),
    isDurable: outputFlags.has('dsync') || outputFlags.has('sync'),
    keepsRest: conversions.has('notrunc'),
    status: parseStatus(given.get('status')),
    depth,
    digests: options.digests === true,
    initiatorName: options.initiatorName,
    json: options.json === true,
  };
  checkTogether(settings);
  return settings;
}

export function isStandardStream(name: string): boolean {
  return name === STANDARD_STREAM;
}

export function isUrl(name: string): boolean {
  return name.startsWith('iscsi://');
}

function checkTogether({ input, output, json, isFlushed, seekBytes }: DdSettings): void {
  if (!isUrl(input) && !isUrl(output)) throw usage('neither if= nor of= is an iscsi:// URL: dd itself copies files');
  if (!isStandardStream(output)) return;
  if (json) throw usage('--json would stand among the data: name an output with of=');
  if (seekBytes > 0) throw usage('seek= needs an output that has places: name it with of=');
  if (isFlushed) throw usage('conv=fsync needs an output that keeps what it gets: name it with of=');
}

function parseOperands(operands: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const operand of operands) {
    const equals = operand.indexOf('=');
    const typed = operand.slice(0, Math.max(equals, 0));
    const key = SYNONYMS[typed] ?? typed;
    if (key === 'ibs' || key === 'obs' || key === 'cbs') throw usage(`${typed}= is not known: bs= is for both sides`);
    if (!OPERANDS.includes(key)) throw usage(`expected operands such as if=URL of=FILE, found ${JSON.stringify(operand)}; known are ${OPERANDS.join('= ')}=`);
    if (given.has(key)) throw usage(`${typed}= is there twice`);
    given.set(key, operand.slice(equals + 1));
  }
  return given;
}

function parseList(key: string, text: string | undefined, known: readonly string[]): ReadonlySet<string> {
  const words = new Set((text ?? '').split(',').filter((word) => word !== ''));
  for (const word of words) {
    if (!known.includes(word)) throw usage(`${key}=: expected ${known.join(', ')}, found ${JSON.stringify(word)}`);
  }
  return words;
}

function parseStatus(text: string | undefined): DdStatus {
  if (text === undefined) return 'default';
  if (!STATUSES.includes(text)) throw usage(`status=: expected ${STATUSES.join(', ')}, found ${JSON.stringify(text)}`);
  return text as DdStatus;
}

function parseDepth(text: string): number {
  const depth = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (depth < 1 || depth > DEPTH_MAX) throw usage(`--depth: expected a whole number from 1 to ${DEPTH_MAX}, found ${JSON.stringify(text)}`);
  return depth;
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  c: 1,
  w: 2,
  b: 512,
  kB: 1000,
  k: 1024,
  K: 1024,
  KiB: 1024,
  MB: 1000 ** 2,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  TB: 1000 ** 4,
  T: 1024 ** 4,
  TiB: 1024 ** 4,
};

/** A number with a suffix, or a product of such with x between them. Throws `COPY_USAGE`. */
export function parseSize(key: string, text: string, min: number): number {
  let size = 1;
  for (const part of text.split('x')) {
    const match = /^(\d{1,16})([a-zA-Z]{0,3})$/.exec(part);
    size *= match === null ? Number.NaN : Number(match[1]) * (FACTORS[match[2] as string] ?? Number.NaN);
  }
  if (!Number.isSafeInteger(size) || size < min) throw usage(`${key}=: expected a number such as 4096, 4k, 1M or 2x512, found ${JSON.stringify(text)}`);
  return size;
}

/** Blocks, or bytes with a B behind the number. */
function parseBlocks(key: string, text: string, unitBytes: number): number {
  const inBytes = /^[\dx]+B$/.test(text);
  const bytes = inBytes ? parseSize(key, text.slice(0, -1), 0) : parseSize(key, text, 0) * unitBytes;
  if (!Number.isSafeInteger(bytes)) throw usage(`${key}=${text} is beyond what can be addressed`);
  return bytes;
}
