import { spawn } from 'node:child_process';
import { Assertion } from 'uvu/assert';
import { TargetError } from '../../engine/errors.js';
import { type PeerName, peerPath } from './debian-packages.js';

export interface PeerResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface PeerOptions {
  readonly timeMsMax?: number;
  /** Kept of each of its outputs, from the beginning; more ends the program. */
  readonly outputLengthMax?: number;
}

const TIME_MS_MAX_DEFAULT = 30_000;
const OUTPUT_LENGTH_MAX = 16 * 1024 * 1024;

/**
 * Runs an installed foreign program to its end, without a terminal and in English. Any exit code is a result. Rejects with
 * `TargetError` `PEER_TIMEOUT` or `PEER_OUTPUT_TOO_LONG` when it had to be killed, `PEER_FAILED` when it cannot be started.
 */
export function runPeer(name: PeerName, args: readonly string[], options: PeerOptions = {}): Promise<PeerResult> {
  const path = peerPath(name);
  if (path === null) return Promise.reject(new TargetError('PEER_FAILED', `${name} is not installed`));
  const startedAt = performance.now();
  const timeMsMax = options.timeMsMax ?? TIME_MS_MAX_DEFAULT;
  const outputLengthMax = options.outputLengthMax ?? OUTPUT_LENGTH_MAX;
  const child = spawn(path, args, { env: { ...process.env, LC_ALL: 'C.UTF-8' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  let fault: TargetError | null = null;
  const end = (code: string, message: string) => {
    fault ??= new TargetError(code, `${name} ${message}; it wrote:\n${(output.stdout + output.stderr).slice(-4096)}`);
    child.kill('SIGKILL');
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
      if (output[stream].length > outputLengthMax) end('PEER_OUTPUT_TOO_LONG', `wrote more than ${outputLengthMax} characters`);
    });
  }
  const deadline = setTimeout(() => end('PEER_TIMEOUT', `${args.join(' ')} was killed after ${timeMsMax} ms`), timeMsMax);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      clearTimeout(deadline);
      reject(new TargetError('PEER_FAILED', `${name} does not start: ${error.message}`, { cause: error }));
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(deadline);
      if (fault === null) resolve({ ...output, exitCode, signal, durationMs: performance.now() - startedAt });
      else reject(fault);
    });
  });
}

/** As `runPeer`, and fails the test with the program's own words unless it ends with exit code 0. Answers its stdout. */
export async function peerOutput(name: PeerName, args: readonly string[], options: PeerOptions = {}): Promise<string> {
  const { exitCode, signal, stdout, stderr } = await runPeer(name, args, options);
  if (exitCode === 0) return stdout;
  const message = `${name} ${args.join(' ')} ended with ${signal ?? `exit code ${exitCode}`}:\n${(stdout + stderr).slice(-8192)}`;
  throw new Assertion({ message, operator: 'peerOutput', expects: 0, actual: exitCode });
}
