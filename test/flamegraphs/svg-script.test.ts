import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderFlameGraph } from '../../flamegraphs/graph/flame-graph.js';
import { buildLane } from '../../flamegraphs/graph/stack-tree.js';
import { svgScript } from '../../flamegraphs/graph/svg-script.js';
import { syntheticProfile } from './synthetic-profile.js';
import { parseXml, type XmlElement } from './xml-check.js';

/** As much of a browser's element as the script uses. */
class FakeElement {
  readonly style: { display?: string } = {};
  readonly listeners = new Map<string, (event: object) => void>();
  readonly classes: Set<string>;
  readonly #attributes: Map<string, string>;
  readonly #element: XmlElement;
  readonly #children: FakeElement[];
  textContent: string;

  constructor(element: XmlElement) {
    this.#element = element;
    this.#attributes = new Map(Object.entries(element.attributes));
    this.classes = new Set((element.attributes['class'] ?? '').split(' '));
    this.#children = element.children.map((child) => new FakeElement(child));
    this.textContent = element.text;
  }

  readonly classList = {
    toggle: (name: string, on: boolean) => (on ? this.classes.add(name) : this.classes.delete(name)),
    remove: (name: string) => this.classes.delete(name),
  };

  getAttribute(name: string): string | null {
    return this.#attributes.get(name) ?? null;
  }

  setAttribute(name: string, value: unknown): void {
    this.#attributes.set(name, String(value));
  }

  addEventListener(name: string, listener: (event: object) => void): void {
    this.listeners.set(name, listener);
  }

  appendChild(child: FakeElement): void {
    this.#children.push(child);
  }

  /** `rect`, `g.lane` or `.found`. */
  querySelectorAll(selector: string): FakeElement[] {
    const [name, className] = selector.split('.') as [string, string?];
    return this.#children.flatMap((child) => {
      const matches = (name === '' || child.#element.name === name) && (className === undefined || child.classes.has(className));
      return [...(matches ? [child] : []), ...child.querySelectorAll(selector)];
    });
  }

  querySelector(selector: string): FakeElement | null {
    return this.querySelectorAll(selector)[0] ?? null;
  }
}

class FakeBrowser {
  readonly svg: FakeElement;
  answer = '';
  readonly #listeners = new Map<string, (event: object) => void>();

  constructor(svgText: string) {
    this.svg = new FakeElement(parseXml(svgText));
    const document = {
      currentScript: { ownerSVGElement: this.svg },
      createElementNS: (_space: string, name: string) => new FakeElement({ name, attributes: {}, children: [], text: '' }),
      addEventListener: (name: string, listener: (event: object) => void) => this.#listeners.set(name, listener),
    };
    runInNewContext(svgScript, { document, window: { prompt: () => this.answer } });
  }

  frame(name: string): FakeElement {
    const found = this.svg.querySelectorAll('g.frame').find((frame) => frame.querySelector('title')?.textContent.startsWith(`${name}\n`));
    assert.ok(found, `there is a frame ${name}`);
    return found;
  }

  /** Where it stands and how wide it is; null when it is hidden. */
  place(name: string): readonly [x: number, width: number] | null {
    const frame = this.frame(name);
    const rect = frame.querySelector('rect');
    const number = (attribute: string) => Math.round(Number(rect?.getAttribute(attribute)));
    return frame.style.display === 'none' ? null : [number('x'), number('width')];
  }

  press(key: string): void {
    this.#listeners.get('keydown')?.({ key, preventDefault: () => {} });
  }

  search(text: string): string {
    this.answer = text;
    this.press('/');
    return this.svg.querySelector('.found')?.textContent ?? '';
  }
}

function browser(): FakeBrowser {
  const main = syntheticProfile([
    ['outer;left', 600],
    ['outer;right', 200],
    ['other', 200],
  ]);
  const worker = syntheticProfile([['serveRing;work', 1]]);
  return new FakeBrowser(renderFlameGraph([buildLane('main', [main]), buildLane('worker-1', [worker])], { title: 'test' }));
}

test('a click widens a frame: what it called grows with it, what called it spans the lane, the rest goes', () => {
  const shown = browser();
  shown.frame('right').listeners.get('click')?.({});
  assert.equal(shown.place('right'), [10, 1260]);
  assert.equal(shown.place('outer'), [10, 1260]);
  assert.ok(shown.frame('outer').classes.has('above'));
  assert.is(shown.place('left'), null);
  assert.is(shown.place('other'), null);
  assert.is(shown.frame('right').querySelector('text')?.textContent, 'right');
});

test('a click in one lane leaves the other as it was, and a lane of a thousandth can be widened', () => {
  const shown = browser();
  const before = shown.place('outer');
  shown.frame('serveRing').listeners.get('click')?.({});
  assert.equal(shown.place('work'), [10, 1260]);
  assert.equal(shown.place('worker-1'), [10, 1260]);
  assert.equal(shown.place('outer'), before);
});

test('Escape brings everything back', () => {
  const shown = browser();
  const before = shown.place('left');
  shown.frame('right').listeners.get('click')?.({});
  shown.press('Escape');
  assert.equal(shown.place('left'), before);
  assert.not.ok(shown.frame('outer').classes.has('above'));
});

test('a search marks what matches and adds it up, what lies in a match not twice', () => {
  const shown = browser();
  assert.is(shown.search('left|other'), 'left|other: main 80.0%, worker-1 0.0%');
  assert.ok(shown.frame('left').classes.has('hit') && !shown.frame('right').classes.has('hit'));
  assert.is(shown.search('OUTER|left'), 'OUTER|left: main 80.0%, worker-1 0.0%');
  assert.is(shown.search('('), 'Invalid regular expression: /(/i: Unterminated group');
  assert.is(shown.search(''), '');
  assert.not.ok(shown.frame('left').classes.has('hit'));
});

test('pointing tells the frame', () => {
  const shown = browser();
  shown.frame('left').listeners.get('mouseenter')?.({});
  assert.match(shown.svg.querySelector('.details')?.textContent ?? '', /^left {3}native {3}total 0\.6 ms \(60\.0%\)/);
});

test.run();
