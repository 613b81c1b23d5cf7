import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { areas } from '../../flamegraphs/graph/areas.js';
import { laneHeading, renderFlameGraph } from '../../flamegraphs/graph/flame-graph.js';
import { buildLane } from '../../flamegraphs/graph/stack-tree.js';
import { syntheticProfile } from './synthetic-profile.js';
import { elementsNamed, parseXml, type XmlElement } from './xml-check.js';

const TASK = 'file:///x/dist/engine/task/task.js';
const STORE = 'file:///x/dist/engine/store/ram-store.js';
const main = buildLane('main', [
  syntheticProfile([
    [`run@${TASK}:12;read@${STORE}:40`, 3000],
    [`run@${TASK}:12`, 1000],
    ['(garbage collector)', 400],
    ['(idle)', 600],
  ]),
]);
const worker = buildLane('worker-1', [
  syntheticProfile([
    [`read@${STORE}:40`, 1100],
    ['(idle)', 3900],
  ]),
]);

interface DrawnFrame {
  readonly title: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly fill: string;
}

function framesOf(lane: XmlElement): DrawnFrame[] {
  return elementsNamed(lane, 'g')
    .filter(({ attributes }) => attributes['class'] === 'frame')
    .map((frame) => {
      const { attributes } = elementsNamed(frame, 'rect')[0] as XmlElement;
      const number = (name: string) => Number(attributes[name]);
      return { title: elementsNamed(frame, 'title')[0]?.text ?? '', x: number('x'), y: number('y'), width: number('width'), fill: attributes['fill'] ?? '' };
    });
}

const lanesOfSvg = (svg: XmlElement) => elementsNamed(svg, 'g').filter(({ attributes }) => attributes['class'] === 'lane');
const named = (frames: readonly DrawnFrame[], name: string) => frames.find(({ title }) => title.startsWith(`${name}\n`)) as DrawnFrame;

test('widths are times: a lane is as wide as its busy time beside the busiest, a child lies inside its parent', () => {
  const [first, second] = lanesOfSvg(parseXml(renderFlameGraph([main, worker], { title: 'test' }))).map(framesOf) as [DrawnFrame[], DrawnFrame[]];
  const whole = named(first, 'main').width;
  const near = (width: number, share: number) => assert.ok(Math.abs(width - share * whole) < 0.02, `${width} of ${whole} is not ${share}`);
  near(named(first, 'run').width, 4000 / 4400);
  near(named(first, 'read').width, 3000 / 4400);
  near(named(first, '(garbage collector)').width, 400 / 4400);
  near(named(second, 'worker-1').width, 1100 / 4400);
  for (const frame of [named(first, 'run'), named(first, '(garbage collector)')]) assert.ok(frame.y > named(first, 'main').y);
  const [parent, child] = [named(first, 'run'), named(first, 'read')];
  assert.ok(child.x >= parent.x && child.x + child.width <= parent.x + parent.width && child.y > parent.y);
});

test('siblings stand beside each other, the widest first', () => {
  const frames = lanesOfSvg(parseXml(renderFlameGraph([main], { title: 'test' }))).flatMap(framesOf);
  const [first, second] = [named(frames, 'run'), named(frames, '(garbage collector)')];
  assert.is(first.y, second.y);
  assert.ok(Math.abs(first.x + first.width - second.x) < 0.01, `${second.x} follows ${first.x} + ${first.width}`);
});

test('colours tell areas, tooltips tell place, milliseconds and percent', () => {
  const frames = lanesOfSvg(parseXml(renderFlameGraph([main], { title: 'test' }))).flatMap(framesOf);
  assert.is(named(frames, 'run').fill, areas.task.colour);
  assert.is(named(frames, 'read').fill, areas.store.colour);
  assert.is(named(frames, '(garbage collector)').fill, areas.gc.colour);
  assert.is(named(frames, 'run').title, 'run\nengine/task/task.js:12\ntotal 4.0 ms (90.9%), self 1.0 ms (22.7%)');
});

test('idle time is told in the heading and not drawn', () => {
  const text = renderFlameGraph([main], { title: 'test' });
  assert.not.match(text, /\(idle\)/);
  assert.is(laneHeading(main), 'main: 0.004 s busy of 0.005 s (88.0%), idle 0.001 s, 4 samples');
});

test('hostile names stay text', () => {
  const lane = buildLane('main', [syntheticProfile([[`<b>&"'\u0000]]>é`, 100]])]);
  const svg = parseXml(renderFlameGraph([lane], { title: '</svg><script>', subtitle: 'a & b' }));
  assert.is(elementsNamed(svg, 'script').length, 1);
  assert.ok(framesOf(svg).some(({ title }) => title.startsWith(`<b>&"'\ufffd]]>é\n`)));
});

test('frames too narrow to see are left out', () => {
  const lane = buildLane('main', [
    syntheticProfile([
      ['wide', 1_000_000],
      ['narrow', 1],
    ]),
  ]);
  assert.equal(
    framesOf(parseXml(renderFlameGraph([lane], { title: 'test' }))).map(({ title }) => title.split('\n')[0]),
    ['main', 'wide'],
  );
});

test('a lane without samples is a heading', () => {
  const svg = parseXml(renderFlameGraph([buildLane('worker-1', [syntheticProfile([])])], { title: 'test' }));
  assert.equal(framesOf(svg), []);
  assert.ok(elementsNamed(svg, 'text').some(({ text }) => text.startsWith('worker-1: 0.000 s busy')));
});

test('the script is inside, parses, and asks for nothing from elsewhere', () => {
  const text = renderFlameGraph([main, worker], { title: 'test' });
  const [script] = elementsNamed(parseXml(text), 'script');
  assert.ok(script !== undefined && Object.keys(script.attributes).length === 0);
  assert.match(script.text, /function search\(/);
  assert.match(script.text, /function zoom\(/);
  assert.not.throws(() => new Function(script.text));
  assert.equal(
    [...text.matchAll(/\b(?:https?:|href|src|url\(|@import)[^\s"']*/g)]
      .map(String)
      .filter((found) => found !== 'http:' && !found.startsWith('http://www.w3.org/')),
    [],
  );
});

test.run();
