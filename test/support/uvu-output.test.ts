import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { couldNotRunLines, parseUvuSummary } from './uvu-output.js';

test('the summary is read with and without colours', () => {
  const plain = '• • • \n\n  Total:     12\n  Passed:    11\n  Skipped:   3\n  Duration:  1.00ms\n\n';
  const coloured = '\n  Total:     12\u001b[32m\n  Passed:    11\u001b[39m\n  Skipped:   \u001b[33m3\u001b[39m\n  Duration:  1.00ms\n';
  for (const output of [plain, coloured]) assert.equal(parseUvuSummary(output), { totalCount: 12, passedCount: 11, skippedCount: 3 });
});

test('of several summaries the last one counts', () => {
  const one = '\n  Total:     1\n  Passed:    1\n  Skipped:   0\n';
  const two = '\n  Total:     2\n  Passed:    0\n  Skipped:   0\n';
  assert.is(parseUvuSummary(one + two)?.totalCount, 2);
});

test('output without a summary, or with half of one, has none', () => {
  assert.is(parseUvuSummary(''), null);
  assert.is(parseUvuSummary('• • \n  Total:     12\n  Passed:    1'), null);
});

test('only lines that start with it say that something could not run', () => {
  assert.equal(couldNotRunLines('a\ncould not run: "x": y\nit could not run: z\n'), ['could not run: "x": y']);
});

test.run();
