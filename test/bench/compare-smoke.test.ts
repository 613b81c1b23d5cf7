// test-timeout: 240 s
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../bench/compare/report.js';
import { peerTest } from '../support/peer-test.js';

/** That `bench:compare` works: it fails on errors and wrong data here, never on how fast anything is. */

const PROGRAM = fileURLToPath(new URL('../../bench/compare.js', import.meta.url));
const LUNLOOM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const TARGET_NAME = 'iqn.2026-11.io.lunloom:smoke';
const RUN_MS_MAX = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'lunloom-compare-'));
const jsonFile = join(folder, 'report.json');

test.after(() => rmSync(folder, { recursive: true }));

function compare(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [PROGRAM, '--rounds', '1', '--seconds', '1', '--no-warm-up', ...args], {
    encoding: 'utf8',
    timeout: RUN_MS_MAX,
    // A report of this program must not look like one of the test runner.
    env: { ...process.env, NO_COLOR: '1' },
  });
}

/** Serves a store while `use` runs. */
async function withTarget(store: string, use: (url: string) => void): Promise<void> {
  const args = [LUNLOOM, 'serve', '--json', '--portal', '127.0.0.1:0', '--target', TARGET_NAME, '--lun', `0=${store}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      child.once('error', reject);
    });
    const { portals } = JSON.parse(line.split('\n')[0] ?? '') as { portals: string[] };
    use(`iscsi://${portals[0]}/${TARGET_NAME}/0`);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

peerTest('a matrix of every kind of row ends without errors, with right data and nothing left behind', ['tgtd', 'tgtadm', 'iscsi-perf'], () => {
  const workloads = ['tur-q1', 'read-4k-q32', 'write-4k-q32'];
  const end = compare('--only', `inline,pool,tgt,${workloads.join(',')}`, '--json', jsonFile);
  assert.is(end.status, 0, end.stderr);
  const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report;
  assert.equal(report.failures, []);
  for (const { name, verifiedBytes } of report.contenders) assert.is(verifiedBytes, 256 * 1024 * 1024, name);
  assert.equal(
    report.runs.map(({ workload, contender, round }) => `${workload} ${contender} ${round}`),
    workloads.flatMap((workload) => ['inline', 'pool', 'tgt'].map((contender) => `${workload} ${contender} 1`)),
  );
  for (const run of report.runs) {
    assert.ok((run.measurement?.iops ?? 0) > 0, JSON.stringify(run));
    assert.ok(run.measurement?.cpuSeconds !== null, JSON.stringify(run));
  }
  for (const row of report.rows) assert.is(row.ratio === null, row.contender === 'tgt', JSON.stringify(row));
  for (const row of report.rows) assert.match(end.stdout, row.workload);
  assert.equal(
    readdirSync('/dev/shm').filter((name) => name.startsWith('lunloom-bench')),
    [],
  );
});

test('a target that forgets what is written fails the verification, and is not measured', async () => {
  await withTarget('null:256MiB', (url) => {
    const end = compare('--url', `liar=${url}`, '--overwrite-urls', '--only', 'liar,tur-q1', '--json', jsonFile);
    assert.is(end.status, 1, end.stderr);
    const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report;
    assert.match(report.failures.join(), 'liar does not take part: wrong data');
    assert.equal(report.runs, []);
  });
});

test('a target of somebody else is read and not written', async () => {
  await withTarget('ram:16MiB', (url) => {
    const end = compare('--url', `lab=${url}`, '--only', 'lab,core-read-4k-q32,write-4k-q32', '--json', jsonFile);
    assert.is(end.status, 0, end.stderr);
    const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report;
    assert.equal([report.contenders[0]?.verifiedBytes, report.runs.map(({ workload }) => workload)], [0, ['core-read-4k-q32']]);
    assert.match(report.warnings.join(), 'lab has 16777216 bytes');
  });
});

test('a target that is not there makes it fail', () => {
  const end = compare('--url', `gone=iscsi://127.0.0.1:1/${TARGET_NAME}/0`, '--only', 'gone,tur-q1');
  assert.is(end.status, 1);
  assert.match(end.stderr, 'gone does not take part');
});

test('a program that is missing is named, and left out where that is allowed', () => {
  const lacking = { ...process.env, PATH: '/nowhere' };
  const args = [PROGRAM, '--rounds', '1', '--seconds', '1', '--no-warm-up', '--only', 'read-4k-q1', '--only', 'inline'];
  const strict = spawnSync(process.execPath, args, { encoding: 'utf8', env: lacking });
  // Where it is installed in a system folder it is found without PATH; then there is nothing to see here.
  if (!strict.stderr.includes('missing:')) return;
  assert.is(strict.status, 1);
  assert.match(strict.stderr, /missing: read-4k-q1: this machine lacks iscsi-perf \(Debian: apt-get install libiscsi-bin\)/);
  const lenient = spawnSync(process.execPath, [...args, '--only', 'tur-q1', '--allow-missing', '--json', jsonFile], { encoding: 'utf8', env: lacking });
  assert.is(lenient.status, 0, lenient.stderr);
  const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report;
  assert.equal([report.missing.length, report.runs.map(({ workload }) => workload)], [1, ['tur-q1']]);
});

test.run();
