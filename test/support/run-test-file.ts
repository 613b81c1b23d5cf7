import { type ChildProcess, spawn } from 'node:child_process';
import type { TestFile } from './test-files.js';
import { couldNotRunLines, parseUvuSummary } from './uvu-output.js';

export interface FileResult {
  readonly name: string;
  readonly passedCount: number;
  readonly failedCount: number;
  readonly skippedCount: number;
  readonly durationMs: number;
  /** Why the file as a whole failed, apart from tests that uvu reports as failed. Empty when there is nothing to say. */
  readonly faults: readonly string[];
  readonly couldNotRun: readonly string[];
  readonly output: string;
}

/** How the process of a test file ended. */
export interface FileEnd {
  readonly output: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Something it started still held its output open after it had gone. */
  readonly leftProcesses: boolean;
  readonly durationMs: number;
}

/** Output of one file that is kept: what a runaway loop prints must not take the memory of the run. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
/** From the end of the process to the end of its output; longer means that a grandchild holds it. */
const OUTPUT_CLOSE_MS_MAX = 2_000;

const running = new Set<ChildProcess>();

/** Kills a test and what it started; the child leads its own process group for this. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended by itself.
  }
}

/** For a runner that is itself told to end. */
export function killRunningTests(): void {
  for (const child of running) killGroup(child);
}

/** Chunks of which the oldest are let go above the bound: the summary and the failures stand at the end. */
class OutputTail {
  readonly #chunks: Buffer[] = [];
  #lengthBytes = 0;
  #cut = false;
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#lengthBytes += chunk.length;
    while (this.#lengthBytes > OUTPUT_BYTES_MAX && this.#chunks.length > 1) {
      this.#lengthBytes -= (this.#chunks.shift() as Buffer).length;
      this.#cut = true;
    }
  }
  text(): string {
    return `${this.#cut ? '[earlier output cut]\n' : ''}${Buffer.concat(this.#chunks).toString('utf8')}`;
  }
}

function startTest(file: TestFile, root: string): ChildProcess {
  const child = spawn(process.execPath, ['--enable-source-maps', file.compiledPath], {
    cwd: root,
    detached: true,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  return child;
}

function awaitEnd(child: ChildProcess, timeMsMax: number): Promise<FileEnd> {
  const startedAt = performance.now();
  const output = new OutputTail();
  let timedOut = false;
  let leftProcesses = false;
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
  const deadline = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeMsMax);
  return new Promise((resolve) => {
    let closeDeadline: NodeJS.Timeout | undefined;
    const settle = (exitCode: number | null, signal: string | null) => {
      clearTimeout(deadline);
      clearTimeout(closeDeadline);
      running.delete(child);
      resolve({ output: output.text(), exitCode, signal, timedOut, leftProcesses, durationMs: performance.now() - startedAt });
    };
    child.once('error', (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      settle(null, null);
    });
    child.once('exit', (exitCode, signal) => {
      clearTimeout(deadline);
      closeDeadline = setTimeout(() => {
        leftProcesses = true;
        killGroup(child);
        child.stdout?.destroy();
        child.stderr?.destroy();
        settle(exitCode, signal);
      }, OUTPUT_CLOSE_MS_MAX);
    });
    child.once('close', settle);
  });
}

/** Reads the counts and every way in which a file can fail although uvu would have it pass. */
export function judge(name: string, timeMsMax: number, end: FileEnd): FileResult {
  const summary = parseUvuSummary(end.output);
  const { totalCount, passedCount, skippedCount } = summary ?? { totalCount: 0, passedCount: 0, skippedCount: 0 };
  const faults: string[] = [];
  const failedTestCount = totalCount - passedCount;
  if (end.timedOut) {
    const left = summary === null ? '' : '; its tests had all ended: a handle or a timer was left open';
    faults.push(`was killed after ${timeMsMax / 1000} s${left}`);
  } else if (summary === null) faults.push(`ended (${end.signal ?? `exit code ${end.exitCode}`}) without a summary: an unhandled rejection, or no test.run()`);
  else if (end.exitCode !== 0 && failedTestCount === 0) faults.push(`ended with ${end.signal ?? `exit code ${end.exitCode}`} although its tests passed`);
  else if (end.exitCode === 0 && failedTestCount > 0) faults.push('left tests out: uvu is silent about a hook that throws');
  if (summary !== null && totalCount + skippedCount === 0) faults.push('holds no test');
  if (end.leftProcesses) faults.push('left a process behind that held its output open');
  return {
    name,
    passedCount,
    failedCount: Math.max(failedTestCount, faults.length > 0 ? 1 : 0),
    skippedCount,
    durationMs: end.durationMs,
    faults,
    couldNotRun: couldNotRunLines(end.output),
    output: end.output,
  };
}

/** Runs one file in a process of its own. Never rejects: whatever goes wrong is in the result. */
export async function runTestFile(file: TestFile, root: string): Promise<FileResult> {
  return judge(file.name, file.timeMsMax, await awaitEnd(startTest(file, root), file.timeMsMax));
}
