import type { Mismatch } from './block-data.js';
import { type DisktestEvent, type DisktestFigures, isPassed } from './disktest.js';
import { hasPasses, type LoadPlan, type MediumSize } from './load-plan.js';
import type { CommandFault } from './load-run.js';
import { describeScsiFault, hexByte } from './scsi-fault.js';
import type { LatencyFigures, Rates } from './tally.js';

const MEBIBYTE = 1024 * 1024;
const LEVEL_WIDTH = 5;
/** ERROR lines about commands and data that one test prints; all of them are counted. */
const ERROR_LINE_COUNT_MAX = 16;

/** Which figures are printed: the letters of `-P`. */
export interface ReportChoice {
  /** T */
  readonly throughput: boolean;
  /** X */
  readonly transfers: boolean;
  /** R */
  readonly runTime: boolean;
  /** P: fields with semicolons between them, one line a report. */
  readonly delimited: boolean;
}

export interface LineOptions {
  readonly url: string;
  readonly version: string;
  readonly processId: number;
  /** As the user typed them. */
  readonly argsText: string;
  readonly choice: ReportChoice;
  /** -q: no INFO lines. */
  readonly isQuiet: boolean;
  /** -Q: messages without what stands in front of them. */
  readonly isBare: boolean;
  readonly now: () => Date;
  readonly print: (line: string) => void;
}

type Level = 'START' | 'INFO' | 'STAT' | 'WARN' | 'ERROR' | 'END';

/**
 * Prints what happens during a test in the shape of LTP's disktest:
 *
 *     | 2007/02/24-09:59:10 | STAT  | 28339 | v1.2.8 | /dev/sdc | Total read throughput: 34458842.5B/s (32.86MB/s), IOPS 4206.4/s.
 */
export class DisktestLines {
  readonly #options: LineOptions;
  #errorLineCount = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  readonly report = (event: DisktestEvent): void => {
    switch (event.kind) {
      case 'start':
        this.#printStart(event.plan, event.medium);
        break;
      case 'heartbeat':
        this.#printRates('Heartbeat', event.read, event.write);
        break;
      case 'fault':
        this.#printError([faultText(event.fault)]);
        break;
      case 'mismatch':
        this.#printError(mismatchTexts(event.mismatch));
        break;
      case 'end':
        this.#printEnd(event.figures);
        break;
    }
  };

  #line(level: Level, text: string): void {
    const { url, version, processId, isQuiet, isBare, now, print } = this.#options;
    if (level === 'INFO' && isQuiet) return;
    const front = `| ${formatDate(now())} | ${level.padEnd(LEVEL_WIDTH)} | ${processId} | v${version} | ${url} | `;
    print(isBare ? text : `${front}${text}`);
  }

  #printStart(plan: LoadPlan, medium: MediumSize): void {
    this.#line('START', `Start args: ${this.#options.argsText}`);
    this.#line('INFO', `${medium.lbaCount} blocks of ${medium.blockLengthBytes} bytes; ${planText(plan)}`);
    if (plan.stampsBlocks && !plan.reads) this.#line('WARN', 'Nothing is compared, since nothing is read; read it back with -r -E and the same -a');
  }

  #printRates(scope: 'Heartbeat' | 'Total', read: Rates | null, write: Rates | null): void {
    const { choice } = this.#options;
    if (choice.delimited) {
      this.#options.print(`${this.#options.url};${delimitedFields(choice, scope === 'Total', read, write)}`);
      return;
    }
    for (const [name, rates] of [['read', read] as const, ['write', write] as const]) {
      if (rates === null) continue;
      if (choice.transfers) this.#line('STAT', transfersText(scope, name, rates));
      if (choice.throughput) this.#line('STAT', `${scope} ${name} throughput: ${throughputText(rates)}`);
    }
    if (choice.runTime && scope === 'Heartbeat') {
      for (const [name, rates] of [['Read', read] as const, ['Write', write] as const]) {
        if (rates !== null) this.#line('STAT', `Heartbeat ${name} Time: ${timeText(rates.seconds)}`);
      }
    }
  }

  #printEnd(figures: DisktestFigures): void {
    const { read, write } = figures;
    this.#printRates('Total', read, write);
    if (!this.#options.choice.delimited) {
      if (read !== null) this.#line('STAT', `Total read latency: ${latencyText(read.latencyMicros)}`);
      if (write !== null) this.#line('STAT', `Total write latency: ${latencyText(write.latencyMicros)}`);
      if (this.#options.choice.runTime) this.#printRunTimes(figures);
    }
    if (figures.comparedBlockCount > 0) this.#line('INFO', `${figures.comparedBlockCount} blocks were compared and are right`);
    for (const fault of figures.faults) this.#line('WARN', `${fault.count} commands ended with ${fault.text}`);
    if (figures.mismatchCount > 0) this.#line('WARN', `${figures.mismatchCount} reads brought wrong data`);
    if (figures.brokenBy instanceof Error) this.#line('ERROR', figures.brokenBy.message);
    this.#line('END', `Test Done (${isPassed(figures) ? (figures.wasStopped ? 'Stopped' : 'Passed') : 'Failed'})`);
  }

  #printRunTimes({ read, write, seconds }: DisktestFigures): void {
    if (read !== null) this.#line('STAT', `Total Read Time: ${timeText(read.seconds)}`);
    if (write !== null) this.#line('STAT', `Total Write Time: ${timeText(write.seconds)}`);
    this.#line('STAT', `Total overall runtime: ${timeText(seconds)}`);
  }

  #printError(texts: readonly string[]): void {
    this.#errorLineCount++;
    if (this.#errorLineCount > ERROR_LINE_COUNT_MAX) return;
    for (const text of texts) this.#line('ERROR', text);
    if (this.#errorLineCount === ERROR_LINE_COUNT_MAX) this.#line('WARN', 'More errors are counted, but not printed');
  }
}

