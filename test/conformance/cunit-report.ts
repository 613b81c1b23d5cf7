/**
 * What `iscsi-test-cu -v` says about each of its tests. It is CUnit's "basic" output with libiscsi's remarks in between:
 *
 *     Suite: Write10
 *       Test: Simple ...passed
 *       Test: DpoFua ...    [SKIPPED] DPOFUA flag is not set
 *     passed
 *       Test: Async ...    [FAILED] WRITE10 command failed
 *     FAILED
 *         1. test_write10.c:33  - CU_ASSERT_EQUAL(ret,0)    [SKIPPED] said while the suite is torn down
 *
 *     Run Summary:    Type  Total    Ran Passed Failed Inactive
 *                    tests      3      3      2      1        0
 *
 * CUnit knows no skipped test: a test that gave up early counts as passed there, so its remarks are what tells.
 */

/** `lost` has begun and never ended: the program died in it. A test that left out only a part is `skipped` too. */
export type CunitVerdict = 'passed' | 'failed' | 'skipped' | 'lost';

export interface CunitRemark {
  /** `SKIPPED`, `FAILED`, `WARNING`…, or the empty string for text without a kind. */
  readonly kind: string;
  readonly text: string;
}

export interface CunitTest {
  readonly suite: string;
  readonly name: string;
  readonly verdict: CunitVerdict;
  readonly remarks: readonly CunitRemark[];
  /** `file:line - assertion`, each time that it failed. */
  readonly failedAssertions: readonly string[];
}

/** The row `tests` of the run summary. */
export interface CunitSummary {
  readonly totalCount: number;
  readonly ranCount: number;
  readonly passedCount: number;
  readonly failedCount: number;
}

export interface CunitReport {
  readonly tests: readonly CunitTest[];
  /** Null when the program never came to it. */
  readonly summary: CunitSummary | null;
  /** Said before, between and after the tests: while suites are set up and torn down. */
  readonly remarksOutside: readonly CunitRemark[];
}

const SUITE_PATTERN = /^Suite: (\S+)\s*$/;
const TEST_PATTERN = /^ {2}Test: (\S+) \.\.\.(.*)$/;
const MARK_PATTERN = /^(passed|FAILED)(.*)$/;
const REMARK_PATTERN = /^\s*\[([A-Z]+)\] ?(.*)$/;
const ASSERTION_PATTERN = /^ {4}\d+\. (.*?)(\s{4}\[[A-Z]+\].*)?$/;
const SUMMARY_PATTERN = /^Run Summary:/;
const TESTS_ROW_PATTERN = /^\s+tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s/;

interface OpenTest {
  readonly suite: string;
  readonly name: string;
  mark: 'passed' | 'FAILED' | null;
  readonly remarks: CunitRemark[];
  readonly failedAssertions: string[];
}

class ReportReader {
  readonly #tests: OpenTest[] = [];
  readonly #outside: CunitRemark[] = [];
  #suite = '';
  #test: OpenTest | null = null;
  #summary: CunitSummary | null = null;
  #inSummary = false;

  line(line: string): void {
    const suite = SUITE_PATTERN.exec(line);
    const test = TEST_PATTERN.exec(line);
    if (suite !== null) {
      this.#suite = suite[1] as string;
      this.#test = null;
    } else if (test !== null) {
      this.#test = { suite: this.#suite, name: test[1] as string, mark: null, remarks: [], failedAssertions: [] };
      this.#tests.push(this.#test);
      this.#text(test[2] as string);
    } else if (SUMMARY_PATTERN.test(line)) {
      this.#inSummary = true;
      this.#test = null;
    } else if (this.#inSummary) {
      this.#summaryLine(line);
    } else {
      this.#text(line);
    }
  }

  report(): CunitReport {
    return { tests: this.#tests.map(closeTest), summary: this.#summary, remarksOutside: this.#outside };
  }

  #text(text: string): void {
    const test = this.#test;
    if (test !== null && test.mark === null) {
      const mark = MARK_PATTERN.exec(text);
      if (mark === null) {
        addRemark(test.remarks, text);
        return;
      }
      test.mark = mark[1] as 'passed' | 'FAILED';
      // What stands behind the mark on its line comes from tearing the suite down.
      addRemark(this.#outside, mark[2] as string);
      return;
    }
    const assertion = ASSERTION_PATTERN.exec(text);
    if (test?.mark === 'FAILED' && assertion !== null) {
      test.failedAssertions.push((assertion[1] as string).replaceAll(/\s+/g, ' ').trim());
      addRemark(this.#outside, assertion[2] ?? '');
    } else {
      addRemark(this.#outside, text);
    }
  }

  #summaryLine(line: string): void {
    const row = TESTS_ROW_PATTERN.exec(line);
    if (row === null) return;
    const [totalCount, ranCount, passedCount, failedCount] = row.slice(1, 5).map(Number) as [number, number, number, number];
    this.#summary = { totalCount, ranCount, passedCount, failedCount };
  }
}

function addRemark(remarks: CunitRemark[], text: string): void {
  const remark = REMARK_PATTERN.exec(text);
  if (remark !== null) remarks.push({ kind: remark[1] as string, text: (remark[2] as string).trim() });
  else if (text.trim() !== '') remarks.push({ kind: '', text: text.trim() });
}

function closeTest({ suite, name, mark, remarks, failedAssertions }: OpenTest): CunitTest {
  return { suite, name, verdict: verdictOf(mark, remarks), remarks, failedAssertions };
}

function verdictOf(mark: OpenTest['mark'], remarks: readonly CunitRemark[]): CunitVerdict {
  if (mark === null) return 'lost';
  if (mark === 'FAILED') return 'failed';
  return remarks.some(({ kind }) => kind === 'SKIPPED') ? 'skipped' : 'passed';
}

/** Reads the stdout of one run. Never throws: what is missing shows in `reportFaults`. */
export function parseCunitReport(output: string): CunitReport {
  const reader = new ReportReader();
  for (const line of output.split(/\r?\n/)) reader.line(line);
  return reader.report();
}

/** Ways in which a report contradicts itself or is not whole; empty when its verdicts can be believed. */
export function reportFaults({ tests, summary }: CunitReport): string[] {
  const faults = tests.filter(({ verdict }) => verdict === 'lost').map(({ suite, name }) => `${suite}.${name} began and did not end`);
  if (summary === null) return [...faults, 'there is no run summary: the program did not come to its end'];
  const failedCount = tests.filter(({ verdict }) => verdict === 'failed').length;
  if (summary.ranCount !== tests.length) faults.push(`${summary.ranCount} tests ran by the summary, ${tests.length} by their lines`);
  if (summary.ranCount !== summary.totalCount) faults.push(`${summary.totalCount - summary.ranCount} of ${summary.totalCount} tests did not run`);
  if (summary.failedCount !== failedCount) faults.push(`${summary.failedCount} tests failed by the summary, ${failedCount} by their lines`);
  return faults;
}
