import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { TargetError } from '../../engine/errors.js';
import { output } from './debian.js';

/** Drivers the scenarios meet; what these stand on comes by itself. */
const WANTED_MODULES = [
  // The way to the host, and QEMU's own initiator behind a host adapter.
  'virtio_pci virtio_net virtio_scsi virtio_rng',
  // The initiator; it asks the crypto layer for CRC-32C by name, not by dependency.
  'iscsi_tcp crc32c_generic crc32c_intel crypto_hash',
  // One driver a device type.
  'sd_mod sr_mod st ch sg ses scsi_debug',
  // File systems to put on what they find.
  'isofs udf ext4 vfat nls_utf8 nls_ascii nls_cp437 nls_iso8859_1 loop',
].flatMap((names) => names.split(' '));

/** `depends=a,b` of its `.modinfo` section, a list of strings that end with a zero each. */
function dependenciesOf(path: string): string[] {
  const bytes = readFileSync(path);
  const start = bytes.indexOf('\0depends=');
  if (start < 0) return [];
  const text = bytes.toString('latin1', start + '\0depends='.length, bytes.indexOf(0, start + 1));
  return text.split(',').filter((name) => name !== '');
}

/** File names have hyphens where modules have underscores, or not. */
const moduleName = (path: string) => basename(path, '.ko').replaceAll('-', '_');

/** The release of the kernel whose package lies in `folder`: `6.1.0-56-amd64`. */
export function kernelRelease(folder: string): string {
  const [release] = readdirSync(join(folder, 'lib/modules'));
  if (release === undefined) throw new TargetError('VM_PACKAGE_UNKNOWN', `the kernel's package has no modules below ${folder}`);
  return release;
}

/** Copies the modules of the kernel in `from` that the guest may load into `to`. A module that the kernel has built in is none. */
export function copyModules(from: string, to: string): void {
  const release = kernelRelease(from);
  const root = join(from, 'lib/modules', release);
  const all = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (entry.name.endsWith('.ko')) all.set(moduleName(entry.name), join(entry.parentPath, entry.name));
  }
  if (!all.has('iscsi_tcp')) throw new TargetError('VM_PACKAGE_UNKNOWN', `the kernel ${release} has no module iscsi_tcp.ko: is it compressed?`);
  const chosen = new Set<string>();
  for (const open = [...WANTED_MODULES]; open.length > 0; ) {
    const name = moduleName(open.pop() as string);
    const path = all.get(name);
    if (path === undefined || chosen.has(path)) continue;
    chosen.add(path);
    open.push(...dependenciesOf(path));
  }
  for (const path of chosen) {
    const target = join(to, 'lib/modules', release, relative(root, path));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(root, name), join(to, 'lib/modules', release, name));
  }
  indexModules(release, to);
}

/** Runs the `depmod` of the guest's own packages, with its own libraries: the host may have none. */
function indexModules(release: string, root: string): void {
  const libraries = ['lib', 'usr/lib'].map((folder) => join(root, folder, 'x86_64-linux-gnu')).join(':');
  const loader = join(root, 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2');
  output(loader, ['--library-path', libraries, '--argv0', 'depmod', join(root, 'bin/kmod'), '-b', root, release]);
}
