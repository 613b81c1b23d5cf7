import type { EngineSnapshot } from '../engine/metrics/engine-metrics.js';

const MEGABYTE = 1_000_000;
const CLEAR_LINE = '\r\x1b[2K';

/**
 * One line of what happened between two snapshots: commands and megabytes (10^6 bytes) a second, latency, sessions.
 * Fits `columnCount`, since a line that wraps could not be rewritten in place.
 */
export function renderLiveLine(previous: EngineSnapshot, current: EngineSnapshot, elapsedMicros: number, columnCount: number): string {
  const seconds = Math.max(elapsedMicros, 1) / 1e6;
  const perSecond = (key: 'commandCount' | 'readBytes' | 'writeBytes'): number => (current[key] - previous[key]) / seconds;
  const idle = current.commandCount === previous.commandCount;
  const parts = [
    `${Math.round(perSecond('commandCount')).toLocaleString('en-US')} IOPS`,
    `read ${(perSecond('readBytes') / MEGABYTE).toFixed(1)} MB/s`,
    `write ${(perSecond('writeBytes') / MEGABYTE).toFixed(1)} MB/s`,
    // Percentiles of no command at all would be read as zero microseconds.
    `p50 ${idle ? '–' : formatMicros(current.latencyMicros.p50)}`,
    `p99 ${idle ? '–' : formatMicros(current.latencyMicros.p99)}`,
    current.sessionCount === 1 ? '1 session' : `${current.sessionCount} sessions`,
  ];
  return parts.join('   ').slice(0, Math.max(0, columnCount - 1));
}

function formatMicros(micros: number): string {
  if (micros < 10_000) return `${Math.round(micros)} µs`;
  return micros < 10_000_000 ? `${Math.round(micros / 1000)} ms` : `${Math.round(micros / 1e6)} s`;
}

/** Text that puts `line` in the place of the one before it on a terminal. */
export function rewriteLine(line: string): string {
  return `${CLEAR_LINE}${line}`;
}
