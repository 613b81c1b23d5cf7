import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The foreign programs that the end-to-end tests speak with or cause trouble with, and the Debian packages they come from.
 * `qemu-block-iscsi` is no program but the module that lets qemu-img and qemu-io open `iscsi://` addresses.
 */
export const peerPackages = {
  'iscsi-ls': 'libiscsi-bin',
  'iscsi-inq': 'libiscsi-bin',
  'iscsi-readcapacity16': 'libiscsi-bin',
  'iscsi-perf': 'libiscsi-bin',
  'iscsi-test-cu': 'libiscsi-bin',
  'qemu-img': 'qemu-utils',
  'qemu-io': 'qemu-utils',
  'qemu-block-iscsi': 'qemu-block-extra',
  tgtd: 'tgt',
  tgtadm: 'tgt',
  isnsd: 'open-isns-server',
  isnsadm: 'open-isns-utils',
  tshark: 'tshark',
  strace: 'strace',
  prlimit: 'util-linux',
  unshare: 'util-linux',
} as const;

export type PeerName = keyof typeof peerPackages;

/** Daemons live in `sbin`, which an ordinary user's PATH leaves out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];
const QEMU_ISCSI_MODULE = 'qemu/block-iscsi.so';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** Debian keeps the module below a folder named after the architecture. */
function findQemuIscsiModule(): string | null {
  const roots = LIBRARY_FOLDERS.filter((folder) => existsSync(folder));
  const folders = roots.flatMap((root) => [root, ...readdirSync(root).map((name) => join(root, name))]);
  return folders.map((folder) => join(folder, QEMU_ISCSI_MODULE)).find((path) => existsSync(path)) ?? null;
}

/** Where a peer is installed, as an absolute path, or null. */
export function peerPath(name: PeerName): string | null {
  return name === 'qemu-block-iscsi' ? findQemuIscsiModule() : findProgram(name);
}

/** Those of the named peers, by default of all, that this machine lacks. */
export function missingPeers(names: readonly PeerName[] = Object.keys(peerPackages) as PeerName[]): PeerName[] {
  return names.filter((name) => peerPath(name) === null);
}

/** The packages that bring these peers, each once. */
export function packagesOf(names: readonly PeerName[]): string[] {
  return [...new Set(names.map((name) => peerPackages[name]))];
}

const POLICY_PATH = '/usr/sbin/policy-rc.d';
const POLICY_FORBID_START = '#!/bin/sh\n# Written by the tests of lunloom for one apt-get run: no service may start.\nexit 101\n';

/**
 * Forbids that an installation starts services (tgt's would take the iSCSI port), unless the machine has a policy of its own.
 * Answers a function that takes it back.
 */
function forbidServices(): () => void {
  if (existsSync(POLICY_PATH)) return () => {};
  writeFileSync(POLICY_PATH, POLICY_FORBID_START, { mode: 0o755, flag: 'wx' });
  const lift = () => rmSync(POLICY_PATH, { force: true });
  process.once('exit', lift);
  return () => {
    process.off('exit', lift);
    lift();
  };
}

const APT_UPDATE_MS_MAX = 180_000;
const APT_INSTALL_MS_MAX = 600_000;

/** True when apt-get ended well. What it prints goes to stderr, so that the tests' own output stays readable. */
function aptGet(args: readonly string[], timeMsMax: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=60', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 2, 2],
      timeout: timeMsMax,
    });
    child.once('error', () => resolve(false));
    child.once('exit', (exitCode) => resolve(exitCode === 0));
  });
}

/** Why this process cannot install packages, or null when it can. */
function reasonAgainstInstalling(): string | null {
  if (process.env['LUNLOOM_NO_APT'] === '1') return 'LUNLOOM_NO_APT=1 forbids it';
  if (process.getuid?.() !== 0) return 'it needs root';
  if (findProgram('apt-get') === null) return 'there is no apt-get';
  return null;
}

/**
 * Installs what the end-to-end tests need and this machine lacks, where it may. Answers one line for each package that is still
 * missing, for the reader of the test run; an empty list says that every peer is there.
 */
export async function installPeers(): Promise<string[]> {
  const wanted = packagesOf(missingPeers());
  if (wanted.length === 0) return [];
  let reason = reasonAgainstInstalling();
  if (reason === null) {
    process.stderr.write(`installing ${wanted.join(' ')} for the end-to-end tests (LUNLOOM_NO_APT=1 forbids it)\n`);
    const lift = forbidServices();
    try {
      const updated = await aptGet(['update'], APT_UPDATE_MS_MAX);
      const installed = await aptGet(['install', '-y', '--no-install-recommends', ...wanted], APT_INSTALL_MS_MAX);
      reason = installed ? 'the package does not hold it' : `apt-get ${updated ? 'install' : 'update'} failed`;
    } finally {
      lift();
    }
  }
  const missing = missingPeers();
  return packagesOf(missing).map((name) => `${name} (${missing.filter((peer) => peerPackages[peer] === name).join(' ')}): not installed, ${reason}`);
}
