import { TargetError } from '../../engine/errors.js';
import { maskIscsiUrl } from '../../initiator/index.js';
import { type MeasureContext, Stopper } from '../measure-context.js';
import type { DdOptions } from '../target-commands.js';
import { Copy } from './copy.js';
import type { CopySink, CopySource } from './endpoint.js';
import { openFileSink, openFileSource } from './file-endpoint.js';
import { openLunSink, openLunSource } from './lun-endpoint.js';
import { startProgress, summaryLines } from './progress.js';
import { type DdSettings, ddSettings, isStandardStream, isUrl } from './settings.js';
import { StreamSink, StreamSource } from './stream-endpoint.js';

/**
 * `lunloom dd`. Rejects with `TargetError` `COPY_USAGE`, `COPY_FAILED` when it does not fit, `COPY_FILE`, `COPY_STOPPED` after a
 * signal, and as `withFaultsOf`; figures of what was done are printed before all but the first.
 */
export async function runDdCommand(
  operands: readonly string[],
  options: DdOptions,
  context: Pick<MeasureContext, 'output' | 'onSignal' | 'exitNow'>,
): Promise<void> {
  const settings = ddSettings(operands, options);
  const stopper = new Stopper(context);
  const closers: (() => Promise<void>)[] = [];
  try {
    const source = await openSource(settings);
    closers.push(source.close.bind(source));
    const sink = await openSink(settings);
    closers.push(sink.close.bind(sink));
    await copy(settings, source, sink, stopper, context);
  } finally {
    await Promise.all(closers.map((close) => close()));
    stopper.forget();
  }
  if (stopper.isStopped) throw new TargetError('COPY_STOPPED', 'stopped by a signal');
}

async function copy(settings: DdSettings, source: CopySource, sink: CopySink, stopper: Stopper, { output }: Pick<MeasureContext, 'output'>): Promise<void> {
  const task = new Copy(source, sink, settings);
  const { figures, totalBytes } = task;
  const forgetStop = stopper.onStop(() => task.stop());
  const startedAt = performance.now();
  const elapsedSeconds = (): number => (performance.now() - startedAt) / 1000;
  const endProgress = startProgress({ figures, totalBytes, status: settings.status, output, elapsedSeconds });
  try {
    await task.run();
  } finally {
    endProgress();
    forgetStop();
    const seconds = elapsedSeconds();
    for (const line of summaryLines(figures, seconds, settings.status)) output.remarkLine(line);
    if (settings.json)
      output.event({ event: 'dd', input: shown(settings.input), output: shown(settings.output), ...figures, seconds, stopped: stopper.isStopped });
  }
}

function shown(name: string): string {
  return isUrl(name) ? maskIscsiUrl(name) : name;
}

async function openSource(settings: DdSettings): Promise<CopySource> {
  const { input } = settings;
  if (isUrl(input)) return openLunSource(input, settings);
  return isStandardStream(input) ? new StreamSource(process.stdin) : openFileSource(input);
}

async function openSink(settings: DdSettings): Promise<CopySink> {
  const { output } = settings;
  if (isUrl(output)) return openLunSink(output, settings, settings.seekBytes);
  return isStandardStream(output) ? new StreamSink(process.stdout) : openFileSink(output, settings);
}
