import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetError } from '../../engine/errors.js';
import { BenchFiles, MEMORY_FOLDER } from './bench-files.js';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import type { Contender, RunningContender } from './model.js';
import { requireProgram } from './programs.js';

const NODE_BASE = 'iqn.2026-11.io.lunloom';
const TARGET = 'bench-istgt';
/** 16 logins at once stall it for good. */
const SESSION_COUNT_MAX = 4;
const START_MS_MAX = 10_000;
const RETRY_MS = 50;

/** Debian's `istgt`, a thread a connection, over a file of memory. */
export function istgt(sizeBytes: number): Contender {
  return {
    name: 'istgt',
    title: `istgt, ${sizeBytes / 1024 / 1024} MiB file in ${MEMORY_FOLDER}`,
    mediumKind: 'memory',
    runs: 'at-leisure',
    programs: ['istgt'],
    isOptional: true,
    mayOverwrite: true,
    abstains: ({ sessionCount = 1 }) => (sessionCount > SESSION_COUNT_MAX ? `more than ${SESSION_COUNT_MAX} logins at once stall it` : null),
    start: () => start(sizeBytes),
  };
}

async function start(sizeBytes: number): Promise<RunningContender> {
  const files = new BenchFiles('istgt');
  let child: Child | null = null;
  try {
    const port = await freePort();
    const image = files.createImage('memory', sizeBytes);
    const configFile = join(files.folder, 'istgt.conf');
    writeFileSync(join(files.folder, 'auth.conf'), '', { mode: 0o600 });
    writeFileSync(configFile, configuration(files.folder, port, image, sizeBytes), { mode: 0o600 });
    child = new Child('istgt', requireProgram('istgt'), ['-D', '-c', configFile]);
    await waitForPort(child, port);
    const daemon = child;
    const stop = async (): Promise<void> => {
      // On SIGTERM it waits for its connections, and it holds nothing that is worth saving.
      await daemon.stop('SIGKILL');
      files.remove();
    };
    return { url: `iscsi://127.0.0.1:${port}/${NODE_BASE}:${TARGET}/0`, pid: child.pid, stop };
  } catch (error) {
    await child?.stop('SIGKILL');
    files.remove();
    throw error;
  }
}

/** Its example configuration with the window as wide as it goes; it refuses `InitialR2T No` and wants every section. */
function configuration(folder: string, port: number, image: string, sizeBytes: number): string {
  return `[Global]
  NodeBase "${NODE_BASE}"
  PidFile "${join(folder, 'istgt.pid')}"
  AuthFile "${join(folder, 'auth.conf')}"
  MediaDirectory "${folder}"
  LogFacility "local7"
  Timeout 30
  NopInInterval 0
  DiscoveryAuthMethod None
  MaxSessions 128
  MaxConnections 4
  MaxR2T 32
  MaxOutstandingR2T 16
  DefaultTime2Wait 2
  DefaultTime2Retain 60
  FirstBurstLength 262144
  MaxBurstLength 1048576
  MaxRecvDataSegmentLength 262144
  InitialR2T Yes
  ImmediateData Yes
  DataPDUInOrder Yes
  DataSequenceInOrder Yes
  ErrorRecoveryLevel 0

[UnitControl]
  AuthMethod None

[PortalGroup1]
  Portal DA1 127.0.0.1:${port}

[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask 127.0.0.0/8

[LogicalUnit1]
  TargetName ${TARGET}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod None
  UseDigest Auto
  UnitType Disk
  QueueDepth 255
  LUN0 Storage "${image}" ${sizeBytes / 1024 / 1024}MB
`;
}

async function waitForPort(daemon: Child, port: number): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (!(await accepts(port))) {
    if (daemon.hasEnded) throw new TargetError('BENCH_CONTENDER', `istgt ended at once: ${daemon.lastWords()}`);
    if (performance.now() > deadline) throw new TargetError('BENCH_CONTENDER', `istgt does not listen: ${daemon.lastWords()}`);
    await sleep(RETRY_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
