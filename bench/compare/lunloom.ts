import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';
import { Child } from './child-process.js';
import type { Contender, RunningContender } from './model.js';

/** The compiled program next to this compiled file, whatever folder both were compiled to. */
const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench';
const START_MS_MAX = 20_000;

interface ReadyEvent {
  readonly event: string;
  readonly portals: readonly string[];
}

/** Lunloom as a process of its own, serving one LUN of memory under an execution policy. */
export function lunloom(execution: 'inline' | 'pool' | 'auto', store: string): Contender {
  return {
    name: execution,
    title: `Lunloom, --execution ${execution}, ${store}`,
    programs: [],
    mayOverwrite: true,
    start: () => start(execution, store),
  };
}

async function start(execution: string, store: string): Promise<RunningContender> {
  if (!existsSync(PROGRAM)) throw new TargetError('BENCH_CONTENDER', `${PROGRAM} is not there: build first`);
  const args = [PROGRAM, 'serve', '--json', '--portal', '127.0.0.1:0', '--target', TARGET_NAME, '--lun', `0=${store}`, '--execution', execution];
  const child = new Child(`lunloom --execution ${execution}`, process.execPath, args);
  try {
    const ready = JSON.parse(await child.firstLine(START_MS_MAX)) as ReadyEvent;
    const [portal] = ready.portals;
    if (ready.event !== 'ready' || portal === undefined) throw new TargetError('BENCH_CONTENDER', `${child.label} is not ready: ${child.lastWords()}`);
    return { url: `iscsi://${portal}/${TARGET_NAME}/0`, pid: child.pid, stop: () => child.stop('SIGTERM') };
  } catch (error) {
    await child.stop('SIGKILL');
    throw error;
  }
}
