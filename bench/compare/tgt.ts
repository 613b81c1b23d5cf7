import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetError } from '../../engine/errors.js';
import { BenchFiles, MEMORY_FOLDER } from './bench-files.js';
import { Child, runToEnd } from './child-process.js';
import { freePort } from './free-port.js';
import type { Contender, MediumKind, RunningContender } from './model.js';
import { requireProgram } from './programs.js';

const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench-tgt';
/** tgt keeps LUN 0 for its controller. */
const LUN = 1;
/** Any number: the socket has a folder of its own. */
const CONTROL_PORT = '0';
const START_MS_MAX = 10_000;
const ADMIN_MS_MAX = 5_000;
const RETRY_MS = 50;

const places: Readonly<Record<MediumKind, string>> = {
  memory: `in ${MEMORY_FOLDER}`,
  file: 'through the page cache',
  direct: 'with O_DIRECT',
};

/** Linux's SCSI target framework in user space (Debian's `tgt`), with its default thread count, over a file. */
export function tgt(sizeBytes: number, mediumKind: MediumKind = 'memory'): Contender {
  return {
    name: mediumKind === 'memory' ? 'tgt' : `tgt-${mediumKind}`,
    title: `tgt, rdwr backing store, ${sizeBytes / 1024 / 1024} MiB file ${places[mediumKind]}`,
    mediumKind,
    runs: 'always',
    programs: ['tgtd', 'tgtadm'],
    mayOverwrite: true,
    start: () => start(sizeBytes, mediumKind),
  };
}

async function start(sizeBytes: number, mediumKind: MediumKind): Promise<RunningContender> {
  const files = new BenchFiles('tgt');
  // Apart from any tgtd that the machine runs already.
  const env = { TGT_IPC_SOCKET: join(files.folder, 'socket') };
  let child: Child | null = null;
  try {
    const port = await freePort();
    const image = files.createImage(mediumKind, sizeBytes);
    child = new Child('tgtd', requireProgram('tgtd'), ['-f', '-C', CONTROL_PORT, '--iscsi', `portal=127.0.0.1:${port}`], env);
    await configure(child, image, mediumKind === 'direct' ? ['--bsoflags', 'direct'] : [], env);
    const daemon = child;
    const stop = async (): Promise<void> => {
      // It does not heed SIGTERM as long as it has a target, and holds nothing that is worth saving.
      await daemon.stop('SIGKILL');
      files.remove();
    };
    return { url: `iscsi://127.0.0.1:${port}/${TARGET_NAME}/${LUN}`, pid: child.pid, stop };
  } catch (error) {
    await child?.stop('SIGKILL');
    files.remove();
    throw error;
  }
}

async function configure(daemon: Child, image: string, storeArgs: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await admin(env, ['--mode', 'system', '--op', 'show'])).isDone) {
    if (daemon.hasEnded) throw new TargetError('BENCH_CONTENDER', `tgtd ended at once: ${daemon.lastWords()}`);
    if (performance.now() > deadline) throw new TargetError('BENCH_CONTENDER', `tgtd does not answer: ${daemon.lastWords()}`);
    await sleep(RETRY_MS);
  }
  const target = ['--tid', '1'];
  const steps = [
    ['--mode', 'target', '--op', 'new', ...target, '--targetname', TARGET_NAME],
    ['--mode', 'logicalunit', '--op', 'new', ...target, '--lun', String(LUN), '--bstype', 'rdwr', ...storeArgs, '--backing-store', image],
    // Digests are for those who ask for them; tgt refuses them otherwise.
    ...['HeaderDigest', 'DataDigest'].map((key) => ['--mode', 'target', '--op', 'update', ...target, '--name', key, '--value', 'CRC32C,None']),
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
