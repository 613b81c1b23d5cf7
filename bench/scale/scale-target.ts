import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EngineConfig, LunConfig, StoreConfig } from '../../engine/config/engine-config.js';
import { TargetError } from '../../engine/errors.js';
import type { TargetRequest, TargetState } from './target-process.js';

const PROGRAM = fileURLToPath(new URL('./target-process.js', import.meta.url));
export const TARGET_NAME = 'iqn.2026-11.io.lunloom:scale';
export const BLOCK_LENGTH_BYTES = 512;
const ANSWER_MS_MAX = 60_000;
const REST_MS_MAX = 5_000;
const REST_LOOK_MS = 50;
/** Written to /proc/PID/clear_refs: the peak of resident memory begins anew. proc(5). */
const RESET_PEAK = '5';

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A configuration of one target; LUNs are numbered in the order of their stores. */
export function configOf(stores: readonly StoreConfig[], options: Partial<Pick<EngineConfig, 'workerCount' | 'execution' | 'limits'>> = {}): EngineConfig {
  const luns = stores.map((store, lun): LunConfig => ({ lun, store, blockLengthBytes: BLOCK_LENGTH_BYTES, readOnly: false }));
  const portals = [{ address: '127.0.0.1', port: 0 }];
  return { portals, targets: [{ name: TARGET_NAME, luns }], execution: 'auto', workerCount: 1, insecure: false, limits: {}, ...options };
}

/** The bench's side of a `target-process`. */
export class ScaleTarget {
  readonly #child: ChildProcess;
  /** The state right after the start. */
  #first: TargetState | null = null;

  /** Throws `TargetError` `BENCH_CONTENDER` when the engine does not start; nothing is left running then. */
  static async start(config: EngineConfig): Promise<ScaleTarget> {
    const target = new ScaleTarget();
    const state = await target.#ask({ kind: 'start', config });
    if (state === null || state.port === 0) {
      await target.stop();
      throw new TargetError('BENCH_CONTENDER', `the engine did not start: ${state?.defects.join('; ') ?? 'no answer'}`);
    }
    target.#first = state;
    return target;
  }

  private constructor() {
    this.#child = fork(PROGRAM, { execArgv: ['--expose-gc'] });
    living.add(this.#child);
    this.#child.once('exit', () => living.delete(this.#child));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get port(): number {
    return this.#first?.port ?? 0;
  }

  url(lun = 0): string {
    return `iscsi://127.0.0.1:${this.port}/${TARGET_NAME}/${lun}`;
  }

  /** Collects garbage in the target, so that memory is what is held. */
  async state(): Promise<TargetState> {
    const state = await this.#ask({ kind: 'state' });
    if (state === null) throw new TargetError('BENCH_CONTENDER', 'the target answered without its state');
    return state;
  }

  /** The peaks of `state` and of resident memory begin anew. */
  async watch(): Promise<void> {
    await this.#ask({ kind: 'watch' });
    writeFileSync(`/proc/${this.pid}/clear_refs`, RESET_PEAK);
  }

  /** Resources that are still held when nobody is logged in any more; empty when there are none. Waits for closes to arrive. */
  async leaks(msMax = REST_MS_MAX): Promise<string[]> {
    const until = performance.now() + msMax;
    for (;;) {
      const { usage, defects } = await this.state();
      const held = Object.entries(usage ?? {}).filter(([, count]) => count !== 0);
      if (held.length === 0 || performance.now() > until) {
        return [...held.map(([name, count]) => `${name} is ${count} after logout`), ...defects.map((defect) => `defect: ${defect}`)];
      }
      await sleep(REST_LOOK_MS);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.connected) this.#child.send({ kind: 'stop' } satisfies TargetRequest);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), REST_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  async #ask(request: TargetRequest): Promise<TargetState | null> {
    const answer = new Promise<TargetState | null>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#child.off('exit', onExit).off('message', onMessage);
        act();
      };
      const onMessage = (state: unknown): void => settle(() => resolve(state as TargetState | null));
      const onExit = (): void => settle(() => reject(new TargetError('BENCH_CONTENDER', `the target ended while it was asked to ${request.kind}`)));
      const timer = setTimeout(() => settle(() => reject(new TargetError('BENCH_CONTENDER', `no answer to ${request.kind}`))), ANSWER_MS_MAX);
      this.#child.once('exit', onExit).once('message', onMessage);
    });
    this.#child.send(request);
    return answer;
  }
}

/** Runs `use` against a target and stops that whatever happens; leaks behind it are told to `failures`. */
export async function withTarget<T>(config: EngineConfig, failures: string[], label: string, use: (target: ScaleTarget) => Promise<T>): Promise<T> {
  const target = await ScaleTarget.start(config);
  try {
    const result = await use(target);
    failures.push(...(await target.leaks()).map((leak) => `${label}: ${leak}`));
    return result;
  } finally {
    await target.stop();
  }
}
