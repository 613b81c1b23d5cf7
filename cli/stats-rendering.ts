import type { SlowCommandStats, StatsResult } from '../engine/admin/stats-operation.js';
import { formatByteSize } from '../engine/config/byte-size.js';
import { STAGES, type Stage } from '../engine/metrics/command-stages.js';
import type { CommandFigures, StageFigures, StatsFigures, UnitFigures } from './stats-figures.js';

const MICROS_PER_SECOND = 1_000_000;
const BYTES_PER_MB = 1_000_000;
/** Of the slowest commands, those that are shown; `--json` has them all. */
const SLOWEST_SHOWN_COUNT = 10;

/** The page that `lunloom stats` prints, as lines without newlines. */
export function renderStats(result: StatsResult, figures: StatsFigures): string[] {
  return [
    ...headLines(result, figures),
    ...figures.units.flatMap((unit) => ['', ...unitLines(unit)]),
    ...(figures.overflow === null ? [] : ['', 'all units, beyond the limit stageHistogramBytesMax', ...commandTable([figures.overflow])]),
    ...sessionLines(result),
    ...slowestLines(result),
  ];
}

function headLines(result: StatsResult, figures: StatsFigures): string[] {
  const { slots, arena, ringDepths, eventLoop } = result;
  const busy = eventLoop.activeMicros / Math.max(1, eventLoop.activeMicros + eventLoop.idleMicros);
  const delay = eventLoop.delayMicros;
  const delayText = delay === null ? '' : `, late by ${micros(delay.p50)} p50  ${micros(delay.p99)} p99  ${micros(delay.max)} max µs`;
  const pauses = Object.entries(result.gc).map(([kind, { count, sumMicros, maxMicros }]) => {
    return `${kind} ${count} × ${micros(sumMicros / Math.max(1, count))}, longest ${micros(maxMicros)} µs`;
  });
  const since = Math.abs(figures.spanMicros - result.uptimeMicros) < 1 ? 'since the start' : `of the last ${seconds(figures.spanMicros)}`;
  return [
    `lunloom ${result.processId}, up ${duration(result.uptimeMicros)}; counts and percentiles ${since}, rates of the last ${seconds(figures.rateSpanMicros)}`,
    `  slots       ${slots.free} of ${slots.total} free`,
    `  arena       ${formatMegabytes(arena.freeBytes)} of ${formatByteSize(arena.totalBytes)} free`,
    `  rings       ${ringDepths.length === 0 ? 'no workers' : ringDepths.map((depth, index) => `worker-${index + 1} ${depth}`).join('  ')}`,
    `  event loop  ${(busy * 100).toFixed(1)} % busy${delayText}`,
    `  gc pauses   ${pauses.length === 0 ? 'none' : pauses.join('; ')}`,
    ...loginLines(result),
  ];
}

/** Only what went wrong is worth a line: each of these is somebody who wanted in and was not let in. */
function loginLines({ logins }: StatsResult): string[] {
  const kinds: readonly (readonly [number, string])[] = [
    [logins.authenticationFailureCount, 'not authenticated'],
    [logins.authorizationFailureCount, 'not permitted'],
    [logins.otherFailureCount, 'failed otherwise'],
    [logins.redirectedCount, 'redirected'],
    [logins.delayedRequestCount, 'requests made to wait'],
  ];
  const parts = kinds.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return parts.length === 0 ? [] : [`  logins      ${[`${logins.acceptedCount} accepted`, ...parts].join(', ')}, since the start`];
}

function unitLines(unit: UnitFigures): string[] {
  const ran = unit.inlineCount + unit.ringCount;
  const share = ran === 0 ? '' : `, ${Math.round((unit.inlineCount / ran) * 100)} % inline`;
  const head = `${unit.target} LUN ${unit.lun} (${unit.execution}${share})`;
  if (unit.count === 0) return [head, '  no commands'];
  const all: CommandFigures = { ...unit, name: 'all', opcode: null, serviceAction: null };
  return [head, ...commandTable(unit.commands.length === 1 ? unit.commands : [all, ...unit.commands])];
}

/** A line of counts and rates for each command, and under it one for each percentile with the stages as columns. */
function commandTable(commands: readonly CommandFigures[]): string[] {
  const rows: string[][] = [['command', 'count', 'failed', 'IOPS', 'MB/s', '', ...STAGES.map((stage) => (stage === 'total' ? 'total µs' : stage))]];
  for (const command of commands) rows.push(...commandRows(command));
  return alignedLines(rows, 1).map((line) => `  ${line}`);
}

