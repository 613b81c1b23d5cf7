import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import type { ProgramName } from './model.js';

/** The Debian packages that bring the programs. */
const packages: Readonly<Record<ProgramName, string>> = {
  tgtd: 'tgt',
  tgtadm: 'tgt',
  istgt: 'istgt',
  'iscsi-perf': 'libiscsi-bin',
  fio: 'fio',
  'qemu-img': 'qemu-utils qemu-block-extra',
  cc: 'gcc libc6-dev',
};

/** Daemons live in `sbin`, which an ordinary user's PATH leaves out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a program is installed, or null. */
export function findProgram(name: ProgramName): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** Throws `TargetError` `BENCH_MISSING`. */
export function requireProgram(name: ProgramName): string {
  const path = findProgram(name);
  if (path === null) throw new TargetError('BENCH_MISSING', describeMissing([name]));
  return path;
}

export function describeMissing(names: readonly ProgramName[]): string {
  return `this machine lacks ${names.join(', ')} (Debian: apt-get install ${[...new Set(names.map((name) => packages[name]))].join(' ')})`;
}
