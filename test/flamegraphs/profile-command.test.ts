// test-alone
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { coreInitiator, probeMedium } from '../../bench/compare/core-initiator.js';
import { commandCountOf, readProfiles } from '../../flamegraphs/graph/profile-files.js';
import { runCli } from '../e2e/cli-child.js';
import { withLunloom } from '../support/lunloom-process.js';
import { elementsNamed, parseXml } from './xml-check.js';

const WORKLOAD = { name: 'write', title: 'writes', initiator: 'core', operation: 'write', lengthBytes: 16384, depth: 16, runs: 'always' } as const;

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-profile-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('lunloom profile of a running target: a file and a lane a thread, with our functions in them', () =>
  inFolder(async (folder) => {
    const control = join(folder, 'control.sock');
    const args = ['--control', control, '--lun', '0=ram:16MiB', '--execution', 'pool', '--workers', '2'];
    await withLunloom({ args }, async (lunloom) => {
      const url = lunloom.url();
      const loading = coreInitiator.run({ url, medium: await probeMedium(url), workload: WORKLOAD, seconds: 3, seed: 1, targetPid: null });
      const out = join(folder, 'out');
      const { exitCode, stdout, stderr } = await runCli(['profile', '--seconds', '1.5', '--control', control, '--out', out, '--json']);
      await loading;
      assert.is(exitCode, 0, stderr);
      const event = JSON.parse(stdout) as { event: string; files: string[]; lostThreads: string[]; threads: { thread: string }[] };
      assert.is(event.event, 'profile');
      assert.equal(event.lostThreads, []);
      assert.equal(
        event.threads.map(({ thread }) => thread),
        ['main', 'worker-1', 'worker-2'],
      );
      assert.ok(event.files.length === 4 && event.files.every((file) => existsSync(file)));
      assert.ok((commandCountOf(readProfiles([out])) ?? 0) > 0, 'the files know how many commands there were');
      const svg = parseXml(readFileSync(join(out, 'flame.svg'), 'utf8'));
      const lanes = elementsNamed(svg, 'g').filter(({ attributes }) => attributes['class'] === 'lane');
      const titles = lanes.map((lane) => elementsNamed(lane, 'title').map(({ text }) => text));
      assert.is(lanes.length, 3);
      // Source maps lead from what runs to what was written.
      assert.ok(titles[0]?.some((title) => /\nengine\/net\/tcp-transport\.ts:\d+\n/.test(title)));
      assert.ok(titles.slice(1).some((lane) => lane.some((title) => /^serveRing\nworkers\/ring-loop\.ts:\d+\n/.test(title))));
    });
  }));

for (const [what, args, code, message] of [
  ['no time', [], 2, /--seconds/],
  ['a time that is no number', ['--seconds', 'soon'], 2, /--seconds must be a number above 0/],
  ['an interval of nothing', ['--seconds', '1', '--interval-us', '0'], 2, /--interval-us must be a number above 0/],
] as const) {
  test(`${what} is usage`, async () => {
    const { exitCode, stderr } = await runCli(['profile', ...args]);
    assert.is(exitCode, code);
    assert.match(stderr, message);
  });
}

test('what the target refuses is told with its reason', () =>
  inFolder(async (folder) => {
    const control = join(folder, 'control.sock');
    await withLunloom({ args: ['--control', control, '--lun', '0=ram:1MiB'] }, async () => {
      const { exitCode, stderr } = await runCli(['profile', '--seconds', '1', '--interval-us', '1', '--control', control]);
      assert.is(exitCode, 2);
      assert.match(stderr, /the interval must be 50 to 1000000 microseconds, not 1/);
    });
  }));

test.run();
