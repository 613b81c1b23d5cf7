import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of the host and the Debian packages that bring them. */
const NEEDS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  ldd: 'libc-bin',
  genisoimage: 'genisoimage',
} as const;
/** Lets QEMU open `iscsi://` addresses by itself; it is no program. */
const QEMU_ISCSI_PACKAGE = 'qemu-block-extra';
const QEMU_ISCSI_MODULE = '/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so';
const APT_MS_MAX = 600_000;

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function missingPackages(): string[] {
  const programs = Object.entries(NEEDS).filter(([program]) => !hasProgram(program));
  return [...programs.map(([, name]) => name), ...(isReadable(QEMU_ISCSI_MODULE) ? [] : [QEMU_ISCSI_PACKAGE])];
}

function aptGet(...args: string[]): void {
  spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=60', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 2, 2],
    timeout: APT_MS_MAX,
  });
}

/** For a machine whose apt has no lists. */
export function updatePackageLists(): void {
  if (process.getuid?.() === 0 && process.env['LUNLOOM_NO_APT'] !== '1') aptGet('update');
}

/** Installs what is missing where that is allowed. Answers what is in the way of a run, a line each. */
export function installNeeds(): string[] {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return [`the guest gets this machine's node: it has to be Linux on x86-64, not ${process.platform} ${process.arch}`];
  const missing = missingPackages();
  if (missing.length === 0) return [];
  if (process.getuid?.() === 0 && process.env['LUNLOOM_NO_APT'] !== '1' && hasProgram('apt-get')) {
    process.stderr.write(`installing ${missing.join(' ')} (LUNLOOM_NO_APT=1 forbids it)\n`);
    updatePackageLists();
    aptGet('install', '-y', '--no-install-recommends', ...missing);
  }
  return missingPackages().map((name) => `this machine lacks Debian's package ${name}: apt-get install ${name}`);
}
