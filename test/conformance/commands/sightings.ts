import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMAND_COVERAGE_VARIABLE, type CommandSighting } from '../../support/command-coverage.js';
import { repositoryRoot } from '../../support/repository-root.js';
import { findTestFiles } from '../../support/test-files.js';

const AT_A_TIME = 4;
/** A test that hangs is told of where the tests run; it must not hang the page too. */
const FILE_MS_MAX = 90_000;
const COMMAND_TESTS = ['test/engine/scsi/', 'test/engine/devices/'];

/** Runs every unit test of device servers once more, random ones with a seed that is always the same, and answers what each of them has seen commands do. */
export async function collectSightings(): Promise<CommandSighting[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-commands-'));
  const output = join(folder, 'sightings');
  writeFileSync(output, '');
  try {
    const compiledFolder = fileURLToPath(new URL('../../', import.meta.url));
    const { files } = findTestFiles(repositoryRoot(), compiledFolder);
    const waiting = files.filter(({ name }) => COMMAND_TESTS.some((folder) => name.startsWith(folder)));
    const lane = async () => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await runFile(file.compiledPath, output);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lane));
    const lines = readFileSync(output, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CommandSighting);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runFile(path: string, output: string): Promise<void> {
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, LUNLOOM_SEED: '1', [COMMAND_COVERAGE_VARIABLE]: output },
    stdio: 'ignore',
    timeout: FILE_MS_MAX,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // A test that fails is told of where the tests run; what it has seen until then counts.
    child.once('close', () => resolve());
  });
}
