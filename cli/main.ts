import { readFileSync } from 'node:fs';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { systemClock } from '../engine/clock.js';
import type { EngineConfig } from '../engine/config/engine-config.js';
import { readConfigSource, resolveConfig } from '../engine/config/load-config.js';
import { stuckThreads } from '../engine/devices/stuck-threads.js';
import { renderResolvedConfig } from './check.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';
import type { MeasureContext } from './measure-context.js';
import { overlayOptions } from './overlay.js';
import { type ProgramActions, runProgram } from './program.js';
import { ProgramOutput } from './program-output.js';
import { errorLines } from './report-error.js';
import type { ServedEngine } from './served-engine.js';
import { serveUntilStopped } from './serving.js';

/** The entry point that `bin/lunloom.js` imports: importing it runs the program. */

const output = new ProgramOutput(process.stdout, process.stderr);
const version = packageVersion();

const actions: ProgramActions = {
  async serve(configFile, options) {
    const source = overlayOptions(configFile === undefined ? null : readConfigSource(configFile), options, process.cwd());
    const config = resolveConfig(source);
    const { startEngine } = await import('./serve.js');
    const start = (given: EngineConfig): Promise<ServedEngine> => startEngine(given, report, (message) => output.remarkLine(`lunloom: ${message}`));
    const exitNow = (): void => process.exit(ExitCode.interrupted);
    await serveUntilStopped({ config, json: options.json === true, version, output, clock: systemClock, start, onSignal, exitNow });
  },
  async check(configFile, options) {
    output.resultLine(renderResolvedConfig(configFile, options.json === true));
  },
  async stats(options) {
    const { runStatsCommand } = await import('./stats.js');
    const sleep = (delayMs: number, signal: AbortSignal): Promise<void> => setTimeoutPromise(delayMs, undefined, { signal }).catch(() => undefined);
    await runStatsCommand(options, { output, onSignal, sleep });
  },
  async turs(urls, options) {
    const { runTursCommand } = await import('./turs.js');
    await runTursCommand(urls, options, measureContext());
  },
  async disktest(urls, options, argsText) {
    const { runDisktestCommand } = await import('./disktest.js');
    await runDisktestCommand(urls, options, argsText, measureContext());
  },
  async discover(portal, options) {
    const { runDiscoverCommand } = await import('./discover.js');
    await runDiscoverCommand(portal, options, output);
  },
  async inquire(url, options) {
    const { runInquireCommand } = await import('./inquire.js');
    await runInquireCommand(url, options, output);
  },
  async dd(operands, options) {
    const { runDdCommand } = await import('./dd/run-dd.js');
    await runDdCommand(operands, options, measureContext());
  },
  async units(request, options) {
    const { runUnitsCommand } = await import('./units.js');
    await runUnitsCommand(request, options, output);
  },
  async profile(options) {
    const { runProfileCommand } = await import('./profile.js');
    await runProfileCommand(options, { output, now: () => new Date() });
  },
};

function measureContext(): MeasureContext {
  return { output, version, processId: process.pid, now: () => new Date(), onSignal, exitNow: () => process.exit(ExitCode.interrupted) };
}

function onSignal(listener: (signal: string) => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version ?? 'unknown');
}

function report(error: unknown): void {
  for (const line of errorLines(error, process.env['LUNLOOM_DEBUG'] === '1')) output.remarkLine(line);
}

function fail(error: unknown): void {
  report(error);
  process.exitCode = exitCodeOf(error);
}

/** A fault nobody caught leaves the engine in a state nobody knows: say it in a line and end. */
function failNow(error: unknown): void {
  fail(error);
  process.exit(ExitCode.internal);
}

/** `process.exit` waits for all threads, and for one that is stuck it would wait for ever. */
function endNow(): void {
  if (stuckThreads.count > 0) process.kill(process.pid, 'SIGKILL');
  process.exit();
}

/** Time for streams to flush and threads to end by themselves once the command is done. */
const LINGER_MS_MAX = 1000;

process.on('uncaughtException', failNow);
process.on('unhandledRejection', failNow);
try {
  process.exitCode = await runProgram(process.argv.slice(2), version, actions, output);
} catch (error) {
  fail(error);
}
// Whatever still holds the process then (a thread of an engine that failed to start) has no business any more.
setTimeout(endNow, LINGER_MS_MAX).unref();
