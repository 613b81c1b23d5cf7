import { TargetError } from '../engine/errors.js';
import { maskIscsiUrl } from '../initiator/iscsi-url.js';
import { type DisktestEvent, type DisktestFigures, isPassed, runDisktest } from '../load/disktest.js';
import { DisktestLines } from '../load/disktest-lines.js';
import { SEED_DATE, SEED_DISKTEST_ARGS, seedHistory, seedHistoryLines } from '../load/seed-history.js';
import { type DisktestSettings, disktestSettings, type RawDisktestOptions } from './disktest-settings.js';
import { type ComparedFigure, comparisonLines, type MeasureContext, Stopper } from './measure-context.js';

/**
 * `lunloom disktest`: each URL in turn. Rejects with `TargetError` `LOAD_USAGE`, `LOAD_TARGET` when a target cannot be reached or
 * is lost, `LOAD_FAILED` for failed commands and wrong data, `LOAD_STOPPED` after a signal; all but the first after the figures.
 */
export async function runDisktestCommand(urls: readonly string[], typed: RawDisktestOptions, argsText: string, context: MeasureContext): Promise<void> {
  const settings = disktestSettings(typed, context.processId);
  const stopper = new Stopper(context);
  const compared: ComparedFigure[] = [];
  let failure: unknown = null;
  try {
    for (const url of urls) {
      if (stopper.isStopped) break;
      const { options, heartbeatSeconds, digests } = settings;
      const shownUrl = maskIscsiUrl(url);
      const figures = await runDisktest({
        url,
        options,
        heartbeatSeconds,
        digests,
        onStop: stopper.onStop,
        report: reporterOf(shownUrl, settings, argsText, context),
      });
      compared.push({ url: shownUrl, operationsPerSecond: operationsPerSecond(figures) });
      if (!isPassed(figures)) failure ??= figures.brokenBy ?? failureOf(shownUrl, figures);
    }
    printRest(compared, settings, context);
  } finally {
    stopper.forget();
  }
  if (failure !== null) throw failure;
  if (stopper.isStopped) throw new TargetError('LOAD_STOPPED', 'stopped by a signal');
}

function operationsPerSecond({ read, write, seconds }: DisktestFigures): number {
  return ((read?.commandCount ?? 0) + (write?.commandCount ?? 0)) / seconds;
}

function failureOf(url: string, { faultCount, mismatchCount }: DisktestFigures): TargetError {
  const parts: string[] = [];
  if (faultCount > 0) parts.push(`${faultCount} commands failed`);
  if (mismatchCount > 0) parts.push(`${mismatchCount} reads brought wrong data`);
  return new TargetError('LOAD_FAILED', `${url}: ${parts.join(', ')}`);
}

function reporterOf(url: string, settings: DisktestSettings, argsText: string, context: MeasureContext): (event: DisktestEvent) => void {
  const { output, version, processId, now } = context;
  if (settings.json) return (event) => output.event(jsonEvent(url, event));
  const { choice, isQuiet, isBare, isSeedPreset } = settings;
  const lines = new DisktestLines({
    url,
    version,
    processId,
    argsText: isSeedPreset ? `${SEED_DISKTEST_ARGS} ${argsText}` : argsText,
    choice,
    isQuiet,
    isBare,
    now,
    print: (line) => output.resultLine(line),
  });
  return lines.report;
}

/** An event as one JSON document; bytes as hexadecimal digits, as in `engine` events everything else as it is. */
function jsonEvent(url: string, event: DisktestEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'start':
      return { event: 'start', url, medium: event.medium, plan: event.plan, unitAttentionCount: event.unitAttentionCount };
    case 'heartbeat':
      return { event: 'heartbeat', url, read: event.read, write: event.write };
    case 'fault':
      return { event: 'fault', url, ...event.fault };
    case 'mismatch': {
      const { expectedBytes, foundBytes, ...mismatch } = event.mismatch;
      return { event: 'mismatch', url, ...mismatch, expectedBytes: expectedBytes.toString('hex'), foundBytes: foundBytes.toString('hex') };
    }
    case 'end': {
      const { brokenBy, ...figures } = event.figures;
      return { event: 'end', url, passed: isPassed(event.figures), ...figures, brokenBy: brokenBy instanceof Error ? brokenBy.message : null };
    }
  }
}

function printRest(compared: readonly ComparedFigure[], settings: DisktestSettings, { output }: MeasureContext): void {
  if (settings.json) {
    if (settings.isSeedPreset) output.event({ event: 'history', isResult: false, published: SEED_DATE, figures: seedHistory.disktest });
    return;
  }
  for (const line of comparisonLines(compared)) output.resultLine(line);
  if (settings.isSeedPreset) for (const line of seedHistoryLines('disktest')) output.resultLine(line);
}
