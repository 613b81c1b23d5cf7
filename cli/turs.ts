import { TargetError } from '../engine/errors.js';
import { maskIscsiUrl } from '../initiator/iscsi-url.js';
import { initiatorLimits } from '../initiator/limits.js';
import { SEED_DATE, seedHistory, seedHistoryLines } from '../load/seed-history.js';
import { completedLine, runTurs, type TursFigures, timeLine } from '../load/turs.js';
import { isSeedPreset } from './disktest-settings.js';
import type { RawTursOptions } from './measure-commands.js';
import { type ComparedFigure, comparisonLines, type MeasureContext, Stopper } from './measure-context.js';
import { parseCount } from './measure-values.js';

const SEED_COUNT = '10000';

export interface TursSettings {
  readonly commandCount: number;
  readonly depth: number;
  readonly time: boolean;
  readonly digests: boolean;
  readonly json: boolean;
  readonly isSeedPreset: boolean;
}

/** What was typed, laid over the preset and the defaults. Throws `TargetError` `LOAD_USAGE`. */
export function tursSettings(typed: RawTursOptions): TursSettings {
  const preset = isSeedPreset(typed.preset);
  const number = typed.number ?? typed.num ?? (preset ? SEED_COUNT : '1');
  return {
    commandCount: parseCount('-n', number, Number.MAX_SAFE_INTEGER),
    depth: parseCount('-q', typed.depth ?? '1', initiatorLimits.coreTaskCountMax),
    time: preset || typed.time === true,
    digests: typed.digests === true,
    json: typed.json === true,
    isSeedPreset: preset,
  };
}

/**
 * `lunloom turs`: each URL in turn. Rejects with `TargetError` `LOAD_USAGE`, `LOAD_TARGET`, `LOAD_FAILED` when commands ended
 * with errors, `LOAD_STOPPED` after a signal; figures are printed before the last two.
 */
export async function runTursCommand(urls: readonly string[], typed: RawTursOptions, context: MeasureContext): Promise<void> {
  const settings = tursSettings(typed);
  const { output } = context;
  const stopper = new Stopper(context);
  const compared: ComparedFigure[] = [];
  let failed: TursFigures | null = null;
  try {
    for (const url of urls) {
      if (stopper.isStopped) break;
      const figures = await runTurs({ url, ...settings, onStop: stopper.onStop });
      const shownUrl = maskIscsiUrl(url);
      if (settings.json) output.event(tursEvent(shownUrl, settings, figures));
      else for (const line of tursLines(shownUrl, urls.length > 1, settings, figures)) output.resultLine(line);
      compared.push({ url: shownUrl, operationsPerSecond: figures.operationsPerSecond });
      if (figures.errorCount > 0) failed = figures;
    }
    printRest(compared, settings, context);
  } finally {
    stopper.forget();
  }
  if (failed !== null)
    throw new TargetError('LOAD_FAILED', `commands ended with errors: ${failed.faults.map(({ text, count }) => `${count} × ${text}`).join('; ')}`);
  if (stopper.isStopped) throw new TargetError('LOAD_STOPPED', 'stopped by a signal');
}

function tursLines(url: string, namesUrl: boolean, { time }: TursSettings, figures: TursFigures): string[] {
  const lines = namesUrl ? [url] : [];
  if (time) lines.push(timeLine(figures));
  return [...lines, completedLine(figures)];
}

function tursEvent(url: string, { depth }: TursSettings, figures: TursFigures): Record<string, unknown> {
  return { event: 'turs', url, depth, ...figures };
}

function printRest(compared: readonly ComparedFigure[], settings: TursSettings, { output }: MeasureContext): void {
  if (settings.json) {
    if (settings.isSeedPreset) output.event({ event: 'history', isResult: false, published: SEED_DATE, figures: seedHistory.turs });
    return;
  }
  for (const line of comparisonLines(compared)) output.resultLine(line);
  if (settings.isSeedPreset) for (const line of seedHistoryLines('turs')) output.resultLine(line);
}
