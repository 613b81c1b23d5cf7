import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TargetError } from '../../engine/errors.js';

/** Names the kernel of the day. */
const KERNEL_METAPACKAGE = 'linux-image-amd64';
/** What the guest is made of, besides the libraries that these want. */
const GUEST_PACKAGES = [
  'busybox-static kmod open-iscsi tar',
  // Programs for generic devices, tapes, changers and discs.
  'sg3-utils sdparm lsscsi eject mt-st mtx stenc libcdio-utils dvd+rw-tools growisofs genisoimage wodim xorriso',
].flatMap((names) => names.split(' '));
const COMMAND_MS_MAX = 300_000;
const OUTPUT_LENGTH_MAX = 64 * 1024 * 1024;

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

/** Throws `TargetError` `VM_COMMAND_FAILED` with what the program said. */
export function output(program: string, args: readonly string[], cwd?: string): string {
  try {
    const options = { encoding: 'utf8', maxBuffer: OUTPUT_LENGTH_MAX, timeout: COMMAND_MS_MAX, env: { ...process.env, LC_ALL: 'C.UTF-8' } } as const;
    return execFileSync(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() || (cause as Error).message;
    throw new TargetError('VM_COMMAND_FAILED', `${program} ${args.join(' ')}: ${said}`, { cause });
  }
}

/** Package → what it depends on. Names in angle brackets are of no package that there is. */
function dependenciesOf(names: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output('apt-cache', ['depends', '--important', ...names]).split('\n')) {
    const dependency = /^ +\|?(?:Pre)?Depends: ([^<:\s]+)/.exec(line)?.[1];
    if (dependency !== undefined) {
      current.push(dependency);
    } else if (/^\S/.test(line)) {
      current = [];
      found.set(line.trim(), current);
    }
  }
  return found;
}

/** With the libraries they want; what else they depend on (service managers, udev) has no place in this guest. */
function withLibraries(names: readonly string[]): string[] {
  const all = new Set(names);
  for (let open = [...names]; open.length > 0; ) {
    const wanted = [...dependenciesOf(open).values()].flat().filter((name) => /^(?:lib|zlib)/.test(name) && !all.has(name));
    open = [...new Set(wanted)];
    for (const name of open) all.add(name);
  }
  return [...all];
}

function versionsOf(names: readonly string[]): DebianPackage[] {
  const text = output('apt-cache', ['show', '--no-all-versions', ...names]);
  const stanzas = text.split('\n\n').map((stanza) => ({ name: /^Package: (.+)$/m.exec(stanza)?.[1], version: /^Version: (.+)$/m.exec(stanza)?.[1] }));
  return names.map((name) => {
    const version = stanzas.find((stanza) => stanza.name === name)?.version;
    if (version === undefined) throw new TargetError('VM_PACKAGE_UNKNOWN', `apt knows no package ${name}: apt-get update`);
    return { name, version };
  });
}

/** The newest kernel and the guest's packages that the host's apt knows. Throws `TargetError` `VM_PACKAGE_UNKNOWN`. */
export function guestPackages(): { readonly kernel: DebianPackage; readonly tools: readonly DebianPackage[] } {
  const [kernel] = (dependenciesOf([KERNEL_METAPACKAGE]).get(KERNEL_METAPACKAGE) ?? []).filter((name) => name.startsWith('linux-image-'));
  if (kernel === undefined) throw new TargetError('VM_PACKAGE_UNKNOWN', `apt knows no package ${KERNEL_METAPACKAGE}: apt-get update`);
  const [first, ...tools] = versionsOf([kernel, ...withLibraries(GUEST_PACKAGES)]);
  return { kernel: first as DebianPackage, tools };
}

/** A colon cannot stand in the name of the file. */
const archivePrefix = ({ name, version }: DebianPackage) => `${name}_${version.replaceAll(':', '%3a')}_`;

function archiveOf(wanted: DebianPackage, folder: string): string | undefined {
  const name = readdirSync(folder).find((entry) => entry.startsWith(archivePrefix(wanted)) && entry.endsWith('.deb'));
  return name === undefined ? undefined : join(folder, name);
}

/** Fetches into `folder` what is not there yet; nothing is installed. Answers the archive of each package. */
export function download(packages: readonly DebianPackage[], folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const missing = packages.filter((wanted) => archiveOf(wanted, folder) === undefined);
  // Without the option root's apt warns that its own user cannot write here.
  const asRoot = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  if (missing.length > 0) output('apt-get', ['-q', ...asRoot, 'download', ...missing.map(({ name, version }) => `${name}=${version}`)], folder);
  return packages.map((wanted) => {
    const path = archiveOf(wanted, folder);
    if (path === undefined) throw new TargetError('VM_PACKAGE_UNKNOWN', `apt-get download brought no ${archivePrefix(wanted)}*.deb`);
    return path;
  });
}

export function extract(archive: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  output('dpkg-deb', ['-x', archive, folder]);
}

export function isKnown(): boolean {
  return existsSync('/usr/bin/apt-cache') && dependenciesOf([KERNEL_METAPACKAGE]).has(KERNEL_METAPACKAGE);
}
