// test-timeout: 120 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderScaleChart } from '../../bench/scale/chart.js';
import { measureParts } from '../../bench/scale/measure.js';
import { partNames, type ScaleSettings } from '../../bench/scale/model.js';
import { parseScalePlan } from '../../bench/scale/options.js';
import { buildScaleReport, bytesText, renderScaleMarkdown, renderScaleText } from '../../bench/scale/report.js';
import { BLOCK_LENGTH_BYTES, configOf, ScaleTarget, withTarget } from '../../bench/scale/scale-target.js';
import { SessionGroup } from '../../bench/scale/session-group.js';
import { idleCpuShareOf } from '../../bench/scale/sessions.js';
import { TargetError } from '../../engine/errors.js';
import { LogicalUnitClient, type Session } from '../../initiator/index.js';

/** `bench:scale` with little of everything: fails on errors, wrong data, leaks and loops that never sleep, never on speed. */

const KIB = 1024;
const MIB = KIB * KIB;
/** Far above what an idle engine takes, far below what one takes that never sleeps. */
const IDLE_CPU_SHARE_MAX = 0.1;
const IDLE_SECONDS = 2;

const SMALL: ScaleSettings = {
  startLunCounts: [3],
  startRounds: 1,
  lunCounts: [1, 64],
  sessionCounts: [1, 20],
  sessionLunCounts: [3],
  idleSeconds: IDLE_SECONDS,
  sizes: [MIB, Number.MAX_SAFE_INTEGER - 4095],
  fileSizes: [MIB],
  depths: [1, 32],
  depthSeconds: 0.2,
  load: { stores: ['ram', 'file'], sessionCount: 8, depth: 32, lengthBytes: 256 * KIB, commandCount: 40 },
};
const environment = { date: '', commit: null, isModified: false, node: '', tgt: null, cpu: '', cpuCount: 1, memoryBytes: 0, system: '' };

test('every part ends without errors, with right data, nothing left behind and bounded memory', async () => {
  const { figures, failures } = await measureParts(SMALL, partNames, () => {});
  assert.equal(failures, []);
  assert.equal(
    Object.entries(figures).map(([name, rows]) => [name, rows.length]),
    [
      ['start', 1],
      ['luns', 4],
      ['sessions', 2],
      ['sizes', 3],
      ['depth', 2],
      ['memory', 4],
    ],
  );
  for (const { peakArenaBytes, arenaBytes, peakRssBytes } of figures.memory) assert.ok(peakArenaBytes <= arenaBytes && peakRssBytes > 0);
  for (const { iops } of figures.depth) assert.ok(iops > 0);
  const idle = figures.sessions.at(-1)?.idleCpuShare;
  assert.ok(typeof idle === 'number' && idle < IDLE_CPU_SHARE_MAX, `20 idle sessions take ${idle} of a core`);
  const report = buildScaleReport(environment, SMALL, figures, [], failures);
  assert.equal(
    report.verdicts.filter(({ text }) => !text.includes('idle')).map(({ isKept }) => isKept),
    [true, true, true, true],
  );
  for (const text of [renderScaleText(report), renderScaleMarkdown(report)]) assert.match(text, '8 × 32 × 256 KiB writes');
  assert.match(renderScaleChart(report), 'sessions on 3 LUNs');
});

test('an engine that has been busy on its workers sleeps again', async () => {
  const failures: string[] = [];
  await withTarget(configOf([{ kind: 'ram', sizeBytes: MIB }], { execution: 'pool', workerCount: 2 }), failures, 'pool', async (target) => {
    const group = new SessionGroup(target);
    await group.growTo(4);
    await group.pingLast(20);
    const unit = new LogicalUnitClient(group.sessions[0] as Session, 0);
    for (let lba = 0; lba < 20; lba++) await unit.read(lba, 1, BLOCK_LENGTH_BYTES);
    const share = await idleCpuShareOf(target.pid, IDLE_SECONDS);
    assert.ok(share !== null && share < IDLE_CPU_SHARE_MAX, `an idle engine takes ${share} of a core`);
    await group.logout();
  });
  assert.equal(failures, []);
});

test('a session that stays is told as a leak', async () => {
  const target = await ScaleTarget.start(configOf([{ kind: 'null', sizeBytes: MIB }]));
  const group = new SessionGroup(target);
  try {
    await group.growTo(1);
    assert.equal(await target.leaks(200), ['sessionCount is 1 after logout', 'connectionCount is 1 after logout']);
  } finally {
    group.destroy();
    await target.stop();
  }
});

test('an engine that does not start is told with its reason', async () => {
  let caught: unknown;
  await ScaleTarget.start(configOf([{ kind: 'null', sizeBytes: 1 }])).catch((error: unknown) => {
    caught = error;
  });
  assert.ok(caught instanceof TargetError && caught.code === 'BENCH_CONTENDER' && caught.message.length > 'the engine did not start: '.length, String(caught));
});

test('a bound that is exceeded is said', () => {
  const row = { lunCount: 1, sessionCount: 7, loginMs: 1, logoutMs: null, testUnitReadyMs: 1, rssGrowthBytes: 0, heapGrowthBytes: 0, idleCpuShare: 0.011 };
  const figures = { start: [], luns: [], sessions: [row], sizes: [], depth: [], memory: [] };
  const report = buildScaleReport(environment, SMALL, figures, [], ['sessions: wrong data']);
  assert.match(renderScaleText(report), 'EXCEEDED: 7 idle sessions: 1.10 % of a core');
  assert.match(renderScaleText(report), 'FAILED: sessions: wrong data');
});

test('--only chooses parts, and --quick does less', () => {
  assert.equal(parseScalePlan(['--only', 'memory,start']).parts, ['start', 'memory']);
  assert.ok(parseScalePlan(['--quick']).settings.sessionCounts.length < parseScalePlan([]).settings.sessionCounts.length);
  assert.throws(
    () => parseScalePlan(['--only', 'memroy']),
    (error: unknown) => error instanceof TargetError && error.code === 'BENCH_USAGE',
  );
});

test('sizes keep their unit', () => {
  assert.equal([1, 1536, MIB, 1024 ** 4, Number.MAX_SAFE_INTEGER - 4095].map(bytesText), ['1 B', '1.50 KiB', '1 MiB', '1 TiB', '8.00 PiB']);
});

test.run();
