import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../bench/compare/child-process.js';
import { TargetError } from '../engine/errors.js';
import type { Scenario } from './scenarios.js';

/** The compiled program next to this compiled file, whatever folder both were compiled to. */
export const PROGRAM = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const TARGET_NAME = 'iqn.2026-11.io.lunloom:flame';
const START_MS_MAX = 30_000;
const LOOK_MS = 50;

/** A process that serves the target of a scenario. */
export interface ServedTarget {
  readonly child: Child;
  readonly url: string;
  readonly controlPath: string;
  /** Ends it and removes what it left. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts `lunloom serve` for a scenario; `wrapper` is a command line that runs node with what follows it. Rejects with `TargetError`
 * `BENCH_CONTENDER` when it does not come up.
 */
export async function serveScenario(scenario: Scenario, wrapper: readonly string[] = [process.execPath], env: NodeJS.ProcessEnv = {}): Promise<ServedTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-flame-'));
  const store = scenario.store.replace('{file}', join(folder, 'disk.img'));
  const where = ['--portal', '127.0.0.1:0', '--target', TARGET_NAME, '--control', join(folder, 'control.sock')];
  const [command = process.execPath, ...nodeArgs] = wrapper;
  const serve = ['serve', '--json', ...where, '--lun', `0=${store}`, '--execution', scenario.execution];
  const child = new Child('the target', command, [...nodeArgs, PROGRAM, ...serve], env);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    await child.stop(signal);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const ready = (await readyEvent(child)) as { readonly portals?: readonly string[]; readonly control?: string | null };
    const portal = ready.portals?.[0];
    if (portal === undefined || typeof ready.control !== 'string') throw new TargetError('BENCH_CONTENDER', `the target is not ready: ${child.lastWords()}`);
    return { child, url: `iscsi://${portal}/${TARGET_NAME}/0`, controlPath: ready.control, stop };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
}

/** The first line of JSON: a program around the target may speak before it. */
async function readyEvent(child: Child): Promise<unknown> {
  await child.firstLine(START_MS_MAX);
  for (let waitedMs = 0; waitedMs < START_MS_MAX && !child.hasEnded; waitedMs += LOOK_MS) {
    const line = child.stdout
      .split('\n')
      .slice(0, -1)
      .find((text) => text.startsWith('{'));
    if (line !== undefined) return JSON.parse(line);
    await sleep(LOOK_MS);
  }
  throw new TargetError('BENCH_CONTENDER', `the target did not say that it is ready: ${child.lastWords()}`);
}
