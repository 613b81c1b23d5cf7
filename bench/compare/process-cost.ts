import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat that follow the command's name, counted from the state (field 3 of proc(5)). */
const UTIME_AFTER_NAME = 11;
const STIME_AFTER_NAME = 12;
const TICKS_PER_SECOND_USUAL = 100;
const BYTES_PER_KIB = 1024;

let ticksPerSecond = 0;

function clockTicksPerSecond(): number {
  if (ticksPerSecond > 0) return ticksPerSecond;
  try {
    ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) || TICKS_PER_SECOND_USUAL;
  } catch {
    ticksPerSecond = TICKS_PER_SECOND_USUAL;
  }
  return ticksPerSecond;
}

/** User and system time in clock ticks from the text of /proc/PID/stat. The name stands in parentheses and may hold blanks and more of them. */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[UTIME_AFTER_NAME]) + Number(fields[STIME_AFTER_NAME]);
}

/** CPU time that a process took so far, with all of its threads, those that ended included; null when it cannot be read. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    const ticks = parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return Number.isFinite(ticks) ? ticks / clockTicksPerSecond() : null;
  } catch {
    return null;
  }
}

/** From the text of /proc/PID/status; null when it is not there. */
export function parsePeakRssBytes(status: string): number | null {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) * BYTES_PER_KIB;
}

/** The most memory that a process ever had resident. */
export function peakRssBytesOf(pid: number): number | null {
  try {
    return parsePeakRssBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return null;
  }
}
