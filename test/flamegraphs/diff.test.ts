import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { colourOf, type DiffSide, diffUnit, functionChanges, renderChanges, renderDiff } from '../../flamegraphs/graph/diff.js';
import { buildLane, keyWithoutLine } from '../../flamegraphs/graph/stack-tree.js';
import { type Sample, syntheticProfile } from './synthetic-profile.js';
import { elementsNamed, parseXml } from './xml-check.js';

const FILE = 'file:///x/dist/engine/task/task.js';

function side(label: string, samples: readonly Sample[], commandCount: number | null = null): DiffSide {
  return { label, lanes: [buildLane('main', [syntheticProfile(samples)], { keyOf: keyWithoutLine })], commandCount };
}

const before = side('before', [
  [`run@${FILE}:10;slow@${FILE}:20`, 600],
  [`run@${FILE}:10`, 300],
  [`gone@${FILE}:30`, 100],
  ['(idle)', 5000],
]);
/** Twice as long in all, half as long a command in `slow`; lines have moved. */
const after = side('after', [
  [`run@${FILE}:11;slow@${FILE}:22`, 600],
  [`run@${FILE}:11`, 1150],
  [`come@${FILE}:40`, 250],
]);
const counted = (of: DiffSide, commandCount: number): DiffSide => ({ ...of, commandCount });
const changesOf = (a: DiffSide, b: DiffSide) =>
  functionChanges(a, b, diffUnit(a, b)).map(({ frame, before: was, after: is, delta }) =>
    [frame.name, was, is, delta].map((v) => (typeof v === 'number' ? Math.round(v * 1000) / 1000 : v)),
  );

test('without command counts: percent of the busy time, so that a longer run is no difference', () => {
  assert.equal(changesOf(before, after), [
    ['slow', 60, 30, -30],
    ['run', 30, 57.5, 27.5],
    ['come', 0, 12.5, 12.5],
    ['gone', 10, 0, -10],
  ]);
});

test('with command counts: microseconds a command', () => {
  assert.equal(changesOf(counted(before, 100), counted(after, 400)), [
    ['slow', 6, 1.5, -4.5],
    ['gone', 1, 0, -1],
    ['come', 0, 0.625, 0.625],
    ['run', 3, 2.875, -0.125],
  ]);
});

test('counts of one side alone are not used', () => assert.is(diffUnit(counted(before, 100), after).name, '% of busy time'));

test('a profile beside itself has no changes', () => {
  assert.ok(functionChanges(before, before, diffUnit(before, before)).every(({ delta }) => delta === 0));
  assert.is(renderChanges(before, before, 10).trimEnd().split('\n').length, 3);
});

test('an empty profile divides by nothing', () => {
  const empty = side('empty', []);
  assert.ok(functionChanges(empty, empty, diffUnit(empty, empty)).every(({ delta }) => delta === 0));
  parseXml(renderDiff(empty, empty));
});

test('the table has the largest changes, with where they are', () => {
  assert.is(
    renderChanges(counted(before, 100), counted(after, 400), 2),
    [
      'self time in µs/command, before → after',
      '    change    before     after  function',
      '    -5.000    10.000     5.000  all',
      '    -4.500     6.000     1.500  slow  engine/task/task.js:22',
      '    -1.000     1.000     0.000  gone  engine/task/task.js:30',
      '',
    ].join('\n'),
  );
});

test('red grew, blue shrank, strongest where the change is largest', () => {
  assert.is(colourOf(5, 5), '#ff0000');
  assert.is(colourOf(-5, 5), '#0000ff');
  assert.is(colourOf(0, 5), colourOf(0, 0));
  assert.match(colourOf(1, 5), /^#ff(?!00)(..)\1$/);
});

test('the graph shows both sides: what has gone before, what has come after', () => {
  const svg = parseXml(renderDiff(before, after));
  const lanes = elementsNamed(svg, 'g').filter(({ attributes }) => attributes['class'] === 'lane');
  const names = lanes.map((lane) => elementsNamed(lane, 'title').map(({ text }) => text.split('\n')[0]));
  assert.equal(names, [
    ['main', 'run', 'slow', 'come'],
    ['main', 'run', 'slow', 'gone'],
  ]);
  const fills = lanes.map((lane) => elementsNamed(lane, 'rect').map(({ attributes }) => attributes['fill']));
  // `slow` changed most; `run` nearly as much.
  assert.is(fills[0]?.[2], '#0000ff');
  assert.match(fills[0]?.[1] ?? '', /^#ff0/);
});

test.run();
