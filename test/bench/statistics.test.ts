import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pairedRatios, summarize } from '../../bench/compare/statistics.js';

test('nothing sums up to nothing', () => assert.is(summarize([]), null));

test('one value is its own median and range', () => {
  assert.equal(summarize([7]), { count: 1, median: 7, min: 7, max: 7, lowerQuartile: 7, upperQuartile: 7 });
});

test('values need no order, and sort as numbers', () => {
  assert.equal(summarize([100, 9, 20, 3, 1000]), { count: 5, median: 20, min: 3, max: 1000, lowerQuartile: 9, upperQuartile: 100 });
});

test('between two values lies their middle', () => {
  assert.equal(summarize([1, 2, 3, 4]), { count: 4, median: 2.5, min: 1, max: 4, lowerQuartile: 1.75, upperQuartile: 3.25 });
});

test('the values that were given stay as they are', () => {
  const values = [3, 1, 2];
  summarize(values);
  assert.equal(values, [3, 1, 2]);
});

test('ratios pair rounds by their number, not by their place', () => {
  const ours = new Map([
    [1, 200],
    [3, 90],
  ]);
  const theirs = new Map([
    [1, 100],
    [2, 1],
    [3, 30],
  ]);
  assert.equal(pairedRatios(ours, theirs), [2, 3]);
});

test('a machine that slows down takes both along: the paired ratio stands still', () => {
  const ours = new Map([1, 2, 3].map((round) => [round, 3000 / round]));
  const theirs = new Map([1, 2, 3].map((round) => [round, 1500 / round]));
  assert.equal(summarize(pairedRatios(ours, theirs)), { count: 3, median: 2, min: 2, max: 2, lowerQuartile: 2, upperQuartile: 2 });
});

test('a round in which either failed has no ratio', () => {
  assert.equal(pairedRatios(new Map([[1, 5]]), new Map([[2, 5]])), []);
  assert.equal(pairedRatios(new Map([[1, 5]]), new Map([[1, 0]])), []);
});

test.run();
