import type { EngineConfig } from '../../engine/config/engine-config.js';
import { Engine, type EngineUsage } from '../../engine/engine.js';

/**
 * An engine in a process of its own, started with `--expose-gc` so that memory can be told from garbage. Its configuration comes as the
 * first message; each later message is a question and gets one `TargetState`. It ends with its parent.
 */
export type TargetRequest =
  | { readonly kind: 'start'; readonly config: EngineConfig }
  | { readonly kind: 'state' }
  /** From now on the arena is looked at every few milliseconds, until the next `state`. */
  | { readonly kind: 'watch' }
  | { readonly kind: 'stop' };

export interface TargetState {
  readonly port: number;
  readonly rssBytes: number;
  /** V8's own heap after a collection. */
  readonly heapBytes: number;
  readonly usage: EngineUsage | null;
  /** The most that was in use while it was watched. */
  readonly peakArenaBytes: number;
  readonly peakTaskCount: number;
  /** Faults of the engine's own, and why it did not start. */
  readonly defects: readonly string[];
}

const WATCH_MS = 5;
const defects: string[] = [];
let engine: Engine | null = null;
let watch: NodeJS.Timeout | null = null;
let peakArenaBytes = 0;
let peakTaskCount = 0;

function note(error: unknown): void {
  defects.push(error instanceof Error ? error.message : String(error));
}

function look(): void {
  const usage = engine?.usage();
  peakArenaBytes = Math.max(peakArenaBytes, usage?.arenaBytesInUse ?? 0);
  peakTaskCount = Math.max(peakTaskCount, usage?.openTaskCount ?? 0);
}

function state(): TargetState {
  if (watch !== null) clearInterval(watch);
  watch = null;
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { port: engine?.portals[0]?.port ?? 0, rssBytes: rss, heapBytes: heapUsed, usage: engine?.usage() ?? null, peakArenaBytes, peakTaskCount, defects };
}

async function obey(request: TargetRequest): Promise<void> {
  try {
    if (request.kind === 'start') engine = await Engine.start(request.config, { onDefect: note });
    else if (request.kind === 'stop') await engine?.stop({ immediately: true });
    else if (request.kind === 'watch') {
      peakArenaBytes = 0;
      peakTaskCount = 0;
      watch ??= setInterval(look, WATCH_MS);
    }
  } catch (error) {
    note(error);
  }
  process.send?.(request.kind === 'watch' ? null : state());
  if (request.kind === 'stop') process.disconnect();
}

process.on('message', (request: TargetRequest) => void obey(request));
process.on('disconnect', () => process.exit());
