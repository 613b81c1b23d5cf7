import { stripVTControlCharacters } from 'node:util';

/** What uvu wrote at the end of a run. */
export interface UvuSummary {
  /** Tests that were to run, without the skipped ones. */
  readonly totalCount: number;
  readonly passedCount: number;
  readonly skippedCount: number;
}

const SUMMARY_PATTERN = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;

/** How a test says, at the start of a line of its output, that something was left out and why. */
export const COULD_NOT_RUN = 'could not run:';

/** The last summary in the output of one test file, or null when uvu never came to write one. */
export function parseUvuSummary(output: string): UvuSummary | null {
  const last = [...stripVTControlCharacters(output).matchAll(SUMMARY_PATTERN)].at(-1);
  if (last === undefined) return null;
  return { totalCount: Number(last[1]), passedCount: Number(last[2]), skippedCount: Number(last[3]) };
}

/** The reasons of tests that were left out, as the file wrote them. */
export function couldNotRunLines(output: string): string[] {
  return stripVTControlCharacters(output)
    .split('\n')
    .filter((line) => line.startsWith(COULD_NOT_RUN));
}
