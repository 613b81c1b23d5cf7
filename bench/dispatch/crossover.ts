import { type Summary, summarize } from '../compare/statistics.js';

/** A figure for each size, ascending. */
export type Curve = readonly { readonly lengthBytes: number; readonly micros: number }[];

/** Stands for a crossover beyond the largest size: far enough to be told from one within. */
const BEYOND_FACTOR = 4;

/**
 * The size from which on the first curve stays above the second: between the last size where it is not and the next, as both grow
 * in straight lines. 0 when it always is, `BEYOND_FACTOR` times the largest size when it is not even there.
 */
export function crossoverBytes(rising: Curve, level: Curve): number {
  const excess = rising.map(({ lengthBytes, micros }, index) => ({ lengthBytes, by: micros - (level[index]?.micros ?? Number.NaN) }));
  const at = excess.findLastIndex(({ by }) => !(by > 0));
  const below = excess[at];
  const above = excess[at + 1];
  if (below === undefined) return 0;
  if (above === undefined) return below.lengthBytes * BEYOND_FACTOR;
  return below.lengthBytes + ((above.lengthBytes - below.lengthBytes) * -below.by) / (above.by - below.by);
}

/** The crossover of each round, summed up; null without rounds. */
export function summarizeCrossovers(rounds: readonly { readonly rising: Curve; readonly level: Curve }[]): Summary | null {
  return summarize(rounds.map(({ rising, level }) => crossoverBytes(rising, level)));
}

export type Verdict = 'agrees' | 'too-low' | 'too-high' | 'unknown';

/** The measurement tells a size to about a factor of two: rounds spread as much. */
const TOLERANCE = 2;

/** Whether a bound lies where the rounds saw the crossover. */
export function judgeBound(boundBytes: number, crossover: Summary | null): Verdict {
  if (crossover === null) return 'unknown';
  if (boundBytes * TOLERANCE < crossover.lowerQuartile) return 'too-low';
  if (boundBytes > crossover.upperQuartile * TOLERANCE) return 'too-high';
  return 'agrees';
}

/** The power of two that is nearest to a size, at least 1. */
export function nearestPowerOfTwo(bytes: number): number {
  return 2 ** Math.round(Math.log2(Math.max(1, bytes)));
}
