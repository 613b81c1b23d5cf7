import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { accountingShareOf } from '../../bench/micro/accounting-share.js';
import { microCases } from '../../bench/micro/cases/index.js';
import type { MicroCase } from '../../bench/micro/model.js';
import { parseMicroPlan } from '../../bench/micro/options.js';
import { renderMicroMarkdown, renderMicroText } from '../../bench/micro/report.js';
import { measureCases } from '../../bench/micro/runner.js';

/** Tiny on purpose: these tests see errors, never speed. */
const TINY = { rounds: 2, roundMs: 1, warmUpMs: 1, batchMicros: 20 };
const environment = {
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abc',
  isModified: false,
  node: 'v20',
  tgt: null,
  cpu: 'test',
  cpuCount: 2,
  memoryBytes: 2 ** 30,
  system: 'test',
};
const quiet = () => {};
const codeIs = (code: string) => (error: { code?: string }) => error.code === code;

test('every case runs, and each has a figure', async () => {
  const results = await measureCases(microCases, TINY, quiet);
  assert.equal(
    results.map(({ name }) => name),
    microCases.map(({ name }) => name),
  );
  for (const { name, ns, p75Ns, p99Ns, roundNs } of results) {
    assert.ok(ns.median > 0 && Number.isFinite(ns.median), `${name} took ${ns.median} ns`);
    assert.ok(p75Ns <= p99Ns, name);
    assert.is(roundNs.length, TINY.rounds, name);
  }
  const accounting = accountingShareOf(results);
  assert.ok(accounting !== null && accounting.stampsPerCommand >= 2 && accounting.shareOfPath > 0);
  const report = { format: 1, environment, settings: TINY, results, accounting, warnings: ['noise'] } as const;
  for (const text of [renderMicroText(report), renderMicroMarkdown(report)]) {
    for (const { name } of microCases) assert.ok(text.includes(name), `${name} is not in the report`);
    assert.match(text, 'stage accounting a command');
    assert.match(text, 'noise');
  }
});

test('names are unique and have a group', () => {
  const names = microCases.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z0-9-]+(\/[A-Za-z0-9.-]+)+$/);
});

/** Cases that tell in which order they run. */
function traced(trace: string[], names: readonly string[]): MicroCase[] {
  return names.map((name) => ({
    name,
    title: name,
    open: () => ({
      run(count) {
        if (trace.at(-1) !== name) trace.push(name);
        return count;
      },
      async close() {
        trace.push(`close ${name}`);
      },
    }),
  }));
}

test('the rounds take turns, every other one backwards, and all cases are closed', async () => {
  const trace: string[] = [];
  await measureCases(traced(trace, ['a', 'b', 'c']), { ...TINY, rounds: 3 }, quiet);
  // Warm-up and first round, then backwards, then forwards again; neighbours of one name are one.
  assert.equal(trace, ['a', 'b', 'c', 'a', 'b', 'c', 'b', 'a', 'b', 'c', 'close a', 'close b', 'close c']);
});

test('a case that fails ends the bench with its error, and all that are open are closed', async () => {
  const trace: string[] = [];
  const broken: MicroCase = {
    name: 'broken',
    title: 'broken',
    open: () => ({
      run() {
        throw new RangeError('broken on purpose');
      },
      async close() {
        trace.push('close broken');
      },
    }),
  };
  let caught: unknown;
  await measureCases([...traced(trace, ['a']), broken], TINY, quiet).catch((error: unknown) => {
    caught = error;
  });
  assert.instance(caught, RangeError);
  assert.ok(trace.includes('close a') && trace.includes('close broken'));
});

test('a case that answers no number is told', async () => {
  const answersNothing: MicroCase = { name: 'nothing', title: 'nothing', open: () => ({ run: () => Number.NaN }) };
  let caught: unknown;
  await measureCases([answersNothing], TINY, quiet).catch((error: unknown) => {
    caught = error;
  });
  assert.match(String(caught), 'nothing answered no number');
});

test('--only chooses by parts of names, and says when nothing has one', () => {
  const { cases } = parseMicroPlan(['--only', 'range-lock,window/in']);
  assert.ok(cases.length === 7 && cases.every(({ name }) => name.startsWith('range-lock/') || name === 'window/in-order'));
  assert.is(parseMicroPlan([]).cases, microCases);
  assert.throws(() => parseMicroPlan(['--only', 'rnage']), codeIs('BENCH_USAGE'));
});

test('--quick takes less time than a usual run', () => {
  const cost = (...argv: string[]): number => {
    const { rounds, roundMs } = parseMicroPlan(argv).settings;
    return rounds * roundMs;
  };
  assert.ok(cost('--quick') < cost() / 2);
  assert.equal(parseMicroPlan(['--quick', '--rounds', '2', '--round-ms', '5']).settings.rounds, 2);
});

test('the share needs all its cases', () => assert.is(accountingShareOf([]), null));

test.run();
