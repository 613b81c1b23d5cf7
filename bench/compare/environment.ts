import { execFileSync } from 'node:child_process';
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { findProgram } from './programs.js';

/** Where and with what something was measured: a figure without it means nothing. */
export interface Environment {
  readonly date: string;
  readonly commit: string | null;
  /** True when files differed from the commit. */
  readonly isModified: boolean;
  readonly node: string;
  readonly tgt: string | null;
  readonly cpu: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly system: string;
}

/** What a program prints, trimmed; null when it does not run. */
function printed(program: string, ...args: string[]): string | null {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

export function describeEnvironment(): Environment {
  const tgtd = findProgram('tgtd');
  return {
    date: new Date().toISOString(),
    commit: printed('git', 'rev-parse', '--short=12', 'HEAD'),
    isModified: (printed('git', 'status', '--porcelain') ?? '') !== '',
    node: process.version,
    tgt: tgtd === null ? null : printed(tgtd, '--version'),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpuCount: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch()}`,
  };
}
