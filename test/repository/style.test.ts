import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeFiles, readSource, repositoryFiles } from './source-files.js';
import { codeOnly, linesOf } from './source-text.js';

const LINE_LENGTH_MAX = 160;
const FILE_LINE_COUNT_MAX = 500;
/** The only places that talk to a terminal. */
const MAY_USE_CONSOLE = /^(?:cli|bin|bench|test|flamegraphs|examples|\.ci)\//;
const SHELL_PATTERN = /\.sh$|^\.ci\//;
const TEST_PATTERN = /\.test\.ts$/;

const codeOf = new Map(codeFiles.map((path) => [path, codeOnly(readSource(path))]));

/** `path:line` of each match in the code of the files, comments and strings left out. */
function occurrences(pattern: RegExp, where: (path: string) => boolean = () => true): string[] {
  return [...codeOf].filter(([path]) => where(path)).flatMap(([path, code]) => linesOf(code, pattern).map((line) => `${path}:${line}`));
}

test(`no line of code is longer than ${LINE_LENGTH_MAX} characters`, () => {
  const files = repositoryFiles.filter((path) => codeFiles.includes(path) || SHELL_PATTERN.test(path));
  const faults = files.flatMap((path) =>
    readSource(path)
      .split('\n')
      .flatMap((line, i) => (line.length > LINE_LENGTH_MAX ? [`${path}:${i + 1} has ${line.length}`] : [])),
  );
  assert.equal(faults, []);
});

test(`no file of code is longer than ${FILE_LINE_COUNT_MAX} lines`, () => {
  const faults = codeFiles.map((path) => [path, readSource(path).trimEnd().split('\n').length] as const).filter(([, count]) => count > FILE_LINE_COUNT_MAX);
  assert.equal(faults, []);
});

test('file names are kebab-case', () => {
  assert.equal(
    codeFiles.filter((path) => !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.config)?\.\w+$/.test(path.split('/').at(-1) as string)),
    [],
  );
});

test('the console is for programs, not for the engine', () => {
  assert.equal(
    occurrences(/\bconsole\s*\./g, (path) => !MAY_USE_CONSOLE.test(path)),
    [],
  );
});

test('no test is singled out', () => {
  assert.equal(
    occurrences(/\.only\s*\(/g, (path) => TEST_PATTERN.test(path)),
    [],
  );
});

test('the language is erasable: no enum, no namespace', () => {
  assert.equal(occurrences(/^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/gm), []);
  assert.equal(occurrences(/^\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/gm), []);
});

test('errors say what kind they are', () => {
  assert.equal(
    occurrences(/\bthrow\s+(?:new\s+)?Error\s*\(/g, (path) => !path.startsWith('test/')),
    [],
  );
});

test('nothing is `any`', () => {
  assert.equal(
    occurrences(/[:<,|&]\s*any\b(?!\s*\()/g, (path) => path.endsWith('.ts')),
    [],
  );
});

test('each test file runs every suite that it declares, at its end', () => {
  const faults: string[] = [];
  for (const [path, code] of codeOf) {
    if (!TEST_PATTERN.test(path)) continue;
    const declared = [...code.matchAll(/\bconst\s+(\w+)\s*=\s*suite\b/g)].map((match) => match[1] as string);
    if (/\bimport\s*\{[^}]*\btest\b[^}]*\}\s*from\s*' *'/.test(code) && !declared.includes('test')) declared.push('test');
    for (const name of declared) if (!new RegExp(`^${name}\\.run\\(\\);`, 'm').test(code)) faults.push(`${path}: no ${name}.run();`);
    if (!/\.run\(\);\s*$/.test(code)) faults.push(`${path}: what follows run() does not run`);
  }
  assert.equal(faults, []);
});

test.run();
