import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCunitReport, reportFaults } from './cunit-report.js';

/** As iscsi-test-cu 1.19 prints it, cut down. */
const HEAD = `    [SKIPPED] PERSISTENT RESERVE IN is not implemented.



     CUnit - A unit testing framework for C - Version 2.1-3
     http://cunit.sourceforge.net/


`;
const summaryOf = (total: number, ran: number, passed: number, failed: number) => `

Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests      ${total}      ${ran}      ${passed}      ${failed}        0
             asserts    278    278    278      0      n/a

Elapsed time =    0.004 seconds
Tests completed with return value: 0
`;
const TORN_DOWN = '    [SKIPPED] PERSISTENT RESERVE IN is not implemented.\n';

const verdicts = (output: string) => parseCunitReport(output).tests.map(({ suite, name, verdict }) => `${suite}.${name} ${verdict}`);

test('tests that say nothing passed', () => {
  const output = `${HEAD}Suite: Read10\n  Test: Simple ...passed\n  Test: Control-D_SENSE ...passed${TORN_DOWN}${summaryOf(2, 2, 2, 0)}`;
  assert.equal(verdicts(output), ['Read10.Simple passed', 'Read10.Control-D_SENSE passed']);
  assert.equal(parseCunitReport(output).summary, { totalCount: 2, ranCount: 2, passedCount: 2, failedCount: 0 });
  assert.equal(reportFaults(parseCunitReport(output)), []);
});

test('a test that says it was skipped did not pass, whatever its mark', () => {
  const output = `${HEAD}Suite: Inquiry
  Test: EVPD ...passed
  Test: BlockLimits ...    [SKIPPED] Logical unit is fully provisioned. Skipping test
passed
  Test: WriteVerify ...    [SKIPPED] WRITEVERIFY10 is not implemented.
    [SKIPPED] WRITEVERIFY10 is not implemented.
passed
  Test: SupportedVPD ...passed${TORN_DOWN}${summaryOf(4, 4, 4, 0)}`;
  assert.equal(verdicts(output), ['Inquiry.EVPD passed', 'Inquiry.BlockLimits skipped', 'Inquiry.WriteVerify skipped', 'Inquiry.SupportedVPD passed']);
  assert.equal(parseCunitReport(output).tests[1]?.remarks, [{ kind: 'SKIPPED', text: 'Logical unit is fully provisioned. Skipping test' }]);
  assert.is(parseCunitReport(output).tests[2]?.remarks.length, 2);
});

test('what is said while the suite is set up and torn down belongs to no test', () => {
  const { tests, remarksOutside } = parseCunitReport(`${HEAD}Suite: Read6\n  Test: BeyondEol ...passed${TORN_DOWN}${summaryOf(1, 1, 1, 0)}`);
  assert.equal(tests[0]?.remarks, []);
  assert.equal(
    remarksOutside.filter(({ kind }) => kind === 'SKIPPED'),
    Array.from({ length: 2 }, () => ({ kind: 'SKIPPED', text: 'PERSISTENT RESERVE IN is not implemented.' })),
  );
});

test('a failed test has its assertions, the last one without what is said after it', () => {
  const output = `${HEAD}Suite: Write10
  Test: ZeroBlocks ...    [FAILED] WRITE10 command failed with status 2
FAILED
    1. test_write10_0blocks.c:33  - CU_ASSERT_EQUAL(_r,0)
    2. test_write10_0blocks.c:44  - CU_ASSERT_EQUAL(_r,0)${TORN_DOWN}${summaryOf(1, 1, 0, 1)}`;
  const report = parseCunitReport(output);
  assert.equal(report.tests, [
    {
      suite: 'Write10',
      name: 'ZeroBlocks',
      verdict: 'failed',
      remarks: [{ kind: 'FAILED', text: 'WRITE10 command failed with status 2' }],
      failedAssertions: ['test_write10_0blocks.c:33 - CU_ASSERT_EQUAL(_r,0)', 'test_write10_0blocks.c:44 - CU_ASSERT_EQUAL(_r,0)'],
    },
  ]);
  assert.equal(reportFaults(report), []);
});

test('a test that fails after it skipped a part failed', () => {
  const output = `Suite: A\n  Test: B ...    [SKIPPED] no DPO\nFAILED\n    1. b.c:1  - CU_FAIL("x")\n${summaryOf(1, 1, 0, 1)}`;
  assert.equal(verdicts(output), ['A.B failed']);
});

test('a command that a test wants to fail leaves a remark, and the test passes', () => {
  const output = `Suite: iSCSIdatasn\n  Test: Invalid ...    [FAILED] WRITE10 command failed\npassed${TORN_DOWN}${summaryOf(1, 1, 1, 0)}`;
  assert.equal(verdicts(output), ['iSCSIdatasn.Invalid passed']);
  assert.is(parseCunitReport(output).tests[0]?.remarks[0]?.kind, 'FAILED');
});

test('several suites follow each other', () => {
  const output = `Suite: A\n  Test: X ...passed${TORN_DOWN}\nSuite: B\n  Test: X ...passed\n  Test: Y ...passed${TORN_DOWN}${summaryOf(3, 3, 3, 0)}`;
  assert.equal(verdicts(output), ['A.X passed', 'B.X passed', 'B.Y passed']);
});

test('a program that dies in a test loses it, and the report says so', () => {
  const report = parseCunitReport(`${HEAD}Suite: Read6\n  Test: Simple ...passed\n  Test: BeyondEol ...`);
  assert.equal(
    report.tests.map(({ verdict }) => verdict),
    ['passed', 'lost'],
  );
  assert.equal(reportFaults(report), ['Read6.BeyondEol began and did not end', 'there is no run summary: the program did not come to its end']);
});

test('a summary that says otherwise than the lines is a fault', () => {
  const faults = reportFaults(parseCunitReport(`Suite: A\n  Test: X ...passed\n${summaryOf(3, 2, 1, 1)}`));
  assert.equal(faults, ['2 tests ran by the summary, 1 by their lines', '1 of 3 tests did not run', '1 tests failed by the summary, 0 by their lines']);
});

test('a suite that does not exist has no tests, and nothing wrong with its report', () => {
  const report = parseCunitReport(`${HEAD}${summaryOf(0, 0, 0, 0)}`);
  assert.equal(report.tests, []);
  assert.equal(reportFaults(report), []);
});

test.run();