/** `2007/02/24-09:59:10`, local time as the original has it. */
export function formatDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `34458842.5B/s (32.86MB/s), IOPS 4206.4/s.` Its MB are 2^20 bytes, as they were. */
export function throughputText({ bytesPerSecond, operationsPerSecond }: Rates): string {
  return `${bytesPerSecond.toFixed(1)}B/s (${(bytesPerSecond / MEBIBYTE).toFixed(2)}MB/s), IOPS ${operationsPerSecond.toFixed(1)}/s.`;
}

function transfersText(scope: 'Heartbeat' | 'Total', name: 'read' | 'write', { commandCount, bytes }: Rates): string {
  const done = name === 'read' ? 'read' : 'written';
  return scope === 'Total'
    ? `Total bytes ${done} in ${commandCount} transfers: ${bytes}`
    : `${bytes} bytes ${done} in ${commandCount} transfers during heartbeat.`;
}

export function latencyText({ p50, p99, p999, max }: LatencyFigures): string {
  return `p50 ${p50.toFixed(1)}us, p99 ${p99.toFixed(1)}us, p99.9 ${p999.toFixed(1)}us, max ${max.toFixed(1)}us.`;
}

/** `3723 seconds (1h2m3s)` */
function timeText(seconds: number): string {
  const whole = Math.round(seconds);
  return `${whole} seconds (${Math.floor(whole / 3600)}h${Math.floor(whole / 60) % 60}m${whole % 60}s)`;
}

function delimitedFields(choice: ReportChoice, isTotal: boolean, read: Rates | null, write: Rates | null): string {
  const total = isTotal ? 'T' : '';
  const fields: (string | number)[] = [];
  for (const [letter, rates] of [['R', read] as const, ['W', write] as const]) {
    if (choice.transfers) fields.push(rates?.bytes ?? 0, `${total}${letter}bytes`, rates?.commandCount ?? 0, `${total}${letter}xfers`);
  }
  for (const [letter, rates] of [['R', read] as const, ['W', write] as const]) {
    if (choice.throughput) fields.push((rates?.bytesPerSecond ?? 0).toFixed(1), `${total}${letter}B/s`);
    if (choice.throughput) fields.push((rates?.operationsPerSecond ?? 0).toFixed(1), `${total}${letter}IOPS`);
  }
  for (const [letter, rates] of [['R', read] as const, ['W', write] as const]) {
    if (choice.runTime) fields.push((rates?.seconds ?? 0).toFixed(1), `${total}${letter}secs`);
  }
  return `${fields.join(';')};`;
}

function faultText(fault: CommandFault): string {
  const what = fault.shortBytes === null ? describeScsiFault(fault) : `GOOD, but with ${fault.shortBytes} bytes`;
  return `disk access failed: ${fault.writes ? 'write' : 'read'} of ${fault.lbaCount} blocks, lba = ${fault.lba}: ${what}`;
}

const hexBytes = (bytes: Buffer): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function mismatchTexts({ lba, offsetBytes, expected, found, expectedBytes, foundBytes, diagnosis }: Mismatch): string[] {
  const wrong = `expected ${hexByte(expected)}, found ${hexByte(found)}`;
  return [
    `Data miscompare at lba ${lba} (0x${lba.toString(16)}), byte ${offsetBytes} of the block: ${wrong}; ${diagnosis}`,
    `EXPECTED: ${hexBytes(expectedBytes)}`,
    `ACTUAL:   ${hexBytes(foundBytes)}`,
  ];
}

/** What will be done, with every assumption that was made. */
function planText(plan: LoadPlan): string {
  const { transferLbaCountMin: min, transferLbaCountMax: max, blockLengthBytes } = plan;
  const sizes = min === max ? `${max * blockLengthBytes}` : `${min * blockLengthBytes} to ${max * blockLengthBytes}`;
  const parts = [
    `LBA ${plan.firstLba} to ${plan.firstLba + plan.lbaCount - 1}`,
    `${plan.seek.order} ${operationsText(plan)} of ${sizes} bytes`,
    `${plan.threadCount} threads on ${plan.sessionCount === 1 ? '1 session' : `${plan.sessionCount} sessions`}`,
    `seed ${plan.seed}`,
  ];
  const ends: string[] = [];
  if (plan.seconds !== null) ends.push(`${plan.seconds} seconds`);
  if (plan.commandCountMax !== null) ends.push(`${plan.commandCountMax} commands`);
  if (plan.sweepCountMax !== null) ends.push(plan.sweepCountMax === 1 ? 'one pass' : 'one pass of each');
  return `${parts.join('; ')}; ends after ${ends.join(' or ')}`;
}

function operationsText(plan: LoadPlan): string {
  if (!plan.writes) return 'reads';
  if (!plan.reads) return 'writes';
  if (plan.seek.interleaved) return 'writes, each read back,';
  return hasPasses(plan) ? 'writes, then reads,' : `reads and writes (${100 - plan.writePercent}:${plan.writePercent})`;
}
