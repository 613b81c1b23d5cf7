import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from '../support/repository-root.js';
import { renderConformance } from './rfc7143/report.js';
import { conformanceRows } from './rfc7143.js';
import { hasTestNamed } from './test-names.js';

const root = repositoryRoot();
const sources = new Map<string, string | null>();

function sourceOf(file: string): string | null {
  const known = sources.get(file);
  if (known !== undefined) return known;
  const path = join(root, file);
  const source = existsSync(path) ? readFileSync(path, 'utf8') : null;
  sources.set(file, source);
  return source;
}

test('every test that a row names is there', () => {
  const missing = conformanceRows.flatMap(({ section, tests }) =>
    tests.flatMap(({ file, name }) => {
      const source = sourceOf(file);
      if (source === null) return [`§${section}: there is no ${file}`];
      return hasTestNamed(source, name) ? [] : [`§${section}: ${file} has no test "${name}"`];
    }),
  );
  assert.equal(missing, []);
});

test('a row has tests, or a reason why not', () => {
  const faults = conformanceRows.filter(({ tests, uncovered = '' }) => (tests.length === 0) === uncovered.length < 20);
  assert.equal(
    faults.map(({ section, text }) => `§${section} ${text}`),
    [],
  );
});

test('the list is of some length, and no row stands twice', () => {
  assert.ok(conformanceRows.length >= 150, `${conformanceRows.length} rows`);
  const keys = conformanceRows.map(({ section, text }) => `${section} ${text}`);
  assert.equal(
    keys.filter((key, index) => keys.indexOf(key) !== index),
    [],
  );
});

test('sections are those that there are, in their order', () => {
  for (const { section } of conformanceRows) assert.match(section, /^(?:(?:[4-9]|1[0-3])(?:\.\d+){0,4}|C|7144-\d(?:\.\d)*)$/, section);
  const chapters = conformanceRows.map(({ section }) => (/^\d+(?:\.|$)/.test(section) ? Number.parseInt(section, 10) : 14));
  assert.equal(
    chapters,
    chapters.toSorted((a, b) => a - b),
  );
});

test('the report counts covered and uncovered rows of each section, and tells every reason', () => {
  const report = renderConformance(conformanceRows);
  const covered = conformanceRows.filter(({ tests }) => tests.length > 0).length;
  assert.match(report, new RegExp(`^all +${conformanceRows.length} +${covered} +${conformanceRows.length - covered}$`, 'm'));
  for (const { uncovered } of conformanceRows) if (uncovered !== undefined) assert.ok(report.includes(uncovered), uncovered);
});

const SOURCE = [
  "test('a plain name', () => {});",
  "peerTest('it’s \\'quoted\\'', ['x'], run);",
  'for (const line of [`the first`, `the second`]) {',
  `  test(\`\${line} is rejected (\${count}), as \${JSON.stringify({ a: 1 })} wants\`, () => {});`,
  '}',
  `attack(scene, 'behind a scene', run); test(\`\${name}\`, run);`,
].join('\n');

test('names are found in literals and templates, and others are not', () => {
  assert.ok(hasTestNamed(SOURCE, 'a plain name'));
  assert.ok(hasTestNamed(SOURCE, "it’s 'quoted'"));
  assert.ok(hasTestNamed(SOURCE, 'the second is rejected (7), as it wants'));
  assert.ok(hasTestNamed(SOURCE, 'behind a scene'));
  // What fills the hole stands nowhere in the file.
  assert.not.ok(hasTestNamed(SOURCE, 'another is rejected (7), as it wants'));
  assert.not.ok(hasTestNamed(SOURCE, 'a plain'));
  assert.not.ok(hasTestNamed(SOURCE, 'any name there could be'));
});

test.run();
