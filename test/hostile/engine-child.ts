import type { EngineConfig } from '../../engine/config/engine-config.js';
import { Engine } from '../../engine/engine.js';

/**
 * An engine in a process of its own, so that its memory can be measured: started by `engine-process.ts`, told what to do by
 * messages, ended by the end of its parent.
 */
export type ChildRequest = { readonly kind: 'start'; readonly config: EngineConfig } | { readonly kind: 'observe' } | { readonly kind: 'stop' };

export interface ChildAnswer {
  readonly port: number;
  readonly rssBytes: number;
  readonly usage: ReturnType<Engine['usage']> | null;
  readonly defects: readonly string[];
}

const defects: string[] = [];
let engine: Engine | null = null;

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function answer(): ChildAnswer {
  // With --expose-gc: what is garbage is no memory that an attack holds.
  (globalThis as { gc?: () => void }).gc?.();
  return { port: engine?.portals[0]?.port ?? 0, rssBytes: process.memoryUsage.rss(), usage: engine?.usage() ?? null, defects };
}

async function obey(request: ChildRequest): Promise<void> {
  if (request.kind === 'start') engine = await Engine.start(request.config, { onDefect: (error) => defects.push(describe(error)) });
  else if (request.kind === 'stop') await engine?.stop({ immediately: true });
  process.send?.(answer());
  if (request.kind === 'stop') process.disconnect();
}

process.on('message', (request: ChildRequest) => void obey(request));
process.on('disconnect', () => process.exit());
