import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetError } from '../../engine/errors.js';
import { Child, runToEnd } from './child-process.js';
import type { Contender, RunningContender } from './model.js';
import { requireProgram } from './programs.js';

/** Memory as a file system: tgt has no store of memory, a file here is the nearest to one. */
const MEMORY_FOLDER = '/dev/shm';
const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench-tgt';
/** tgt keeps LUN 0 for its controller. */
const LUN = 1;
/** Any number: the socket has a folder of its own. */
const CONTROL_PORT = '0';
const START_MS_MAX = 10_000;
const ADMIN_MS_MAX = 5_000;
const RETRY_MS = 50;

/** Linux's SCSI target framework in user space (Debian's `tgt`), with its default thread count, over a file of memory. */
export function tgt(sizeBytes: number): Contender {
  return {
    name: 'tgt',
    title: `tgt, rdwr backing store, ${sizeBytes / 1024 / 1024} MiB file in ${MEMORY_FOLDER}`,
    programs: ['tgtd', 'tgtadm'],
    mayOverwrite: true,
    start: () => start(sizeBytes),
  };
}

async function start(sizeBytes: number): Promise<RunningContender> {
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  if (bavail * bsize < sizeBytes) throw new TargetError('BENCH_CONTENDER', `${MEMORY_FOLDER} has ${bavail * bsize} bytes left, tgt needs ${sizeBytes}`);
  const socketFolder = mkdtempSync(join(tmpdir(), 'lunloom-bench-tgt-'));
  const file = `${MEMORY_FOLDER}/lunloom-bench-${process.pid}.img`;
  const removeFiles = (): void => {
    rmSync(socketFolder, { recursive: true, force: true });
    rmSync(file, { force: true });
    process.off('exit', removeFiles);
  };
  process.once('exit', removeFiles);
  // Apart from any tgtd that the machine runs already.
  const env = { TGT_IPC_SOCKET: join(socketFolder, 'socket') };
  let child: Child | null = null;
  try {
    const port = await freePort();
    writeFileSync(file, '', { flag: 'wx' });
    truncateSync(file, sizeBytes);
    child = new Child('tgtd', requireProgram('tgtd'), ['-f', '-C', CONTROL_PORT, '--iscsi', `portal=127.0.0.1:${port}`], env);
    await configure(child, file, env);
    // tgtd has it open: without a name it goes when tgtd goes, whatever becomes of us.
    rmSync(file);
    const daemon = child;
    const stop = async (): Promise<void> => {
      // It does not heed SIGTERM as long as it has a target, and holds nothing that is worth saving.
      await daemon.stop('SIGKILL');
      removeFiles();
    };
    return { url: `iscsi://127.0.0.1:${port}/${TARGET_NAME}/${LUN}`, pid: child.pid, stop };
  } catch (error) {
    await child?.stop('SIGKILL');
    removeFiles();
    throw error;
  }
}

async function configure(daemon: Child, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await admin(env, ['--mode', 'system', '--op', 'show'])).isDone) {
    if (daemon.hasEnded) throw new TargetError('BENCH_CONTENDER', `tgtd ended at once: ${daemon.lastWords()}`);
    if (performance.now() > deadline) throw new TargetError('BENCH_CONTENDER', `tgtd does not answer: ${daemon.lastWords()}`);
    await sleep(RETRY_MS);
  }
  const target = ['--tid', '1'];
  const steps = [
    ['--mode', 'target', '--op', 'new', ...target, '--targetname', TARGET_NAME],
    ['--mode', 'logicalunit', '--op', 'new', ...target, '--lun', String(LUN), '--bstype', 'rdwr', '--backing-store', file],
    ['--mode', 'target', '--op', 'bind', ...target, '--initiator-address', 'ALL'],
  ];
  for (const step of steps) {
    const { isDone, words } = await admin(env, step);
    if (!isDone) throw new TargetError('BENCH_CONTENDER', `tgtadm ${step.join(' ')} failed: ${words}`);
  }
}

async function admin(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<{ readonly isDone: boolean; readonly words: string }> {
  const end = await runToEnd('tgtadm', requireProgram('tgtadm'), ['-C', CONTROL_PORT, '--lld', 'iscsi', ...args], ADMIN_MS_MAX, env);
  return { isDone: end.exitCode === 0, words: end.lastWords() };
}

/** tgtd cannot be told to take any port and say which, so one that was free a moment ago must do. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
