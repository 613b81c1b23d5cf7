import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TargetError } from '../../engine/errors.js';
import { type PeerOptions, peerOutput, runPeer } from './run-peer.js';

const test = suite<{ folder: string; path: string | undefined }>('run-peer');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-run-peer-'));
  context.path = process.env['PATH'];
  process.env['PATH'] = `${context.folder}:${context.path}`;
});
test.after.each(({ folder, path }) => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

/** A program in the place of iscsi-ls. */
function standIn(folder: string, script: string): void {
  writeFileSync(join(folder, 'iscsi-ls'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

async function failureOf(run: Promise<unknown>): Promise<Error> {
  try {
    await run;
  } catch (error) {
    return error as Error;
  }
  return assert.unreachable('it did not fail') as never;
}

test('outputs, arguments and exit code come back apart', async ({ folder }) => {
  standIn(folder, 'echo "out $1"; echo "err $2" >&2; exit 10');
  const { exitCode, stdout, stderr } = await runPeer('iscsi-ls', ['a b', 'c']);
  assert.equal([exitCode, stdout, stderr], [10, 'out a b\n', 'err c\n']);
});

test('where only success is of use, failure has the words of the program', async ({ folder }) => {
  standIn(folder, 'echo "Failed to log in" >&2; exit 10');
  assert.match((await failureOf(peerOutput('iscsi-ls', ['-s']))).message, /iscsi-ls -s ended with exit code 10:\nFailed to log in/);
});

const RUNAWAYS: readonly (readonly [code: string, script: string, options: PeerOptions])[] = [
  ['PEER_TIMEOUT', 'exec sleep 60', { timeMsMax: 200 }],
  ['PEER_OUTPUT_TOO_LONG', 'exec yes', { outputLengthMax: 10_000 }],
];
for (const [code, script, options] of RUNAWAYS) {
  test(`a program that does not end is ended: ${code}`, async ({ folder }) => {
    standIn(folder, script);
    const startedAt = performance.now();
    assert.is(((await failureOf(runPeer('iscsi-ls', [], options))) as TargetError).code, code);
    assert.ok(performance.now() - startedAt < 10_000);
  });
}

test('a program that is not installed is a failure of its own', async ({ folder }) => {
  process.env['PATH'] = folder;
  const { code } = (await failureOf(runPeer('iscsi-perf', []))) as TargetError;
  assert.is(code, 'PEER_FAILED');
});

test.run();
