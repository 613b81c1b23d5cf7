import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { CpioArchive, mergedPath } from './cpio-archive.js';
import { type DebianPackage, download, extract, guestPackages, output } from './debian.js';
import { copyModules, kernelRelease } from './kernel-modules.js';
import { isRunnable, productionPackages } from './production-files.js';

/** To be raised when what is done with the packages changes. */
const FORMAT_VERSION = 1;
/** Where Lunloom lies in the guest. */
export const GUEST_LUNLOOM = 'lunloom';
/** Of the packages' files; manuals, translations and the charsets of iconv are of no use there, nor what file(1) knows. */
const UNWANTED = /^(?:usr\/share\/(?!misc)|usr\/lib\/[^/]+\/(?:gconv|audit)\/|usr\/lib\/(?:udev|systemd|file)\/|lib\/(?:udev|systemd)\/|etc\/init|var\/)/;
/** Of our own, what serves: no tests, no benches. */
const LUNLOOM_FOLDERS = ['engine', 'workers', 'initiator', 'load', 'cli', 'flamegraphs/graph'];

export interface BootFiles {
  readonly kernel: string;
  readonly release: string;
  /** The packages' and node's part of the root file system. */
  readonly base: string;
}

/** `$LUNLOOM_VM_CACHE`, else a folder of this user below the system's for temporary files. */
export function cacheFolder(): string {
  const folder = process.env['LUNLOOM_VM_CACHE'] ?? join(tmpdir(), `lunloom-vm-${userInfo().username}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Libraries that the running node wants, as the dynamic loader finds them: name it asks by → file. */
function nodeLibraries(): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of output('ldd', [process.execPath]).split('\n')) {
    const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
    if (path !== undefined) found.set(path, realpathSync(path));
  }
  return found;
}

/** The guest has node as `/usr/bin/node`. Libraries of the packages go before the host's of the same name. */
function addNode(archive: CpioArchive): void {
  archive.addFile('usr/bin/node', readFileSync(process.execPath), 0o755);
  for (const [path, file] of nodeLibraries()) {
    const target = mergedPath(path);
    if (!archive.has(target) && !archive.has(target.replace(/^usr\/lib\//, 'usr/lib/x86_64-linux-gnu/'))) archive.addFile(target, readFileSync(file), 0o755);
  }
}

function writeBase(path: string, root: string): void {
  const archive = new CpioArchive(path);
  try {
    archive.addMergedLinks();
    for (const folder of ['dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'root', 'applets', 'var/lib/iscsi', 'var/log']) archive.addFolder(folder);
    archive.addLink('var/run', '../run');
    // What init says before there is a devtmpfs.
    archive.addCharacterDevice('dev/console', 5, 1);
    archive.addTree(root, (name) => !UNWANTED.test(name), mergedPath);
    archive.addLink('usr/bin/sh', 'busybox');
    archive.addFile('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
    archive.addFile('etc/group', 'root:x:0:\ntape:x:26:\ncdrom:x:24:\ndisk:x:6:\n');
    archive.addFile('etc/hosts', '127.0.0.1 localhost guest\n');
    addNode(archive);
  } finally {
    archive.close();
  }
}

function keyOf(packages: readonly DebianPackage[]): string {
  const hash = createHash('sha256');
  for (const { name, version } of packages) hash.update(`${name}=${version}\n`);
  // The list of modules and what is left out stand in these files' code.
  for (const file of ['initramfs', 'kernel-modules', 'cpio-archive']) hash.update(readFileSync(new URL(`./${file}.js`, import.meta.url)));
  return hash.update(`${process.version} ${FORMAT_VERSION}`).digest('hex').slice(0, 16);
}

function build(kernel: DebianPackage, tools: readonly DebianPackage[], cache: string, folder: string): void {
  const work = mkdtempSync(join(cache, 'work-'));
  try {
    const [kernelArchive, ...toolArchives] = download([kernel, ...tools], join(cache, 'packages'));
    const kernelRoot = join(work, 'kernel');
    extract(kernelArchive as string, kernelRoot);
    const root = join(work, 'root');
    for (const archive of toolArchives) extract(archive, root);
    copyModules(kernelRoot, root);
    const made = join(work, 'made');
    mkdirSync(made);
    writeBase(join(made, 'base.cpio'), root);
    copyFileSync(join(kernelRoot, 'boot', `vmlinuz-${kernelRelease(kernelRoot)}`), join(made, 'vmlinuz'));
    // Another run may have made it meanwhile.
    if (!existsSync(folder)) renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Kernel and base of the guest, from the cache or built now. `say` is told when the latter takes its time. */
export function bootFiles(say: (line: string) => void): BootFiles {
  const cache = cacheFolder();
  const { kernel, tools } = guestPackages();
  const folder = join(cache, `base-${keyOf([kernel, ...tools])}`);
  if (!existsSync(folder)) {
    say(`building the guest of ${kernel.name} ${kernel.version} and ${tools.length} packages (kept in ${cache})`);
    for (const old of readdirSync(cache).filter((name) => name.startsWith('base-'))) rmSync(join(cache, old), { recursive: true });
    build(kernel, tools, cache, folder);
  }
  return { kernel: join(folder, 'vmlinuz'), release: kernel.name.replace('linux-image-', ''), base: join(folder, 'base.cpio') };
}

/** What differs from run to run: this build of Lunloom, the scripts and what they have to know. */
export interface Overlay {
  /** The checkout, for `bin`, `package.json` and `node_modules`. */
  readonly root: string;
  /** Where the compiler put `engine`, `cli`… */
  readonly compiled: string;
  /** The folder of `init` and the scenarios. */
  readonly scripts: string;
  readonly settings: Readonly<Record<string, string>>;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The whole root file system: the base and the overlay behind it, which the kernel unpacks in turn. */
export function writeInitramfs(path: string, base: string, overlay: Overlay): void {
  const overlayPath = `${path}.overlay`;
  const archive = new CpioArchive(overlayPath);
  const { root, compiled } = overlay;
  const program = /\.js$|package\.json$/;
  for (const folder of LUNLOOM_FOLDERS) {
    archive.addTree(
      join(compiled, folder),
      (name) => program.test(name),
      (name) => `${GUEST_LUNLOOM}/dist/${folder}/${name}`,
    );
  }
  archive.addFile(`${GUEST_LUNLOOM}/bin/lunloom.js`, readFileSync(join(root, 'bin/lunloom.js')), 0o755);
  archive.addFile(`${GUEST_LUNLOOM}/package.json`, readFileSync(join(root, 'package.json')));
  for (const folder of productionPackages(root)) archive.addTree(realpathSync(join(root, folder)), isRunnable, (name) => `${GUEST_LUNLOOM}/${folder}/${name}`);
  archive.addTree(
    overlay.scripts,
    () => true,
    (name) => `test/${name}`,
  );
  archive.addFile('init', readFileSync(join(overlay.scripts, 'init')), 0o755);
  const lines = Object.entries(overlay.settings).map(([name, value]) => `${name}=${quoted(value)}\n`);
  archive.addFile('test/settings', lines.join(''));
  archive.close();
  cpSync(base, path);
  writeFileSync(path, readFileSync(overlayPath), { flag: 'a' });
  rmSync(overlayPath);
}
