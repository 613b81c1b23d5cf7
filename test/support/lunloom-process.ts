import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Assertion } from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';

/** How long the process may take to its ready line: a loaded machine of two cores starts its workers in well under a second. */
const READY_MS_MAX = 20_000;
/** Longer than the engine's own `drainMsMax` with what lingers after it. */
const STOP_MS_MAX = 15_000;
/** Of stderr; what a loop of warnings prints must not take the memory of the test. */
const STDERR_LENGTH_MAX = 256 * 1024;

export interface LunloomOptions {
  /** Behind `serve`: options such as `--lun`, `0=ram:64MiB`. `--json` is always given, and `--portal` unless `portals` is empty. */
  readonly args?: readonly string[];
  /** A configuration in the shape of the YAML file, put into a temporary file of its own. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** `127.0.0.1:0` unless told. An empty list leaves the portals to `config` or to the default of `serve`. */
  readonly portals?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  readonly readyMsMax?: number;
}

export interface LunloomLun {
  readonly lun: number;
  readonly store: string;
  readonly sizeBytes: number;
  readonly blockLengthBytes: number;
  readonly readOnly: boolean;
  readonly execution: string;
}

export interface LunloomTarget {
  readonly name: string;
  readonly luns: readonly LunloomLun[];
}

/** How the process ended. */
export interface LunloomEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

type ServeEvent = Readonly<Record<string, unknown>> & { readonly event: string };
interface ReadyEvent {
  readonly portals: readonly string[];
  readonly targets: readonly LunloomTarget[];
}

/** Children that live, so that a test that throws before its `stop` leaves none behind. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/**
 * The script to run: `bin/lunloom.js` of the package when the test was compiled to its `dist`, otherwise the entry point in the
 * private tree that the test belongs to, so that a test never meets an engine other than the one it was compiled with.
 */
export function programPath(): string {
  const compiled = fileURLToPath(new URL('../../', import.meta.url));
  const bin = join(compiled, '..', 'bin', 'lunloom.js');
  return compiled.endsWith('/dist/') && existsSync(bin) ? bin : join(compiled, 'cli', 'main.js');
}

function portalArgs(portals: readonly string[]): string[] {
  return portals.flatMap((portal) => ['--portal', portal]);
}

/** `127.0.0.1:3260` or `[::1]:3260`; the address comes without its brackets. */
function splitPortal(portal: string): { readonly address: string; readonly port: number } {
  const colon = portal.lastIndexOf(':');
  return { address: portal.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(portal.slice(colon + 1)) };
}

