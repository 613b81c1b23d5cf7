import { formatSize } from '../json-values.js';
import { rewriteLine } from '../live-line.js';
import type { ProgramOutput } from '../program-output.js';
import type { CopyFigures } from './copy.js';
import type { DdStatus } from './settings.js';

const TICK_MS = 1000;
/** Ticks between lines that stay: a log should not fill up. */
const QUIET_TICK_COUNT = 10;
const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `1.3 GB`, as dd has it: powers of 1000. */
function formatDecimal(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < DECIMAL_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toPrecision(value >= 100 ? 3 : 2)} ${DECIMAL_UNITS[unit]}`;
}

function formatSeconds(seconds: number): string {
  return seconds >= 100 ? String(Math.round(seconds)) : String(Number(seconds.toPrecision(3)));
}

function copiedText(bytes: number, seconds: number): string {
  const sizes = bytes < 1000 ? '' : ` (${formatDecimal(bytes)}, ${formatSize(bytes)})`;
  return `${bytes} bytes${sizes} copied, ${formatSeconds(seconds)} s, ${formatDecimal(bytes / Math.max(seconds, 1e-6))}/s`;
}

/** `…, 42 %, 12 s left` when one can know. */
export function progressLine(bytes: number, totalBytes: number | null, seconds: number): string {
  const done = copiedText(bytes, seconds);
  if (totalBytes === null || totalBytes === 0) return done;
  const left = bytes === 0 ? '' : `, ${formatSeconds(Math.ceil(((totalBytes - bytes) * seconds) / bytes))} s left`;
  return `${done}, ${Math.floor((bytes / totalBytes) * 100)} %${left}`;
}

/** What dd tells at the end. */
export function summaryLines(figures: CopyFigures, seconds: number, status: DdStatus): string[] {
  if (status === 'none') return [];
  const { fullBlocksIn, partialBlocksIn, fullBlocksOut, partialBlocksOut, sparseBytes } = figures;
  const lines = [`${fullBlocksIn}+${partialBlocksIn} records in`, `${fullBlocksOut}+${partialBlocksOut} records out`];
  if (status === 'noxfer') return lines;
  lines.push(copiedText(figures.bytes, seconds));
  if (sparseBytes > 0) lines.push(`${sparseBytes} bytes of them zeros that were left out`);
  return lines;
}

export interface ProgressOptions {
  readonly figures: CopyFigures;
  readonly totalBytes: number | null;
  readonly status: DdStatus;
  readonly output: ProgramOutput;
  readonly elapsedSeconds: () => number;
}

/** Starts telling; answers a function that ends it and leaves the terminal on a line of its own. */
export function startProgress({ figures, totalBytes, status, output, elapsedSeconds }: ProgressOptions): () => void {
  if (status === 'none' || status === 'noxfer') return () => {};
  const isLive = output.isRemarkTerminal;
  let tickCount = 0;
  let hasLine = false;
  const timer = setInterval(() => {
    tickCount++;
    const line = progressLine(figures.bytes, totalBytes, elapsedSeconds());
    if (isLive) {
      output.remark(rewriteLine(line.slice(0, Math.max(0, output.remarkColumnCount - 1))));
      hasLine = true;
    } else if (status === 'progress' || tickCount % QUIET_TICK_COUNT === 0) {
      output.remarkLine(line);
    }
  }, TICK_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    if (hasLine) output.remark(rewriteLine(''));
  };
}
