import { fileURLToPath } from 'node:url';
import { startServer } from '../compare/server-process.js';

const PROGRAM = fileURLToPath(new URL('../../../bin/lunloom.js', import.meta.url));
const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench';
const MIB = 1024 * 1024;
/** The medium is read at random, in memory. */
export const UNIT_BYTES = 64 * MIB;

/** A target that the bench asks. */
export interface BenchedTarget {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

export interface Chain {
  /** The unit itself first, then the ways to it. */
  readonly targets: readonly BenchedTarget[];
  stop(): Promise<void>;
}

/** One unit in memory, and passthrough units before it, each in a process of its own. */
export async function startChain(): Promise<Chain> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  const serve = async (name: string, lun: string): Promise<BenchedTarget> => {
    const args = [PROGRAM, 'serve', '--json', '--portal', '127.0.0.1:0', '--target', TARGET_NAME, '--execution', 'inline', '--lun', `0=${lun}`];
    const { child, portal } = await startServer(name, process.execPath, args);
    stops.push(() => child.stop('SIGTERM'));
    return { name, url: `iscsi://${portal}/${TARGET_NAME}/0`, pid: child.pid };
  };
  try {
    const direct = await serve('direct', `ram:${UNIT_BYTES}`);
    const passed = await serve('passthrough', `passthrough:${direct.url}`);
    const shared = await serve('passthrough, session=shared', `passthrough:${direct.url},session=shared`);
    return { targets: [direct, passed, shared], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
