import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeOnly, importsOf, linesOf, withoutComments } from './source-text.js';

test('comments become blanks and lines stay where they are', () => {
  assert.is(withoutComments('a // b\nc /* d\ne */ f'), 'a     \nc     \n     f');
  assert.is(withoutComments("const url = 'http://x'; // y"), "const url = 'http://x';     ");
});

test('strings, templates and regular expressions are no code', () => {
  assert.is(codeOnly("a('console') + `b c` + /e['\"]/.f"), "a('       ') + `   ` + /     /.f");
  // A template with code in it, that holds what would end it: written with a code so that it is no template here.
  assert.is(codeOnly("x(`a \u0024{b('}`')} c`).y"), 'x(`              `).y');
  assert.is(codeOnly('x = a / b / c;'), 'x = a / b / c;');
  assert.is(codeOnly("'it\\'s' + 1"), "'     ' + 1");
  assert.is(codeOnly('return /[/"]/.test(x)'), 'return /    /.test(x)');
});

test('an apostrophe in a comment opens no string', () => {
  assert.match(codeOnly("// it's\nconsole.log(1);"), /console\.log/);
});

test('line numbers count from one', () => assert.equal(linesOf('a\nb\na b', /b/g), [2, 3]));

test('imports of every form are seen, those in comments and strings are not', () => {
  const source = `import { a } from './a.js';
import type { B } from './b.js';
import {
  c,
  d,
} from "./c.js";
import './side.js';
export * from './e.js';
export type { F } from './f.js';
// import { no } from './no.js';
const late = await import('node:fs');
const text = "nothing";
`;
  assert.equal(
    importsOf(source).map(({ specifier, typeOnly }) => `${typeOnly ? 'type ' : ''}${specifier}`),
    ['./a.js', 'type ./b.js', './c.js', './side.js', './e.js', 'type ./f.js', 'node:fs'],
  );
});

test.run();
