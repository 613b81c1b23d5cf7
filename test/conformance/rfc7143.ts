import { recovery } from './rfc7143/recovery.js';
import type { ConformanceRow } from './rfc7143/row.js';
import { section4 } from './rfc7143/section-04.js';
import { section6 } from './rfc7143/section-06.js';
import { section7 } from './rfc7143/section-07.js';
import { section9 } from './rfc7143/section-09.js';
import { section11Transfers } from './rfc7143/section-11.js';
import { section11Control } from './rfc7143/section-11-control.js';
import { section13 } from './rfc7143/section-13.js';

/** Sections in their order: numbers by their value, Appendix C and RFC 7144 behind. */
function compareSections(a: string, b: string): number {
  const parts = (section: string): number[] => (/^\d+(?:\.\d+)*$/.test(section) ? section.split('.').map(Number) : [Number.POSITIVE_INFINITY]);
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? -1) - (right[index] ?? -1);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What RFC 7143 asks of a target, row by row, and the test that looks at each. `npm run conformance` prints it. */
export const conformanceRows: readonly ConformanceRow[] = [
  ...section4,
  ...section6,
  ...section7,
  ...section9,
  ...section11Transfers,
  ...section11Control,
  ...section13,
  ...recovery,
].toSorted((a, b) => compareSections(a.section, b.section));