/** `lunloom serve` as a child process. Made by `start`, or by `withLunloom`, which cannot forget to stop it. */
export class LunloomProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #folder: string | null;
  readonly #events: ServeEvent[] = [];
  #stderr = '';
  #ready: ReadyEvent = { portals: [], targets: [] };
  /** Resolves when the process is gone and all that it wrote has been read; never rejects. */
  readonly ended: Promise<LunloomEnd>;

  /**
   * Starts it and waits for the ready line. Throws `TargetError` `LUNLOOM_NOT_READY`, with what it wrote to stderr, when it ends
   * before that or takes longer than `readyMsMax`; nothing is left running then.
   */
  static async start(options: LunloomOptions = {}): Promise<LunloomProcess> {
    const started = new LunloomProcess(options);
    try {
      await started.#waitUntilReady(options.readyMsMax ?? READY_MS_MAX);
    } catch (error) {
      await started.kill();
      throw error;
    }
    return started;
  }

  private constructor(options: LunloomOptions) {
    const args = ['serve', '--json', ...portalArgs(options.portals ?? ['127.0.0.1:0']), ...(options.args ?? [])];
    this.#folder = options.config === undefined ? null : mkdtempSync(join(tmpdir(), 'lunloom-serve-'));
    if (this.#folder !== null) {
      const file = join(this.#folder, 'lunloom.yaml');
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(options.config));
      args.push(file);
    }
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), '--enable-source-maps', programPath(), ...args], {
      cwd: options.cwd,
      env: { ...process.env, LUNLOOM_DEBUG: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    living.add(child);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout }).on('line', (line) => this.#events.push(parseEvent(line)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LENGTH_MAX);
    });
    this.ended = this.#awaitEnd();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** As bound, as text: `127.0.0.1:41234`. */
  get portals(): readonly string[] {
    return this.#ready.portals;
  }

  /** The first portal. */
  get address(): string {
    return splitPortal(this.#ready.portals[0] as string).address;
  }

  get port(): number {
    return splitPortal(this.#ready.portals[0] as string).port;
  }

  get targets(): readonly LunloomTarget[] {
    return this.#ready.targets;
  }

  /** The name of the first target. */
  get targetName(): string {
    return (this.#ready.targets[0] as LunloomTarget).name;
  }

  /** Every JSON line so far, the ready one included. */
  get events(): readonly ServeEvent[] {
    return this.#events;
  }

  /** What it wrote to stderr so far; of a great deal the end. */
  get stderr(): string {
    return this.#stderr;
  }

  /** `iscsi://127.0.0.1:41234`, as discovery wants it. */
  portalUrl(portalIndex = 0): string {
    return `iscsi://${this.#ready.portals[portalIndex]}`;
  }

  /** `iscsi://127.0.0.1:41234/iqn…/0`, the form that libiscsi and QEMU understand. */
  url(lun = 0, targetName = this.targetName, portalIndex = 0): string {
    return `${this.portalUrl(portalIndex)}/${targetName}/${lun}`;
  }

  /**
   * Asks it to stop as an operator would, with SIGTERM. Throws `TargetError` `LUNLOOM_DID_NOT_STOP` after `stopMsMax`, when it
   * has been killed.
   */
  async stop(stopMsMax: number = STOP_MS_MAX): Promise<LunloomEnd> {
    this.#child.kill('SIGTERM');
    let timedOut = false;
    const deadline = setTimeout(() => {
      timedOut = true;
      this.#child.kill('SIGKILL');
    }, stopMsMax);
    const end = await this.ended;
    clearTimeout(deadline);
    if (timedOut) throw new TargetError('LUNLOOM_DID_NOT_STOP', `it was killed ${stopMsMax} ms after SIGTERM${this.#stderrText()}`);
    return end;
  }

  /** Ends it with SIGKILL, as a crash or the lack of power would. */
  async kill(): Promise<LunloomEnd> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  #awaitEnd(): Promise<LunloomEnd> {
    return new Promise((resolve) => {
      const settle = (exitCode: number | null, signal: NodeJS.Signals | null) => {
        living.delete(this.#child);
        if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
        resolve({ exitCode, signal });
      };
      this.#child.once('error', (error) => {
        this.#stderr += error.message;
        settle(null, null);
      });
      this.#child.once('close', settle);
    });
  }

  async #waitUntilReady(readyMsMax: number): Promise<void> {
    let cancel = () => {};
    const outcome = await Promise.race([
      new Promise<'line'>((resolve) => this.#lines.once('line', () => resolve('line'))),
      this.ended.then((end) => `ended (${end.signal ?? `exit code ${end.exitCode}`})`),
      new Promise<string>((resolve) => {
        const timer = setTimeout(() => resolve(`was not ready after ${readyMsMax} ms`), readyMsMax);
        cancel = () => clearTimeout(timer);
      }),
    ]);
    cancel();
    const [first] = this.#events;
    if (outcome !== 'line' || first?.event !== 'ready') {
      const what = outcome === 'line' ? `began with ${JSON.stringify(first)}` : outcome;
      throw new TargetError('LUNLOOM_NOT_READY', `lunloom serve ${what}${this.#stderrText()}`);
    }
    this.#ready = first as unknown as ReadyEvent;
  }

  #stderrText(): string {
    return this.#stderr === '' ? '' : `; its stderr:\n${this.#stderr.trimEnd()}`;
  }
}

/** A line that is no JSON is kept as an event of its own, so that tests see it. */
function parseEvent(line: string): ServeEvent {
  try {
    return JSON.parse(line) as ServeEvent;
  } catch {
    return { event: 'not JSON', line };
  }
}

/**
 * Serves while `use` runs and stops whatever happens. Also fails when the process did not stop cleanly or had anything to say
 * on stderr: a fault that the engine survives is printed there and nowhere else.
 */
export async function withLunloom<T>(options: LunloomOptions, use: (lunloom: LunloomProcess) => Promise<T>): Promise<T> {
  const lunloom = await LunloomProcess.start(options);
  let result: T;
  try {
    result = await use(lunloom);
  } catch (error) {
    await lunloom.kill();
    if (lunloom.stderr !== '') process.stdout.write(`\nstderr of lunloom serve:\n${lunloom.stderr.trimEnd()}\n`);
    throw error;
  }
  const { exitCode, signal } = await lunloom.stop();
  if (exitCode !== 0 || lunloom.stderr !== '') {
    const message = `lunloom serve ended with ${signal ?? `exit code ${exitCode}`} and this on stderr: ${lunloom.stderr.trimEnd() || '(nothing)'}`;
    throw new Assertion({ message, operator: 'cleanStop', expects: { exitCode: 0, stderr: '' }, actual: { exitCode, stderr: lunloom.stderr } });
  }
  return result;
}
