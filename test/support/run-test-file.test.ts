import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from './repository-root.js';
import { type FileResult, runTestFile } from './run-test-file.js';

/** The traps of uvu that STYLE.md lists, each as a file that uvu alone would let pass or hang on. */
const test = suite<{ folder: string }>('run-test-file');
const root = repositoryRoot();
const UVU = pathToFileURL(join(root, 'node_modules/uvu/dist/index.mjs')).href;

test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-run-'));
});
test.after((context) => rmSync(context.folder, { recursive: true }));

let fileCount = 0;
function run(folder: string, body: string, timeMsMax = 20_000): Promise<FileResult> {
  const compiledPath = join(folder, `case-${++fileCount}.test.mjs`);
  writeFileSync(compiledPath, `import { test, suite } from ${JSON.stringify(UVU)};\n${body}\n`);
  return runTestFile({ name: 'case', compiledPath, timeMsMax, alone: false }, root);
}
const counts = ({ passedCount, failedCount, skippedCount }: FileResult) => [passedCount, failedCount, skippedCount];

test('passed and skipped tests are counted over all suites of a file', async ({ folder }) => {
  const result = await run(folder, "test('a', () => {}); test.skip('b', () => {}); test.run(); const s = suite('s'); s('c', () => {}); s.run();");
  assert.equal(counts(result), [2, 0, 1]);
  assert.equal(result.faults, []);
});

test('failed tests are counted and their output is kept', async ({ folder }) => {
  const result = await run(folder, "test('good', () => {}); test('bad one', () => { throw new TypeError('oops'); }); test.run();");
  assert.equal(counts(result), [1, 1, 0]);
  assert.equal(result.faults, []);
  assert.match(result.output, /bad one[\s\S]*oops/);
});

test('a file without a test fails', async ({ folder }) => {
  const result = await run(folder, 'test.run();');
  assert.equal(counts(result), [0, 1, 0]);
  assert.match(result.faults.join(), /holds no test/);
});

test('a file that forgets to run its tests fails', async ({ folder }) => {
  const result = await run(folder, "test('a', () => {});");
  assert.equal(counts(result), [0, 1, 0]);
  assert.match(result.faults.join(), /without a summary/);
});

test('a file of skipped tests alone does not fail', async ({ folder }) => {
  assert.equal(counts(await run(folder, "test.skip('a', () => {}); test.run();")), [0, 0, 1]);
});

test('an unhandled rejection fails the file', async ({ folder }) => {
  const result = await run(
    folder,
    "test('a', async () => { Promise.reject(new RangeError('lost')); await new Promise((r) => setTimeout(r, 50)); }); test.run();",
  );
  assert.equal(counts(result), [0, 1, 0]);
  assert.match(result.output, /lost/);
});

test('a promise that never settles fails the file', async ({ folder }) => {
  assert.equal(counts(await run(folder, "test('a', () => new Promise(() => {})); test.run();")), [0, 1, 0]);
});

test('a hook that throws fails the file although uvu swallows it', async ({ folder }) => {
  const result = await run(folder, "test.before(() => { throw new TypeError('no folder'); }); test('a', () => {}); test.run();");
  assert.equal(counts(result), [0, 1, 0]);
  assert.match(result.faults.join(), /hook that throws/);
});

test('an exit code of its own fails the file', async ({ folder }) => {
  const result = await run(folder, "test('a', () => {}); test.run(); process.on('exit', () => { process.exitCode = 3; });");
  assert.equal(counts(result), [1, 1, 0]);
});

test('a file that takes too long is killed', async ({ folder }) => {
  const result = await run(folder, "test('a', () => { for (;;); }); test.run();", 500);
  assert.equal(counts(result), [0, 1, 0]);
  assert.match(result.faults.join(), /killed after 0.5 s$/);
});

test('an open handle is named as the reason of a time-out', async ({ folder }) => {
  const result = await run(folder, "test('a', () => {}); test.run(); setInterval(() => {}, 1000);", 1500);
  assert.equal(counts(result), [1, 1, 0]);
  assert.match(result.faults.join(), /handle or a timer was left open/);
});

/** A zombie counts as dead: in a container nobody may reap what was orphaned. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  if (existsSync('/proc/self/stat')) return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'latin1'));
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a process left behind is killed and fails the file', async ({ folder }) => {
  const body = `import { spawn } from 'node:child_process';
    test('a', () => {
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'inherit' });
      child.unref();
      console.log('pid=' + child.pid + ';');
    });
    test.run();`;
  const result = await run(folder, body);
  assert.equal(counts(result), [1, 1, 0]);
  assert.match(result.faults.join(), /left a process behind/);
  const pid = Number(/pid=(\d+);/.exec(result.output)?.[1]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.not(isAlive(pid));
});

test('reasons of left-out tests are handed on', async ({ folder }) => {
  const result = await run(folder, "console.log('could not run: x, this machine lacks y'); test.skip('x', () => {}); test.run();");
  assert.equal(result.couldNotRun, ['could not run: x, this machine lacks y']);
});

test.run();
