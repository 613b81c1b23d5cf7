import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetError } from '../../engine/errors.js';

/** Output of a child that is kept for messages and parsing; the oldest goes first. */
const OUTPUT_CHARS_MAX = 256 * 1024;
const STOP_MS_MAX = 3_000;

const running = new Set<Child>();

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A process that we started and that ends with us. */
export class Child {
  stdout = '';
  stderr = '';
  readonly label: string;
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  #end: ChildEnd | null = null;
  #onOutput: () => void = () => {};

  constructor(label: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.label = label;
    this.#process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    running.add(this);
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_CHARS_MAX);
      this.#onOutput();
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_CHARS_MAX);
    });
    this.ended = new Promise((resolve) => {
      const settle = (exitCode: number | null, signal: string | null): void => {
        this.#end = { exitCode, signal };
        running.delete(this);
        this.#onOutput();
        resolve(this.#end);
      };
      this.#process.once('error', (error) => {
        this.stderr += `${error.message}\n`;
        settle(null, null);
      });
      // Not `exit`: what it printed last must have arrived.
      this.#process.once('close', settle);
    });
  }

  /** 0 when it could not even be started; `ended` has settled then. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#end !== null;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.hasEnded) this.#process.kill(signal);
  }

  /** Asks with `signal`, and after a while no longer asks. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.kill(signal);
    await Promise.race([this.ended, sleep(STOP_MS_MAX, undefined, { ref: false })]);
    this.kill('SIGKILL');
    await this.ended;
  }

  /** The first complete line on stdout. Rejects with `BENCH_CONTENDER` when the process ends or `ms` pass before. */
  async firstLine(msMax: number): Promise<string> {
    const expired = sleep(msMax, true, { ref: false });
    while (!this.stdout.includes('\n')) {
      if (this.hasEnded) throw new TargetError('BENCH_CONTENDER', `${this.label} ended at once: ${this.lastWords()}`);
      const heard = new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
      if (await Promise.race([heard, expired])) throw new TargetError('BENCH_CONTENDER', `${this.label} said nothing for ${msMax} ms`);
    }
    return this.stdout.slice(0, this.stdout.indexOf('\n'));
  }

  /** What it said last, for a message. */
  lastWords(): string {
    const words = (this.stderr.trim() || this.stdout.trim()).split('\n').slice(-3).join('; ');
    return words === '' ? `${this.label} said nothing` : words;
  }
}

/** Runs a program to its end. Never rejects: a program that takes longer than `msMax` is killed, which its `signal` tells. */
export async function runToEnd(label: string, program: string, args: readonly string[], msMax: number, env: NodeJS.ProcessEnv = {}): Promise<Child & ChildEnd> {
  const child = new Child(label, program, args, env);
  const timer = setTimeout(() => child.kill('SIGKILL'), msMax);
  const end = await child.ended;
  clearTimeout(timer);
  return Object.assign(child, end);
}

/** For a bench that is itself told to end. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}
