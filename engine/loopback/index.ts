/** A second way to the device servers beside sockets: `import { openLoopback } from 'lunloom/loopback'`. */
import type { LoopbackNexus } from './loopback-nexus.js';

export type { LoopbackAttribute, LoopbackCommand, LoopbackResult } from './loopback-command.js';
export type { LoopbackFunction, LoopbackNexus } from './loopback-nexus.js';

export interface LoopbackOptions {
  /** By name; the first target of the engine where it is left out. */
  readonly target?: string;
  /** An initiator port as initiators of the network have one: `<iSCSI name>,i,0x<ISID>`. One of its own where it is left out. */
  readonly initiatorPortName?: string;
}

/** An `Engine`. */
export interface LoopbackSource {
  openLoopback(options?: LoopbackOptions): LoopbackNexus;
}

/**
 * An I_T nexus with a target of an engine in this process, without sockets and without access rules: scripts, tests and benches drive logical units with it.
 * Throws `TargetError` `TARGET_UNKNOWN`. What was opened is closed by `close`, or with the engine.
 */
export function openLoopback(engine: LoopbackSource, options: LoopbackOptions = {}): LoopbackNexus {
  return engine.openLoopback(options);
}
