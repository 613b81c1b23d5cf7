import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';
import { summarize } from '../compare/statistics.js';
import type { ScaleSettings, StartRow } from './model.js';
import { TARGET_NAME } from './scale-target.js';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START_MS_MAX = 60_000;
const BYTES_PER_KIB = 1024;

/** Resident memory of a process now, from /proc/PID/status. */
function rssBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * BYTES_PER_KIB;
}

/** What the ready line of many LUNs may hold, several times over. */
const READY_CHARS_MAX = 8 * 1024 * 1024;

async function startOnce(file: string): Promise<{ readonly ms: number; readonly rssBytes: number }> {
  const from = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--json', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): boolean => child.kill('SIGKILL');
  const timer = setTimeout(kill, START_MS_MAX);
  process.once('exit', kill);
  try {
    let text = '';
    // Not `Child`: it keeps the end of what is said, and this line is longer than that.
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += chunk;
      if (text.includes('\n') || text.length > READY_CHARS_MAX) break;
    }
    const ms = performance.now() - from;
    if (!text.startsWith('{"event":"ready"')) throw new TargetError('BENCH_CONTENDER', `lunloom serve is not ready: ${text.slice(0, 200)}`);
    return { ms, rssBytes: rssBytesOf(child.pid as number) };
  } finally {
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
    process.off('exit', kill);
  }
}

/** How long `lunloom serve FILE` takes to its ready line, by the number of LUNs in the file. */
export async function measureStart({ startLunCounts, startRounds }: ScaleSettings): Promise<StartRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-scale-'));
  try {
    const rows: StartRow[] = [];
    for (const lunCount of startLunCounts) {
      const file = join(folder, `${lunCount}.yaml`);
      const luns = Array.from({ length: lunCount }, (_, lun) => `      - { lun: ${lun}, store: "null:1MiB" }`);
      writeFileSync(file, ['portals: ["127.0.0.1:0"]', 'control: off', 'targets:', `  - name: ${TARGET_NAME}`, '    luns:', ...luns, ''].join('\n'));
      const rounds: { ms: number; rssBytes: number }[] = [];
      for (let round = 0; round < startRounds; round++) rounds.push(await startOnce(file));
      const median = (values: number[]): number => summarize(values)?.median ?? 0;
      rows.push({ stores: 'null:1MiB', lunCount, startMs: median(rounds.map(({ ms }) => ms)), rssBytes: median(rounds.map(({ rssBytes }) => rssBytes)) });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
