import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** One test file: its source, its compiled form and how it wants to be run. */
export interface TestFile {
  /** Path of the source from the root of the repository, with `/`: `test/engine/pdu/nop.test.ts`. */
  readonly name: string;
  readonly compiledPath: string;
  readonly timeMsMax: number;
  /** Runs after the others, with nothing beside it. */
  readonly alone: boolean;
}

const TIME_MS_MAX_DEFAULT = 120_000;
const TIMEOUT_PATTERN = /^\/\/ test-timeout: (\d+) s\b/m;
const ALONE_PATTERN = /^\/\/ test-alone\b/m;
/** Of a file in one of the folders below that mostly waits and holds nothing to a deadline. */
const BESIDE_PATTERN = /^\/\/ test-beside\b/m;
/** These start whole engines, foreign clients or measure time: beside others they would fail or lie. */
const ALONE_FOLDERS = ['test/e2e/', 'test/bench/'];
const COMPILED_SUFFIX = '.test.js';
const SOURCE_SUFFIX = '.test.ts';

function walk(folder: string, suffix: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(suffix));
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
}

/** Removes what the compiler once made of a test that is gone; else it would pass for ever. */
function removeStale(compiledPath: string): void {
  for (const path of [compiledPath, `${compiledPath}.map`, compiledPath.replace(/\.js$/, '.d.ts')]) rmSync(path, { force: true });
}

function describeFile(name: string, sourcePath: string, compiledPath: string): TestFile {
  const source = readFileSync(sourcePath, 'utf8');
  const seconds = TIMEOUT_PATTERN.exec(source)?.[1];
  return {
    name,
    compiledPath,
    timeMsMax: seconds === undefined ? TIME_MS_MAX_DEFAULT : Number(seconds) * 1000,
    alone: (ALONE_FOLDERS.some((folder) => name.startsWith(folder)) && !BESIDE_PATTERN.test(source)) || ALONE_PATTERN.test(source),
  };
}

/**
 * Every compiled test below `compiledFolder` whose source still stands below `<root>/test`; stale ones are deleted.
 * `uncompiled` names the sources that have no compiled form, which means that the build did not do its work.
 */
export function findTestFiles(root: string, compiledFolder: string): { readonly files: TestFile[]; readonly uncompiled: string[] } {
  const files: TestFile[] = [];
  for (const compiled of walk(compiledFolder, COMPILED_SUFFIX)) {
    const name = `test/${compiled.slice(0, -COMPILED_SUFFIX.length)}${SOURCE_SUFFIX}`;
    const sourcePath = join(root, name);
    const compiledPath = join(compiledFolder, compiled);
    if (existsSync(sourcePath)) files.push(describeFile(name, sourcePath, compiledPath));
    else removeStale(compiledPath);
  }
  const found = new Set(files.map((file) => file.name));
  const sources = walk(join(root, 'test'), SOURCE_SUFFIX).map((path) => `test/${path}`);
  return { files, uncompiled: sources.filter((name) => !found.has(name)) };
}
