import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Shares of all CPUs' time, 0 to 1. */
export interface MachineLoad {
  /** Not idle and not waiting for a disk. */
  readonly busy: number;
  /** Taken by the hypervisor for other guests. */
  readonly stolen: number;
}

/** Time since boot in ticks, from the first line of /proc/stat. */
export interface CpuTimes {
  readonly total: number;
  readonly idle: number;
  readonly stolen: number;
}

/** Above this, what others do shows in the figures. */
export const BUSY_SHARE_MAX = 0.05;
export const STOLEN_SHARE_MAX = 0.02;

/** user nice system idle iowait irq softirq steal; guest time behind them is part of user. proc(5). */
export function parseCpuTimes(stat: string): CpuTimes | null {
  const fields = /^cpu +(\d[\d ]*)$/m.exec(stat)?.[1]?.split(' ').map(Number).slice(0, 8);
  if (fields === undefined || fields.length < 4) return null;
  const [, , , idle = 0, iowait = 0, , , stolen = 0] = fields;
  return { total: fields.reduce((sum, value) => sum + value, 0), idle: idle + iowait, stolen };
}

export function loadBetween(before: CpuTimes, after: CpuTimes): MachineLoad {
  const total = after.total - before.total;
  if (total <= 0) return { busy: 0, stolen: 0 };
  return { busy: 1 - (after.idle - before.idle) / total, stolen: (after.stolen - before.stolen) / total };
}

/** Null where there is no /proc/stat. */
export function readCpuTimes(): CpuTimes | null {
  try {
    return parseCpuTimes(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return null;
  }
}

/** What the machine does while this process does nothing for `ms`; null when it does not tell. */
export async function watchIdleMachine(ms: number): Promise<MachineLoad | null> {
  const before = readCpuTimes();
  await sleep(ms);
  const after = readCpuTimes();
  return before === null || after === null ? null : loadBetween(before, after);
}
