import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreConfig } from '../../engine/config/engine-config.js';
import { cpuSecondsOf } from '../compare/process-cost.js';
import { summarize } from '../compare/statistics.js';
import type { ScaleSettings, SessionRow } from './model.js';
import { configOf, type ScaleTarget, withTarget } from './scale-target.js';
import { SessionGroup } from './session-group.js';

const SMALL_STORE_BYTES = 64 * 1024;
const PING_COUNT = 200;
/** After the last command: what it woke goes back to sleep. */
const SETTLE_MS = 1_000;

const median = (values: readonly number[]): number => summarize(values)?.median ?? 0;

/** The share of one core that a process takes while it is left alone for `seconds`. Null when /proc does not tell. */
export async function idleCpuShareOf(pid: number, seconds: number): Promise<number | null> {
  await sleep(SETTLE_MS);
  const from = { at: performance.now(), cpu: cpuSecondsOf(pid) };
  await sleep(seconds * 1000);
  const cpu = cpuSecondsOf(pid);
  return cpu === null || from.cpu === null ? null : (cpu - from.cpu) / ((performance.now() - from.at) / 1000);
}

/** Logins, memory and idle CPU by the number of sessions, over few and many LUNs. */
export async function measureSessions(settings: ScaleSettings, failures: string[], say: (line: string) => void): Promise<SessionRow[]> {
  const rows: SessionRow[] = [];
  for (const lunCount of settings.sessionLunCounts) {
    const config = configOf(Array.from({ length: lunCount }, (): StoreConfig => ({ kind: 'null', sizeBytes: SMALL_STORE_BYTES })));
    rows.push(...(await withTarget(config, failures, `sessions on ${lunCount} LUNs`, (target) => measureGroup(target, lunCount, settings, say))));
  }
  return rows;
}

async function measureGroup(target: ScaleTarget, lunCount: number, settings: ScaleSettings, say: (line: string) => void): Promise<SessionRow[]> {
  const { sessionCounts, idleSeconds } = settings;
  const group = new SessionGroup(target);
  const rows: SessionRow[] = [];
  try {
    // One comes and goes first, so that code and pools do not count as the first session's.
    await group.growTo(1);
    await group.logout();
    const empty = await target.state();
    for (const sessionCount of sessionCounts) {
      const loginMs = median(await group.growTo(sessionCount));
      const state = await target.state();
      const testUnitReadyMs = median(await group.pingLast(PING_COUNT));
      const idleCpuShare = isWatched(sessionCount, lunCount, settings) ? await idleCpuShareOf(target.pid, idleSeconds) : null;
      rows.push({
        lunCount,
        sessionCount,
        loginMs,
        logoutMs: null,
        testUnitReadyMs,
        rssGrowthBytes: state.rssBytes - empty.rssBytes,
        heapGrowthBytes: state.heapBytes - empty.heapBytes,
        idleCpuShare,
      });
      say(`${sessionCount} sessions on ${lunCount} LUNs`);
    }
    const logoutMs = await group.logout();
    const last = rows.pop();
    if (last !== undefined) rows.push({ ...last, logoutMs });
    return rows;
  } finally {
    group.destroy();
  }
}

/** Watching takes its time: the fewest and the most, over the first number of LUNs. */
function isWatched(sessionCount: number, lunCount: number, { sessionCounts, sessionLunCounts }: ScaleSettings): boolean {
  return lunCount === sessionLunCounts[0] && (sessionCount === sessionCounts[0] || sessionCount === sessionCounts.at(-1));
}
