/** How strongly the RFC asks, RFC 2119. */
export type Level = 'MUST' | 'SHOULD' | 'MAY';

/** One test by its file and its name: the name as it is printed, also where a template makes it. */
export interface TestReference {
  readonly file: string;
  readonly name: string;
}

/** One thing that RFC 7143 (or, where said, RFC 7144) asks of a target and that a test can look at, in our own words. */
export interface ConformanceRow {
  /** Such as `11.7.1`, `C` for Appendix C, or `7144-4.2`. */
  readonly section: string;
  readonly level: Level;
  readonly text: string;
  /** Empty when `uncovered` says why. */
  readonly tests: readonly TestReference[];
  /** Why no test looks at it. */
  readonly uncovered?: string;
}

/** References to tests of one file, given without `test/` and `.test.ts`. */
export function testsOf(path: string): (name: string) => TestReference {
  return (name) => ({ file: `test/${path}.test.ts`, name });
}

type Covered = readonly [TestReference, ...TestReference[]];

export function must(section: string, text: string, ...tests: Covered): ConformanceRow {
  return { section, level: 'MUST', text, tests };
}

export function should(section: string, text: string, ...tests: Covered): ConformanceRow {
  return { section, level: 'SHOULD', text, tests };
}

export function may(section: string, text: string, ...tests: Covered): ConformanceRow {
  return { section, level: 'MAY', text, tests };
}

/** Not looked at by any test, and why. */
export function uncovered(level: Level, section: string, text: string, reason: string): ConformanceRow {
  return { section, level, text, tests: [], uncovered: reason };
}
