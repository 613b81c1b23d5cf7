import { type ChildProcess, spawn } from 'node:child_process';
import { Assertion } from 'uvu/assert';
import { programPath } from '../support/lunloom-process.js';

const WAIT_MS_MAX = 20_000;

export interface CliEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/**
 * The program as somebody types it, with nothing added; `LunloomProcess` is the comfortable one. `wrapper` is a command that ends
 * in running what stands behind it, such as `unshare`, and must do so by exec, so that signals arrive.
 */
export class CliChild {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  /** Resolves when the process is gone and its output is read; never rejects. */
  readonly ended: Promise<CliEnd>;

  constructor(args: readonly string[], wrapper: readonly string[] = []) {
    const [command, ...rest] = [...wrapper, process.execPath, programPath(), ...args] as [string, ...string[]];
    const child = spawn(command, rest, { env: { ...process.env, LUNLOOM_DEBUG: '', NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
    living.add(child);
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#stderr += error.message;
      });
      child.once('close', (exitCode, signal) => {
        living.delete(child);
        resolve({ exitCode, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** The match in what it has written to stdout, as soon as there is one. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const until = performance.now() + WAIT_MS_MAX;
    let gone = false;
    void this.ended.then(() => {
      gone = true;
    });
    for (;;) {
      const match = pattern.exec(this.#stdout);
      if (match !== null) return match;
      if (gone || performance.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const message = `${gone ? 'it ended' : 'it went on'} without printing ${pattern}; stdout:\n${this.#stdout}\nstderr:\n${this.#stderr}`;
    throw new Assertion({ message, operator: 'printed', expects: pattern, actual: this.#stdout });
  }

  /** Ends it with SIGKILL, for clean-up; harmless when it has gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs the program to its end. */
export async function runCli(args: readonly string[]): Promise<CliEnd> {
  const child = new CliChild(args);
  const deadline = setTimeout(() => void child.kill(), WAIT_MS_MAX);
  const end = await child.ended;
  clearTimeout(deadline);
  return end;
}
