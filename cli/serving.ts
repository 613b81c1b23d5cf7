import type { Clock } from '../engine/clock.js';
import type { EngineConfig } from '../engine/config/engine-config.js';
import { openToOthers } from '../engine/config/open-portals.js';
import { formatPortal } from '../engine/config/portal.js';
import { renderLiveLine, rewriteLine } from './live-line.js';
import type { ProgramOutput } from './program-output.js';
import { readyEvent, renderReadyBlock } from './ready-block.js';
import type { ServedEngine } from './served-engine.js';

const LIVE_INTERVAL_MS = 1000;

export interface ServingContext {
  readonly config: EngineConfig;
  readonly json: boolean;
  readonly version: string;
  readonly output: ProgramOutput;
  readonly clock: Clock;
  readonly start: (config: EngineConfig) => Promise<ServedEngine>;
  /** Calls `listener` on each SIGINT and SIGTERM; answers a function that stops that. */
  readonly onSignal: (listener: (signal: string) => void) => () => void;
  /** Ends the process at once, for the second signal. */
  readonly exitNow: () => void;
}

/**
 * Starts an engine, says so, and resolves when a signal has stopped it. The first signal lets initiators log out,
 * the second ends the process. A signal while the engine still starts stops it as soon as it is up.
 */
export async function serveUntilStopped(context: ServingContext): Promise<void> {
  const { output, json } = context;
  let receiveSignal: (signal: string) => void = () => {};
  const signalled = new Promise<string>((resolve) => {
    receiveSignal = resolve;
  });
  let stopping = false;
  const forgetSignals = context.onSignal((signal) => {
    if (stopping) return context.exitNow();
    stopping = true;
    receiveSignal(signal);
  });
  try {
    warnOfOpenPortals(context);
    const engine = await context.start(context.config);
    // Who was told to stop while it started is not ready, and nobody should connect.
    if (!stopping) announce(context, engine);
    const stopLiveLine = !stopping && !json && output.isTerminal ? startLiveLine(context, engine) : () => {};
    const signal = await signalled;
    stopLiveLine();
    if (json) output.event({ event: 'stopping', signal });
    else output.remarkLine('stopping, again to stop now');
    await engine.stop({ immediately: false });
    if (json) output.event({ event: 'stopped' });
  } finally {
    forgetSignals();
  }
}

function announce({ output, json, version }: ServingContext, engine: ServedEngine): void {
  const facts = { portals: engine.portals, targets: engine.describe(), control: engine.control?.path ?? null };
  if (json) output.event(readyEvent(facts));
  else output.resultLine(renderReadyBlock(version, facts));
}

function warnOfOpenPortals({ config, output }: ServingContext): void {
  const { portals, targetNames } = openToOthers(config);
  if (portals.length === 0) return;
  const where = portals.map(formatPortal).join(', ');
  // Said of the LUNs of all targets when all are open, which is the usual case and the shorter sentence.
  const what = targetNames.length === config.targets.length ? 'every LUN' : `every LUN of ${targetNames.join(', ')}`;
  output.remarkLine(`lunloom: warning: anyone who reaches ${where} can read and overwrite ${what} (--insecure)`);
}

/** Rewrites one line a second until the answered function is called, which leaves the cursor on a fresh line. */
function startLiveLine({ clock, output }: ServingContext, engine: ServedEngine): () => void {
  let previous = engine.snapshot();
  let previousMicros = clock.nowMicros();
  let cancel = (): void => {};
  const tick = (): void => {
    const current = engine.snapshot();
    const nowMicros = clock.nowMicros();
    output.result(rewriteLine(renderLiveLine(previous, current, nowMicros - previousMicros, output.columnCount)));
    previous = current;
    previousMicros = nowMicros;
    cancel = clock.after(LIVE_INTERVAL_MS, tick);
  };
  cancel = clock.after(LIVE_INTERVAL_MS, tick);
  return () => {
    cancel();
    output.result('\n');
  };
}