const PERCENTILES: readonly (readonly [label: string, key: keyof StageFigures])[] = [
  ['p50', 'p50'],
  ['p99', 'p99'],
  ['p99.9', 'p999'],
  ['max', 'max'],
];

function commandRows(command: CommandFigures): string[][] {
  const { name, count, failedCount, perSecond, readBytesPerSecond, writeBytesPerSecond, stagesMicros } = command;
  const megabytes = ((readBytesPerSecond + writeBytesPerSecond) / BYTES_PER_MB).toFixed(1);
  const first = [name, String(count), String(failedCount), String(Math.round(perSecond)), megabytes];
  return PERCENTILES.map(([label, key], index) => [...(index === 0 ? first : ['', '', '', '', '']), label, ...stageCells(stagesMicros, key)]);
}

function stageCells(stages: Readonly<Record<Stage, StageFigures>>, key: keyof StageFigures): string[] {
  return STAGES.map((stage) => micros(stages[stage][key]));
}

function sessionLines({ sessions }: StatsResult): string[] {
  const rows = sessions.map(({ tsih, initiator, target, remoteAddress, outstandingCount }) => [
    `  TSIH ${tsih}`,
    initiator,
    remoteAddress,
    target ?? 'discovery',
    `${outstandingCount} outstanding`,
  ]);
  return ['', `sessions: ${sessions.length}`, ...alignedLines(rows, Number.POSITIVE_INFINITY)];
}

function slowestLines({ slowest, nowMicros }: StatsResult): string[] {
  if (slowest.length === 0) return [];
  const header = ['command', 'LUN', 'status', 'ago', ...STAGES.map((stage) => (stage === 'total' ? 'total µs' : stage)), 'CDB'];
  const rows = [header, ...slowest.slice(0, SLOWEST_SHOWN_COUNT).map((command) => slowRow(command, nowMicros))];
  return [
    '',
    `slowest of the last minute: ${Math.min(SLOWEST_SHOWN_COUNT, slowest.length)} of ${slowest.length} kept`,
    ...alignedLines(rows, 1).map((line) => `  ${line}`),
  ];
}

function slowRow(command: SlowCommandStats, nowMicros: number): string[] {
  const { commandName, lun, status, flushedAt, cdb } = command;
  const stages = stagesOf(command);
  return [
    commandName ?? 'unknown',
    lun === null ? 'none' : String(lun),
    `${status.toString(16).padStart(2, '0')}h`,
    seconds(Math.max(0, nowMicros - flushedAt)),
    ...STAGES.map((stage) => micros(stages[stage])),
    trimmedCdb(cdb),
  ];
}

/** How long each stage of a command took, in microseconds. */
export function stagesOf(command: SlowCommandStats): Record<Stage, number> {
  const { receivedAt, orderedAt, dispatchedAt, startedAt, executedAt, completedAt, flushedAt } = command;
  return {
    arrive: orderedAt - receivedAt,
    collect: dispatchedAt - orderedAt,
    queue: startedAt - dispatchedAt,
    execute: executedAt - startedAt,
    return: completedAt - executedAt,
    send: flushedAt - completedAt,
    total: flushedAt - receivedAt,
  };
}

/** CDBs travel in a field of 16 bytes; the length follows from the group code of the opcode, SPC-4 "Operation code". */
function trimmedCdb(cdb: string): string {
  const lengthOfGroup = [6, 10, 10, 0, 16, 12, 0, 0];
  const lengthBytes = lengthOfGroup[Number.parseInt(cdb.slice(0, 2), 16) >> 5] || cdb.length / 2;
  return cdb.slice(0, lengthBytes * 2);
}

/** Rows with their columns under each other: the first `leftCount` columns and the last start at the left, the others end at the right. */
function alignedLines(rows: readonly (readonly string[])[], leftCount: number): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isLeft = (column: number): boolean => column < leftCount || (column === widths.length - 1 && rows[0]?.[column] === 'CDB');
  return rows.map((row) =>
    row
      .map((cell, column) => (isLeft(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** Four figures at most: what is known to 1/16 needs no more. */
function micros(value: number): string {
  if (value === 0) return '0';
  if (value < 100) return value.toFixed(1);
  return String(Math.round(value));
}

function formatMegabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)}MiB`;
}

function seconds(value: number): string {
  const text = value / MICROS_PER_SECOND;
  return `${text < 10 ? text.toFixed(1) : Math.round(text)} s`;
}

function duration(value: number): string {
  const total = Math.floor(value / MICROS_PER_SECOND);
  const [hours, minutes, rest] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}
