import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';
import { BenchFiles } from './bench-files.js';
import type { Contender, MediumKind, RunningContender } from './model.js';
import { startServer } from './server-process.js';

/** The compiled program next to this compiled file, whatever folder both were compiled to. */
const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const TARGET_NAME = 'iqn.2026-11.io.lunloom:bench';

export type Execution = 'inline' | 'pool' | 'auto';

export interface LunloomOptions {
  readonly execution: Execution;
  readonly sizeBytes: number;
  readonly mediumKind?: MediumKind;
  /** `--poll-us`; as shipped when absent. */
  readonly pollUs?: number;
  readonly runs?: Contender['runs'];
}

const stores: Readonly<Record<MediumKind, string>> = { memory: 'RAM', file: 'a file through the page cache', direct: 'a file with O_DIRECT' };

/** Lunloom as a process of its own, serving one LUN under an execution policy. */
export function lunloom({ execution, sizeBytes, mediumKind = 'memory', pollUs, runs = 'always' }: LunloomOptions): Contender {
  const name = pollUs === undefined ? execution : pollUs > 0 ? 'poll' : 'no-poll';
  const pollArgs = pollUs === undefined ? [] : ['--poll-us', String(pollUs)];
  return {
    name: mediumKind === 'memory' ? name : `${name}-${mediumKind}`,
    title: ['Lunloom, --execution', execution, ...pollArgs, `on ${sizeBytes / 1024 / 1024} MiB of ${stores[mediumKind]}`].join(' '),
    mediumKind,
    runs,
    programs: [],
    mayOverwrite: true,
    start: () => start(mediumKind, sizeBytes, ['--execution', execution, ...pollArgs]),
  };
}

async function start(mediumKind: MediumKind, sizeBytes: number, policyArgs: readonly string[]): Promise<RunningContender> {
  if (!existsSync(PROGRAM)) throw new TargetError('BENCH_CONTENDER', `${PROGRAM} is not there: build first`);
  const files = new BenchFiles('lunloom');
  try {
    const image = mediumKind === 'memory' ? null : files.createImage(mediumKind, sizeBytes);
    const store = image === null ? `ram:${sizeBytes}` : `file:${image}${mediumKind === 'direct' ? ',direct' : ''}`;
    const args = [PROGRAM, 'serve', '--json', '--portal', '127.0.0.1:0', '--target', TARGET_NAME, '--lun', `0=${store}`, ...policyArgs];
    const { child, portal } = await startServer(`lunloom ${policyArgs.join(' ')}`, process.execPath, args);
    const stop = async (): Promise<void> => {
      await child.stop('SIGTERM');
      files.remove();
    };
    return { url: `iscsi://${portal}/${TARGET_NAME}/0`, pid: child.pid, stop };
  } catch (error) {
    files.remove();
    throw error;
  }
}
