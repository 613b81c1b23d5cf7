import { chmodSync, lstatSync, mkdirSync, readdirSync, type Stats, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { TargetError } from '../errors.js';

/** `listen` at a path of its own choice. */
export const CONTROL_AUTO = 'auto';
export const CONTROL_OFF = 'off';
/** `sun_path` has room for 104 bytes on the smallest system we know, its ending zero included. */
const SOCKET_PATH_BYTES_MAX = 103;
const DIRECTORY_MODE = 0o700;
const SOCKET_MODE = 0o600;
/** What `umask` must take away so that a socket is born with mode 0600. */
const SOCKET_UMASK = 0o177;
const OTHERS_WRITE = 0o022;
const OTHERS_ANY = 0o077;
const STICKY = 0o1000;
/** How long a process may take to accept before its socket counts as dead. */
const PROBE_MS_MAX = 1000;
/** Engines of one process that each want a socket. */
const OWN_SOCKET_COUNT_MAX = 64;
const SOCKET_NAME = /^(\d+)(?:-\d+)?\.sock$/;

/** A path that is listened at. `release` removes it; it is removed at the exit of the process too. */
export interface SocketPathClaim {
  readonly path: string;
  release(): void;
}

/** The directories that may hold this user's sockets, the best first. */
export function controlDirectories(env: NodeJS.ProcessEnv = process.env): string[] {
  const userId = ownUserId();
  const runtime = env['XDG_RUNTIME_DIR'];
  const directories = [join('/run/user', String(userId), 'lunloom'), join(tmpdir(), `lunloom-${userId}`)];
  if (runtime?.startsWith('/') === true) directories.unshift(join(runtime, 'lunloom'));
  return [...new Set(directories)];
}

/** The sockets of living processes in this user's directories. */
export function findControlSockets(env: NodeJS.ProcessEnv = process.env): string[] {
  const found: string[] = [];
  for (const directory of controlDirectories(env)) {
    if (!isPrivate(directory)) continue;
    for (const { path, processId } of socketsIn(directory)) if (isAlive(processId)) found.push(path);
  }
  return found;
}

/** Makes `server` listen at `where`, a path or `auto`. Throws `TargetError` `LISTEN_CONTROL`. */
export async function claimSocketPath(where: string, server: Server): Promise<SocketPathClaim> {
  return where === CONTROL_AUTO ? claimOwnPath(server) : claimPath(where, server);
}

async function claimOwnPath(server: Server): Promise<SocketPathClaim> {
  const directory = ownDirectory();
  removeStale(directory);
  for (let count = 1; count <= OWN_SOCKET_COUNT_MAX; count++) {
    const path = join(directory, count === 1 ? `${process.pid}.sock` : `${process.pid}-${count}.sock`);
    // A socket of ours that answers belongs to another engine of this process; one that does not to a process before us.
    if (!(await isTaken(path))) return claimPath(path, server);
  }
  throw new TargetError('LISTEN_CONTROL', `all ${OWN_SOCKET_COUNT_MAX} control sockets of this process in ${directory} are taken`);
}

async function claimPath(path: string, server: Server): Promise<SocketPathClaim> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new TargetError('LISTEN_CONTROL', `the control socket's path has more than ${SOCKET_PATH_BYTES_MAX} bytes: ${path}`);
  }
  const present = statOf(path);
  if (present !== null && !present.isSocket()) throw new TargetError('LISTEN_CONTROL', `${path} is there and is no socket`);
  if (await isTaken(path)) throw new TargetError('LISTEN_CONTROL', `${path} is the control socket of a running target`);
  if (present !== null) removeSocket(path);
  await bind(path, server);
  return claimOf(path);
}

async function bind(path: string, server: Server): Promise<void> {
  const bound = new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new TargetError('LISTEN_CONTROL', `cannot listen at ${path}: ${error.code ?? error.message}`)),
    );
  });
  listenWithMode(path, server);
  await bound;
  chmodSync(path, SOCKET_MODE);
}

/** The socket is made within the call, so that nobody can connect before it has its mode. */
function listenWithMode(path: string, server: Server): void {
  // Threads other than the main one may not set the umask of the process: there only the mode of the directory holds until `chmod`.
  const umask = isMainThread ? process.umask(SOCKET_UMASK) : null;
  try {
    server.listen(path);
  } finally {
    if (umask !== null) process.umask(umask);
  }
}

function claimOf(path: string): SocketPathClaim {
  const remove = (): void => removeSocket(path);
  process.once('exit', remove);
  return {
    path,
    release() {
      process.off('exit', remove);
      remove();
    },
  };
}

/** The first directory that can be had with mode 0700 for this user alone. */
function ownDirectory(): string {
  const faults: string[] = [];
  for (const directory of controlDirectories()) {
    const fault = directoryFault(directory);
    if (fault === null) return directory;
    faults.push(`${directory} ${fault}`);
  }
  throw new TargetError('LISTEN_CONTROL', `there is no directory for a control socket: ${faults.join('; ')}`);
}

function directoryFault(directory: string): string | null {
  // In a parent that others may write to without the sticky bit, or that another user owns, the directory could be swapped for another.
  const parent = statOf(dirname(directory));
  if (parent === null || !parent.isDirectory()) return 'has no parent directory';
  const parentIsSafe = [0, ownUserId()].includes(parent.uid) && ((parent.mode & OTHERS_WRITE) === 0 || (parent.mode & STICKY) !== 0);
  if (!parentIsSafe) return 'lies where another user could replace it';
  if (Buffer.byteLength(join(directory, '4194304-64.sock')) > SOCKET_PATH_BYTES_MAX) return 'is too long a path for a socket';
  try {
    mkdirSync(directory, { mode: DIRECTORY_MODE });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code !== 'EEXIST') return `cannot be made (${code})`;
  }
  return isPrivate(directory) ? null : 'is not a directory of this user alone (mode 0700)';
}

/** A directory, and no link to one, that only this user can look into. */
function isPrivate(directory: string): boolean {
  const stats = statOf(directory);
  if (stats === null) return false;
  return stats.isDirectory() && stats.uid === ownUserId() && (stats.mode & OTHERS_ANY) === 0;
}

/** What processes left that were killed. */
function removeStale(directory: string): void {
  for (const { path, processId } of socketsIn(directory)) if (!isAlive(processId)) removeSocket(path);
}

function socketsIn(directory: string): { readonly path: string; readonly processId: number }[] {
  const names = readdirSync(directory).map((name) => ({ path: join(directory, name), match: SOCKET_NAME.exec(name) }));
  return names.flatMap(({ path, match }) => (match === null ? [] : [{ path, processId: Number(match[1]) }]));
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // Another user's process lives although we may not signal it.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether somebody answers at the path. */
function isTaken(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (taken: boolean): void => {
      probe.destroy();
      resolve(taken);
    };
    probe.once('connect', () => settle(true));
    probe.once('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT' && error.code !== 'ENOTSOCK'));
    probe.setTimeout(PROBE_MS_MAX, () => settle(true));
  });
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already: Node removes it when its server closes.
  }
}

function statOf(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function ownUserId(): number {
  return process.getuid?.() ?? 0;
}
