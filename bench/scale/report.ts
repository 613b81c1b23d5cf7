import type { Environment } from '../compare/environment.js';
import { describeOrigin } from '../shared/program.js';
import { formatFigure, NOTHING, renderMarkdownTable, renderTextTable, type Table } from '../shared/table.js';
import type { LoadRow, ScaleFigures, ScaleReport, ScaleSettings, SessionRow, Verdict } from './model.js';

const KIB = 1024;
const MIB = KIB * KIB;
/** Nobody pays for a target that has nothing to do. */
const IDLE_CPU_SHARE_MAX = 0.01;
/** Beside the arena: what the sockets have read, and garbage between two collections. */
const LOAD_SPARE_BYTES = 256 * MIB;

export function buildScaleReport(
  environment: Environment,
  settings: ScaleSettings,
  figures: ScaleFigures,
  warnings: readonly string[],
  failures: readonly string[],
): ScaleReport {
  const verdicts = [...idleVerdicts(figures.sessions), ...figures.memory.map(memoryVerdict)];
  return { format: 1, environment, settings, ...figures, verdicts, warnings, failures };
}

function idleVerdicts(rows: readonly SessionRow[]): Verdict[] {
  return rows.flatMap(({ sessionCount, idleCpuShare }) => {
    if (idleCpuShare === null) return [];
    const text = `${sessionCount} idle session${sessionCount === 1 ? '' : 's'}: ${percent(idleCpuShare)} of a core, bound 1 %`;
    return [{ text, isKept: idleCpuShare < IDLE_CPU_SHARE_MAX }];
  });
}

function memoryVerdict({ store, direction, sessionCount, depth, lengthBytes, restRssBytes, peakRssBytes, peakArenaBytes, arenaBytes }: LoadRow): Verdict {
  const boundBytes = arenaBytes + LOAD_SPARE_BYTES;
  const growthBytes = peakRssBytes - restRssBytes;
  const load = `${store}, ${sessionCount} × ${depth} × ${bytesText(lengthBytes)} ${direction}s`;
  return {
    text: `${load}: resident memory grew by ${bytesText(growthBytes)}, bound ${bytesText(boundBytes)} (arena and ${bytesText(LOAD_SPARE_BYTES)})`,
    isKept: growthBytes <= boundBytes && peakArenaBytes <= arenaBytes,
  };
}

// --- Text ------------------------------------------------------------------------------------------------------------

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const mib = (bytes: number): string => formatFigure(bytes / MIB);

/** Exact for powers of 1024; otherwise about. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10 + 1e-9));
  const value = bytes / KIB ** at;
  return `${Number.isInteger(value) ? value : formatFigure(value)} ${units[at]}`;
}

/** Growth from the first row, for each one more; nothing in the first row itself. */
function each(value: number, first: number, count: number, firstCount: number): string {
  return count === firstCount ? NOTHING : formatFigure((value - first) / KIB / (count - firstCount));
}

function tablesOf({ start, luns, sessions, sizes, depth, memory }: ScaleFigures): Table[] {
  const firstLuns = (store: string) => luns.find((row) => row.store === store);
  const tables: Table[] = [
    {
      title: 'lunloom serve: from the start of the process to its ready line',
      head: ['LUNs', 'ms', 'RSS MiB'],
      rows: start.map((row) => [`${row.lunCount}`, formatFigure(row.startMs), mib(row.rssBytes)]),
    },
    {
      title: 'Logical units: memory, and what they cost one session (medians)',
      head: ['store', 'LUNs', 'RSS MiB', 'heap MiB', 'RSS KiB/LUN', 'heap KiB/LUN', 'login ms', 'REPORT LUNS ms'],
      rows: luns.map((row) => {
        const first = firstLuns(row.store) ?? row;
        const rss = each(row.rssBytes, first.rssBytes, row.lunCount, first.lunCount);
        const heap = each(row.heapBytes, first.heapBytes, row.lunCount, first.lunCount);
        return [row.store, `${row.lunCount}`, mib(row.rssBytes), mib(row.heapBytes), rss, heap, formatFigure(row.loginMs), formatFigure(row.reportLunsMs)];
      }),
    },
    {
      title: 'Sessions: growth of memory, logins, one session among silent ones, and CPU when idle',
      head: ['LUNs', 'sessions', 'RSS KiB/session', 'heap KiB/session', 'login ms', 'logout ms', 'TUR ms', 'idle CPU %'],
      rows: sessions.map((row) => [
        `${row.lunCount}`,
        `${row.sessionCount}`,
        formatFigure(row.rssGrowthBytes / KIB / row.sessionCount),
        formatFigure(row.heapGrowthBytes / KIB / row.sessionCount),
        formatFigure(row.loginMs),
        row.logoutMs === null ? NOTHING : formatFigure(row.logoutMs),
        formatFigure(row.testUnitReadyMs),
        row.idleCpuShare === null ? NOTHING : (row.idleCpuShare * 100).toFixed(2),
      ]),
    },
    {
      title: 'Size of the logical unit',
      head: ['store', 'size', 'engine start ms', 'RSS MiB', '4 KiB read at its end ms'],
      rows: sizes.map((row) => [row.store, bytesText(row.sizeBytes), formatFigure(row.startMs), mib(row.rssBytes), formatFigure(row.readMs)]),
    },
    {
      title: 'Outstanding commands: 4 KiB random reads of one session',
      head: ['outstanding', 'IOPS', "target's CPU µs/command", 'peak RSS MiB'],
      rows: depth.map((row) => [`${row.depth}`, formatFigure(row.iops), row.cpuMicros === null ? NOTHING : formatFigure(row.cpuMicros), mib(row.peakRssBytes)]),
    },
    {
      title: 'Memory under many large commands, all in the pool',
      head: ['store', 'commands', 'MiB/s', 'RSS at rest MiB', 'RSS peak MiB', 'arena peak MiB', 'arena MiB', 'tasks at once', 'task set full'],
      rows: memory.map((row) => [
        row.store,
        `${row.sessionCount} × ${row.depth} × ${bytesText(row.lengthBytes)} ${row.direction}s`,
        formatFigure(row.bytesPerSecond / MIB),
        mib(row.restRssBytes),
        mib(row.peakRssBytes),
        mib(row.peakArenaBytes),
        mib(row.arenaBytes),
        `${row.peakTaskCount}`,
        `${row.taskSetFullCount}`,
      ]),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function remarksOf({ verdicts, warnings, failures }: ScaleReport): string[] {
  return [
    ...verdicts.map(({ text, isKept }) => `${isKept ? 'kept' : 'EXCEEDED'}: ${text}`),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...failures.map((failure) => `FAILED: ${failure}`),
  ];
}

export function renderScaleText(report: ScaleReport): string {
  return [...describeOrigin(report.environment), '', ...tablesOf(report).flatMap((table) => [renderTextTable(table), '']), ...remarksOf(report)].join('\n');
}

export function renderScaleMarkdown(report: ScaleReport): string {
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');
  const parts = [
    '# How cost grows',
    list(describeOrigin(report.environment)),
    ...tablesOf(report).map(renderMarkdownTable),
    '## Bounds',
    list(remarksOf(report)),
  ];
  return `${parts.join('\n\n')}\n`;
}
