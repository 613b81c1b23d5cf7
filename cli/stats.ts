import { STATS_FORMAT, type StatsResult } from '../engine/admin/stats-operation.js';
import { TargetError } from '../engine/errors.js';
import { ControlClient, chooseControlSocket } from './control-client.js';
import type { ProgramOutput } from './program-output.js';
import { figuresOf, type StatsFigures } from './stats-figures.js';
import { renderStats, stagesOf } from './stats-rendering.js';

const INTERVAL_MS = 1000;
/** Home, and then down: what was there is written over line by line, so that nothing flickers. */
const CURSOR_HOME = '\x1b[H';
const CLEAR_SCREEN = '\x1b[2J';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** The options of `lunloom stats` as they were typed. */
export interface RawStatsOptions {
  readonly control?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

export interface StatsContext {
  readonly output: ProgramOutput;
  readonly onSignal: (listener: (signal: string) => void) => () => void;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  readonly sleep: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/**
 * `lunloom stats`: two snapshots a second apart, or with `watch` one each second until a signal comes. Throws `TargetError` `CONTROL_…`.
 */
export async function runStatsCommand(options: RawStatsOptions, { output, onSignal, sleep }: StatsContext): Promise<void> {
  const client = await ControlClient.open(chooseControlSocket(options.control));
  const stopped = new AbortController();
  const forget = onSignal(() => stopped.abort());
  const watch = options.watch === true;
  try {
    let before = await snapshot(client);
    if (watch && isRedrawn(options, output)) output.result(CLEAR_SCREEN);
    do {
      await sleep(INTERVAL_MS, stopped.signal);
      if (stopped.signal.aborted) return;
      const after = await snapshot(client);
      print(options, output, after, figuresOf(after, before, watch ? before : null));
      before = after;
    } while (watch);
  } finally {
    forget();
    client.close();
  }
}

async function snapshot(client: ControlClient): Promise<StatsResult> {
  const result = (await client.request('stats')) as StatsResult;
  if (result?.format !== STATS_FORMAT) throw new TargetError('CONTROL_FORMAT', 'the target is of another version than this program');
  return result;
}

function isRedrawn({ json }: RawStatsOptions, output: ProgramOutput): boolean {
  return json !== true && output.isTerminal;
}

function print(options: RawStatsOptions, output: ProgramOutput, result: StatsResult, figures: StatsFigures): void {
  if (options.json === true) {
    output.event(statsEvent(result, figures));
    return;
  }
  const lines = renderStats(result, figures);
  if (options.watch === true && output.isTerminal) {
    // What does not fit would scroll the page away under the cursor.
    const shown = lines.slice(0, output.rowCount - 1);
    const text = shown.map((line) => `${line.slice(0, output.columnCount)}${CLEAR_LINE_END}\n`).join('');
    output.result(`${CURSOR_HOME}${text}${CLEAR_BELOW}`);
    return;
  }
  output.resultLine(lines.join('\n'));
  if (options.watch === true) output.resultLine('');
}

/** One line of `--json`: the figures of the span, and of the snapshot all that is no histogram. */
export function statsEvent(result: StatsResult, figures: StatsFigures): Record<string, unknown> {
  const { processId, nowMicros, uptimeMicros, sessions, logins, ringDepths, slots, arena, eventLoop, gc, slowest } = result;
  const state = { processId, nowMicros, uptimeMicros, sessions, logins, ringDepths, slots, arena, eventLoop, gc };
  return { event: 'stats', ...state, ...figures, slowest: slowest.map((command) => ({ ...command, stagesMicros: stagesOf(command) })) };
}
