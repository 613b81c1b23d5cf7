import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseControlSocket } from '../../cli/control-client.js';
import { figuresOf } from '../../cli/stats-figures.js';
import { renderStats } from '../../cli/stats-rendering.js';
import { type CommandStats, type SparseCounts, STATS_FORMAT, type StatsResult } from '../../engine/admin/stats-operation.js';
import { LATENCY_UNITS_PER_MICRO, STAGES, type Stage } from '../../engine/metrics/command-stages.js';
import { bucketOf } from '../../engine/shm/latency-histogram.js';

const TARGET = 'iqn.2026-11.io.lunloom:demo';
const NO_TIME: SparseCounts = [];

function stagesOf(counts: Partial<Record<Stage, readonly (readonly [micros: number, count: number])[]>>): Record<Stage, SparseCounts> {
  const sparse = (stage: Stage): SparseCounts =>
    counts[stage]?.map(([micros, count]) => [bucketOf(micros * LATENCY_UNITS_PER_MICRO), count] as const) ?? NO_TIME;
  return Object.fromEntries(STAGES.map((stage) => [stage, sparse(stage)])) as Record<Stage, SparseCounts>;
}

function commandOf(choices: Partial<CommandStats>): CommandStats {
  const nothing = { count: 0, failedCount: 0, readBytes: 0, writeBytes: 0 };
  return { name: 'READ (10)', opcode: 0x28, serviceAction: null, ...nothing, stages: stagesOf({}), ...choices };
}

/** What `stats` does not show. */
const uncounted = { readMicros: 0, writeMicros: 0, readFaultCount: 0, writeFaultCount: 0, verifyFaultCount: 0 };

function resultAt(seconds: number, commands: readonly CommandStats[], choices: Partial<StatsResult> = {}): StatsResult {
  const counters = { commandCount: 0, readBytes: 0, writeBytes: 0, checkConditionCount: 0, inlineCount: seconds * 3, ringCount: seconds, ...uncounted };
  return {
    format: STATS_FORMAT,
    processId: 4711,
    nowMicros: 7e9 + seconds * 1e6,
    uptimeMicros: seconds * 1e6,
    units: [{ target: TARGET, lun: 0, execution: 'auto', counters, commands }],
    overflow: null,
    sessions: [],
    logins: {
      acceptedCount: 0,
      authenticationFailureCount: 0,
      authorizationFailureCount: 0,
      redirectedCount: 0,
      otherFailureCount: 0,
      delayedRequestCount: 0,
    },
    ringDepths: [2, 0],
    slots: { total: 4096, free: 4000 },
    arena: { totalBytes: 256 * 1024 ** 2, freeBytes: 255.5 * 1024 ** 2 },
    eventLoop: { activeMicros: 250, idleMicros: 750, delayMicros: null },
    gc: {},
    slowest: [],
    ...choices,
  };
}

const before = resultAt(100, [commandOf({ count: 2500, readBytes: 10_240_000, stages: stagesOf({ total: [[50, 2500]] }) })]);
const readLater = stagesOf({
  total: [
    [50, 2500],
    [200, 1990],
    [9000, 10],
  ],
});
const after = resultAt(102, [commandOf({ count: 4500, failedCount: 1, readBytes: 18_432_000, stages: readLater })]);
const near = (actual: number, expected: number): void => assert.ok(actual >= expected && actual <= expected * (1 + 1 / 16) + 0.1, `${actual} for ${expected}`);

test('rates are of the time between two looks, percentiles since the start', () => {
  const { spanMicros, rateSpanMicros, units } = figuresOf(after, before, null);
  assert.equal([spanMicros, rateSpanMicros], [102e6, 2e6]);
  const [command] = units[0]?.commands ?? [];
  assert.equal([command?.count, command?.totalCount, command?.failedCount, command?.perSecond, command?.readBytesPerSecond], [4500, 4500, 1, 1000, 4_096_000]);
  near(command?.stagesMicros.total.p50 ?? 0, 50);
  near(command?.stagesMicros.total.p999 ?? 0, 9000);
});

test('while watching, counts and percentiles are of the time between the looks too', () => {
  const { spanMicros, units } = figuresOf(after, before, before);
  assert.is(spanMicros, 2e6);
  const [command] = units[0]?.commands ?? [];
  assert.equal([command?.count, command?.totalCount, units[0]?.inlineCount, units[0]?.ringCount], [2000, 4500, 6, 2]);
  near(command?.stagesMicros.total.p50 ?? 0, 200);
  near(command?.stagesMicros.total.p99 ?? 0, 200);
  near(command?.stagesMicros.total.max ?? 0, 9000);
});

test('a unit sums its commands, and one that is new began with nothing', () => {
  const write = commandOf({ name: 'WRITE (10)', opcode: 0x2a, count: 500, writeBytes: 500, stages: stagesOf({ total: [[70_000, 500]] }) });
  const [unit] = figuresOf(resultAt(102, [...(after.units[0]?.commands ?? []), write]), before, before).units;
  assert.equal([unit?.count, unit?.commands.map(({ name }) => name)], [2500, ['READ (10)', 'WRITE (10)']]);
  near(unit?.stagesMicros.total.max ?? 0, 70_000);
});

