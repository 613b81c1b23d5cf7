import { TargetError } from '../../engine/errors.js';
import { Child } from './child-process.js';

const START_MS_MAX = 20_000;

interface ReadyEvent {
  readonly event: string;
  readonly portals: readonly string[];
}

/** Starts a server that says on its first line, as JSON, where it listens. Rejects with `BENCH_CONTENDER`; nothing runs then. */
export async function startServer(label: string, program: string, args: readonly string[]): Promise<{ readonly child: Child; readonly portal: string }> {
  const child = new Child(label, program, args);
  try {
    const ready = JSON.parse(await child.firstLine(START_MS_MAX)) as ReadyEvent;
    const [portal] = ready.portals;
    if (ready.event !== 'ready' || portal === undefined) throw new TargetError('BENCH_CONTENDER', `${label} is not ready: ${child.lastWords()}`);
    return { child, portal };
  } catch (error) {
    await child.stop('SIGKILL');
    throw error;
  }
}
