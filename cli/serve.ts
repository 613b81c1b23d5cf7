import type { EngineConfig } from '../engine/config/engine-config.js';
import { Engine } from '../engine/engine.js';
import type { ServedEngine } from './served-engine.js';

/**
 * The one place where the command line meets the engine. It is imported only when something is served, so that
 * `--help` and mistyped options answer without loading it.
 */
export function startEngine(config: EngineConfig, onDefect: (error: unknown) => void, onNotice: (message: string) => void): Promise<ServedEngine> {
  return Engine.start(config, { onDefect, onNotice });
}