test('commands with service actions are not mixed up', () => {
  const capacity = commandOf({ name: 'READ CAPACITY (16)', opcode: 0x9e, serviceAction: 0x10, count: 5 });
  const status = commandOf({ name: 'GET LBA STATUS', opcode: 0x9e, serviceAction: 0x12, count: 9 });
  const [unit] = figuresOf(resultAt(2, [capacity, { ...status, count: 10 }]), resultAt(1, [capacity, status]), resultAt(1, [capacity, status])).units;
  assert.equal(
    unit?.commands.map(({ name, count }) => [name, count]),
    [['GET LBA STATUS', 1]],
  );
});

test('logins that were not let in are a line of the head, and no line while there are none', () => {
  const lineOf = (logins: typeof after.logins) => renderStats({ ...after, logins }, figuresOf(after, after, null)).find((line) => line.startsWith('  logins'));
  assert.is(lineOf(after.logins), undefined);
  assert.is(lineOf({ ...after.logins, acceptedCount: 5 }), undefined);
  const logins = {
    acceptedCount: 5,
    authenticationFailureCount: 3,
    authorizationFailureCount: 2,
    redirectedCount: 1,
    otherFailureCount: 0,
    delayedRequestCount: 4,
  };
  assert.is(lineOf(logins), '  logins      5 accepted, 3 not authenticated, 2 not permitted, 1 redirected, 4 requests made to wait, since the start');
});

test('the page', () => {
  const slow = {
    target: TARGET,
    lun: 0,
    initiatorPortName: 'iqn.x:i,i,0x1',
    commandName: 'READ (10)',
    cdb: '28000003d0e8000008000000deadbeef',
    status: 2,
    readBytes: 0,
    writeBytes: 0,
    receivedAt: 7e9,
    orderedAt: 7e9 + 2,
    dispatchedAt: 7e9 + 2,
    startedAt: 7e9 + 2,
    executedAt: 7e9 + 1002,
    completedAt: 7e9 + 1002,
    flushedAt: 7e9 + 1052,
  };
  const session = { tsih: 2, initiator: 'iqn.x:i', target: TARGET, remoteAddress: '127.0.0.1', outstandingCount: 32 };
  const gc = { scavenge: { count: 4, sumMicros: 2000, maxMicros: 900 } };
  const eventLoop = { activeMicros: 250, idleMicros: 750, delayMicros: { p50: 12, p99: 340, max: 5600 } };
  const result = { ...after, slowest: [slow, { ...slow, commandName: null, lun: null, cdb: 'ff'.repeat(16) }], sessions: [session], gc, eventLoop };
  assert.equal(renderStats(result, figuresOf(result, before, null)), [
    'lunloom 4711, up 1 min 42 s; counts and percentiles since the start, rates of the last 2.0 s',
    '  slots       4000 of 4096 free',
    '  arena       255.5MiB of 256MiB free',
    '  rings       worker-1 2  worker-2 0',
    '  event loop  25.0 % busy, late by 12.0 p50  340 p99  5600 max µs',
    '  gc pauses   scavenge 4 × 500, longest 900 µs',
    '',
    `${TARGET} LUN 0 (auto, 75 % inline)`,
    '  command    count  failed  IOPS  MB/s         arrive  collect  queue  execute  return  send  total µs',
    '  READ (10)   4500       1  1000   4.1    p50       0        0      0        0       0     0      51.1',
    '                                          p99       0        0      0        0       0     0       205',
    '                                        p99.9       0        0      0        0       0     0      9011',
    '                                          max       0        0      0        0       0     0      9011',
    '',
    'sessions: 1',
    `  TSIH 2  iqn.x:i  127.0.0.1  ${TARGET}  32 outstanding`,
    '',
    'slowest of the last minute: 2 of 2 kept',
    '  command     LUN  status    ago  arrive  collect  queue  execute  return  send  total µs  CDB',
    '  READ (10)     0     02h  102 s     2.0        0      0     1000       0  50.0      1052  28000003d0e800000800',
    `  unknown    none     02h  102 s     2.0        0      0     1000       0  50.0      1052  ${'ff'.repeat(16)}`,
  ]);
});

test('a unit without commands says so, and what had no room of its own is named', () => {
  const idle = resultAt(3, []);
  assert.ok(renderStats(idle, figuresOf(idle, idle, null)).includes('  no commands'));
  const crowded = resultAt(3, [], { overflow: commandOf({ name: 'beyond the limit stageHistogramBytesMax', opcode: null, count: 7 }) });
  assert.match(renderStats(crowded, figuresOf(crowded, idle, idle)).join('\n'), /\n {2}beyond the limit stageHistogramBytesMax +7 /);
});

test('of several targets one has to be named', () => {
  assert.is(chooseControlSocket('/x.sock', ['/a', '/b']), '/x.sock');
  assert.is(chooseControlSocket(undefined, ['/a']), '/a');
  assert.throws(
    () => chooseControlSocket(undefined, []),
    (error: { code?: string }) => error.code === 'CONTROL_NO_TARGET',
  );
  assert.throws(
    () => chooseControlSocket(undefined, ['/a', '/b']),
    (error: { code?: string; message: string }) => error.code === 'CONTROL_USAGE' && error.message.endsWith(': /a /b'),
  );
});

test.run();
