import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from './support/debian-packages.js';
import { repositoryRoot } from './support/repository-root.js';
import { type FileResult, killRunningTests, runTestFile } from './support/run-test-file.js';
import { findTestFiles, type TestFile } from './support/test-files.js';

/**
 * Runs the compiled tests, one process a file:
 *
 *     node dist/test/run.js [--list] [part of a path …]
 *
 * A file fails when a test of it fails and also when it holds no test, ends without uvu's summary, leaves a process behind or takes
 * longer than 120 s (or than its own `// test-timeout: <n> s`). The last line is `N passed, N failed, N skipped`; the exit code is
 * 1 when anything failed or nothing ran.
 */

/** More would only make time-outs of the scenarios that start an engine with workers of its own. */
const FILES_AT_ONCE = 2;
/** Their tests ask foreign programs. */
const PEER_FOLDERS = ['test/e2e/', 'test/conformance/'];

function countsText(result: FileResult): string {
  const skipped = result.skippedCount === 0 ? '' : `, ${result.skippedCount} skipped`;
  return `${result.passedCount} passed${skipped}, ${(result.durationMs / 1000).toFixed(1)} s`;
}

function report(result: FileResult): void {
  if (result.failedCount === 0) {
    console.log(`ok    ${result.name} (${countsText(result)})`);
  } else {
    console.log(`FAIL  ${result.name} (${result.failedCount} failed, ${countsText(result)})`);
    console.log(result.output.trimEnd());
    for (const fault of result.faults) console.log(`      ${result.name} ${fault}`);
  }
}

async function runAll(files: readonly TestFile[], filesAtOnce: number, root: string): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = [...files];
  async function lane(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runTestFile(file, root);
      report(result);
      results.push(result);
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, lane));
  return results;
}

function matches(name: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some((filter) => name.includes(filter));
}

/** Prints what was left out and the totals; answers the exit code. */
function summarize(results: readonly FileResult[], uncompiled: readonly string[], missingPackages: readonly string[]): number {
  const sum = (count: (result: FileResult) => number) => results.reduce((total, result) => total + count(result), 0);
  const couldNotRun = results.flatMap((result) => result.couldNotRun.map((line) => `${result.name}: ${line}`));
  for (const line of [...missingPackages, ...couldNotRun]) console.log(line);
  for (const name of uncompiled) console.log(`FAIL  ${name} was not compiled: build first (delete dist/ when that does not help)`);
  const failedNames = results.filter((result) => result.failedCount > 0).map((result) => result.name);
  if (failedNames.length > 0) console.log(`failed: ${failedNames.join(' ')}`);
  if (results.length === 0) console.log('no test file matches: nothing ran');
  const failedCount = sum((result) => result.failedCount) + uncompiled.length;
  console.log(`${sum((result) => result.passedCount)} passed, ${failedCount} failed, ${sum((result) => result.skippedCount)} skipped`);
  return failedCount > 0 || results.length === 0 ? 1 : 0;
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: { list: { type: 'boolean', default: false } }, allowPositionals: true });
  const root = repositoryRoot();
  const found = findTestFiles(root, dirname(fileURLToPath(import.meta.url)));
  const files = found.files.filter((file) => matches(file.name, positionals));
  if (values.list) {
    for (const file of files) console.log(file.name);
    return files.length === 0 ? 1 : 0;
  }
  const missingPackages = files.some((file) => PEER_FOLDERS.some((folder) => file.name.startsWith(folder))) ? await installPeers() : [];
  const together = files.filter((file) => !file.alone);
  const results = await runAll(together, FILES_AT_ONCE, root);
  const alone = files.filter((file) => file.alone);
  results.push(...(await runAll(alone, 1, root)));
  const uncompiled = found.uncompiled.filter((name) => matches(name, positionals));
  return summarize(results, uncompiled, missingPackages);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killRunningTests();
    process.exit(1);
  });
}

process.exitCode = await main(process.argv.slice(2));
