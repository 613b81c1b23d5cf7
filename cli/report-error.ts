import { ConfigError } from '../engine/config/problem.js';
import { TargetError } from '../engine/errors.js';

/**
 * The lines on stderr for an error: what went wrong for a person, and the stack only for `LUNLOOM_DEBUG=1`.
 * Problems of a file begin with `FILE:LINE:COLUMN`, so that editors and terminals can jump there.
 */
export function errorLines(error: unknown, debug: boolean): string[] {
  const lines = summaryLines(error);
  if (debug) lines.push(...stackLines(error));
  return lines;
}

function summaryLines(error: unknown): string[] {
  if (error instanceof ConfigError) {
    const lines = error.problems.map((problem) => (problem.origin.kind === 'file' ? problem.text : `lunloom: ${problem.text}`));
    const file = error.problems.find((problem) => problem.origin.kind === 'file')?.origin;
    if (file?.kind === 'file') lines.push(`lunloom: ${lines.length === 1 ? '1 problem' : `${lines.length} problems`} with ${file.file}; nothing was started`);
    return lines;
  }
  if (error instanceof TargetError) return [`lunloom: ${oneLine(error.message)}`];
  const message = error instanceof Error ? error.message : String(error);
  return [`lunloom: internal error: ${oneLine(message)} (LUNLOOM_DEBUG=1 shows where)`];
}

function stackLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const lines = (error.stack ?? '').split('\n');
  if (error.cause === undefined) return lines;
  return [...lines, 'caused by:', ...(error.cause instanceof Error ? stackLines(error.cause) : [String(error.cause)])];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
