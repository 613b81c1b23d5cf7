import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Assertion } from 'uvu/assert';
import { peerPath } from '../support/debian-packages.js';
import { COULD_NOT_RUN } from '../support/uvu-output.js';

const ATTACH_MS_MAX = 10_000;
/** The kernel lets only some processes trace others, and containers often none. */
const REFUSED_PATTERN = /Operation not permitted|ptrace\(PTRACE_SEIZE|not permitted/i;

export interface StraceOptions {
  /** System calls to trace. */
  readonly calls: readonly string[];
  /** Only calls that touch this file. */
  readonly path: string;
  /** As strace's own `inject=`: `pread64:error=EIO:when=1`. */
  readonly inject?: string;
}

/**
 * Traces every thread of a process while `use` runs, and answers the lines in the order in which the calls ended. Answers null,
 * with a line for the test runner, when this machine does not allow it and nobody insists (`CI=true`).
 */
export async function withStrace(pid: number, options: StraceOptions, use: () => Promise<void>): Promise<string[] | null> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-strace-'));
  const output = join(folder, 'trace');
  const inject = options.inject === undefined ? [] : ['-e', `inject=${options.inject}`];
  // -y prints what a descriptor leads to.
  const args = ['-f', '-y', '-p', String(pid), '-P', options.path, '-e', `trace=${options.calls.join(',')}`, ...inject, '-o', output];
  const child = spawn(peerPath('strace') ?? 'strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    const refusal = await waitUntilAttached(child.stderr, ended);
    if (refusal !== null) {
      if (process.env['CI'] === 'true' || process.env['CI'] === '1') throw new Assertion({ message: refusal, operator: 'strace', expects: '', actual: '' });
      process.stdout.write(`\n${COULD_NOT_RUN} what needs strace: ${refusal}\n`);
      return null;
    }
    await use();
    await letGo(child, ended);
    return readFileSync(output, 'utf8').split('\n');
  } finally {
    await letGo(child, ended);
    rmSync(folder, { recursive: true });
  }
}

/** It lets the process go on and writes what it still holds. */
async function letGo(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGINT');
  await ended;
}

async function waitUntilAttached(stderr: NodeJS.ReadableStream, ended: Promise<void>): Promise<string | null> {
  let text = '';
  let cancel = () => {};
  const attached = new Promise<boolean>((resolve) => {
    stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (/attached/.test(text)) resolve(true);
    });
    const timer = setTimeout(() => resolve(false), ATTACH_MS_MAX);
    cancel = () => clearTimeout(timer);
    void ended.then(() => resolve(false));
  });
  const succeeded = await attached;
  cancel();
  if (succeeded && !REFUSED_PATTERN.test(text)) return null;
  return `strace does not attach: ${text.trim()}`;
}
