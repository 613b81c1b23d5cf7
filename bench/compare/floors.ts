import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';
import { BenchFiles } from './bench-files.js';
import { runToEnd } from './child-process.js';
import type { Contender, RunningContender, Workload } from './model.js';
import { requireProgram } from './programs.js';
import { startServer } from './server-process.js';

const NODE_PROGRAM = fileURLToPath(new URL('../floor/node-floor.js', import.meta.url));
const C_SOURCE = 'bench/floor/epoll-floor.c';
const COMPILE_MS_MAX = 60_000;
const TARGET_NAME = 'iqn.2026-11.io.lunloom:floor';
/** They take data with its command only, as much as every initiator here sends so. */
const WRITE_BYTES_MAX = 64 * 1024;

const common = { mediumKind: 'memory', mayOverwrite: true, isOptional: true, abstains } as const;

/** Bare servers that answer the same PDUs from memory: the limit for a target of their kind. */
export function nodeFloor(sizeBytes: number): Contender {
  return {
    ...common,
    name: 'node-floor',
    title: 'a bare Node socket server that checks nothing',
    runs: 'at-leisure',
    programs: [],
    start: async () => ready(process.execPath, [NODE_PROGRAM, String(sizeBytes)], 'node-floor', () => {}),
  };
}

export function cFloor(sizeBytes: number): Contender {
  return {
    ...common,
    name: 'c-floor',
    title: 'a bare C epoll server that checks nothing',
    runs: 'always',
    programs: ['cc'],
    start: () => compileAndStart(sizeBytes),
  };
}

function abstains({ operation, lengthBytes, digests }: Workload): string | null {
  if (digests) return 'it has no digests';
  return operation !== 'read' && lengthBytes > WRITE_BYTES_MAX ? `it takes writes of up to ${WRITE_BYTES_MAX / 1024} KiB` : null;
}

async function compileAndStart(sizeBytes: number): Promise<RunningContender> {
  const files = new BenchFiles('floor');
  try {
    const program = join(files.folder, 'epoll-floor');
    const end = await runToEnd('cc', requireProgram('cc'), ['-O2', '-o', program, sourceOfFloor()], COMPILE_MS_MAX);
    if (end.exitCode !== 0) throw new TargetError('BENCH_CONTENDER', `cc failed: ${end.lastWords()}`);
    return await ready(program, [String(sizeBytes)], 'c-floor', () => files.remove());
  } catch (error) {
    files.remove();
    throw error;
  }
}

async function ready(program: string, args: readonly string[], label: string, clean: () => void): Promise<RunningContender> {
  const { portal, child } = await startServer(label, program, args);
  return {
    url: `iscsi://${portal}/${TARGET_NAME}/0`,
    pid: child.pid,
    stop: async () => {
      await child.stop('SIGTERM');
      clean();
    },
  };
}

/** Compilation leaves C where it is: in the checkout above the compiled file or, with an outDir elsewhere, below the working directory. */
function sourceOfFloor(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, C_SOURCE))) return join(folder, C_SOURCE);
  }
  if (existsSync(C_SOURCE)) return C_SOURCE;
  throw new TargetError('BENCH_CONTENDER', `${C_SOURCE} is not there: run from the checkout`);
}
