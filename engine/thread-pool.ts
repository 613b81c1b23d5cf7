import { Piscina } from 'piscina';

/**
 * Piscina loads the worker's module by `require` first. Node 20 aborts the whole process when a thread is terminated while
 * `require` links an ES module ("v8::Module::IsGraphAsync"), and that happens: a dying pool starts a thread in the place of the
 * dead one, which we terminate at once. Without `require` of ES modules Piscina takes `import()`, which can be terminated.
 */
const REQUIRE_ESM_OFF = '--no-experimental-require-module';
const workerExecArgv = process.allowedNodeEnvironmentFlags.has(REQUIRE_ESM_OFF) ? [REQUIRE_ESM_OFF] : [];

/** A pool of one thread for one long `run()`: a thread that dies while it boots makes a larger pool give up replacing any (Piscina 5.3.2). */
export function poolOfOne(workerUrl: URL): Piscina {
  return new Piscina({
    filename: workerUrl.href,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: 'disabled',
    execArgv: workerExecArgv,
    // What somebody preloads into the process to watch it (clinic's collectors do) breaks when each thread loads it again.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}
