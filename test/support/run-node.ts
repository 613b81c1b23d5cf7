import { spawn } from 'node:child_process';

const TIME_MS_MAX = 20_000;

/** Runs a script in a node of its own; what it wrote to either output, and how it ended (null when it was killed). */
export function runNode(path: string, env: Readonly<Record<string, string>>): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_MS_MAX,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, output })));
}
