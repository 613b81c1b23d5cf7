import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findTestFiles } from './test-files.js';

const test = suite<{ root: string }>('test-files');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'lunloom-files-'));
});
test.after.each((context) => rmSync(context.root, { recursive: true }));

function put(root: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}
const find = (root: string) => findTestFiles(root, join(root, 'dist/test'));

test('compiled tests are found at any depth and declarations are not', ({ root }) => {
  put(root, { 'test/a.test.ts': '', 'test/x/y/b.test.ts': '', 'test/x/helper.ts': '' });
  put(root, { 'dist/test/a.test.js': '', 'dist/test/a.test.d.ts': '', 'dist/test/x/y/b.test.js': '', 'dist/test/x/helper.js': '' });
  assert.equal(
    find(root).files.map((file) => file.name),
    ['test/a.test.ts', 'test/x/y/b.test.ts'],
  );
});

test('what was compiled of a test that is gone does not run and is deleted', ({ root }) => {
  put(root, { 'test/a.test.ts': '', 'dist/test/a.test.js': '' });
  put(root, { 'dist/test/old.test.js': '', 'dist/test/old.test.js.map': '', 'dist/test/old.test.d.ts': '' });
  assert.is(find(root).files.length, 1);
  for (const suffix of ['.js', '.js.map', '.d.ts']) assert.not(existsSync(join(root, `dist/test/old.test${suffix}`)));
  assert.ok(existsSync(join(root, 'dist/test/a.test.js')));
});

test('a source that was not compiled is named', ({ root }) => {
  put(root, { 'test/a.test.ts': '', 'test/e/b.test.ts': '', 'dist/test/a.test.js': '' });
  assert.equal(find(root).uncompiled, ['test/e/b.test.ts']);
});

test('a file sets its own time-out and asks to run alone, or beside others, by comments', ({ root }) => {
  put(root, { 'test/a.test.ts': '', 'test/b.test.ts': "import 'uvu';\n// test-timeout: 300 s\n// test-alone: it measures time\n", 'test/e2e/c.test.ts': '' });
  put(root, { 'test/e2e/d.test.ts': '// test-beside: it waits\n', 'dist/test/e2e/d.test.js': '' });
  put(root, { 'dist/test/a.test.js': '', 'dist/test/b.test.js': '', 'dist/test/e2e/c.test.js': '' });
  assert.equal(
    find(root).files.map((file) => [file.name, file.timeMsMax, file.alone]),
    [
      ['test/a.test.ts', 120_000, false],
      ['test/b.test.ts', 300_000, true],
      ['test/e2e/c.test.ts', 120_000, true],
      ['test/e2e/d.test.ts', 120_000, false],
    ],
  );
});

test('no folder means no file', ({ root }) => {
  assert.equal(find(root), { files: [], uncompiled: [] });
});

test.run();
