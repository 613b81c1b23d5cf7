import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBatch, runBatch } from '../../bench/dispatch/batches.js';
import { renderDispatchChart } from '../../bench/dispatch/chart.js';
import { DispatchBench, type DispatchSettings, MAIN_TIME_COLUMN } from '../../bench/dispatch/measure.js';
import { type Operation, operations } from '../../bench/dispatch/operations.js';
import { parseDispatchPlan } from '../../bench/dispatch/options.js';
import { buildDispatchReport, renderDispatchMarkdown, renderDispatchText } from '../../bench/dispatch/report.js';
import { Stage } from '../../bench/dispatch/stage.js';
import { startVariants, type Variant, variantNames } from '../../bench/dispatch/variants.js';

const environment = {
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abc',
  isModified: false,
  node: 'v20',
  tgt: null,
  cpu: 'test <cpu> & co',
  cpuCount: 2,
  memoryBytes: 2 ** 30,
  system: 'test',
};
const quiet = () => {};
const codeIs = (code: string) => (error: { code?: string }) => error.code === code;
const named = (name: string): Operation => operations.find((operation) => operation.name === name) as Operation;

/** Rejections as values. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

test('every operation, size and variant is measured, and the report tells of all of them', async () => {
  // Tiny on purpose: this sees errors, never speed.
  const settings: DispatchSettings = { rounds: 1, sliceMs: 1, operations: operations.map(({ name }) => name), workerCount: 1 };
  const samples = await new DispatchBench(settings, quiet).run();
  const report = buildDispatchReport(environment, settings, samples, ['noise']);
  for (const { name, sizes } of operations) {
    for (const lengthBytes of sizes) {
      const own = report.rows.filter((row) => row.operation === name && row.lengthBytes === lengthBytes && row.column !== MAIN_TIME_COLUMN);
      assert.is(own.length, 4 * variantNames.length, `${name} ${lengthBytes}`);
      for (const { micros } of own) assert.ok(micros.median > 0 && Number.isFinite(micros.median));
    }
  }
  assert.is.not(report.policy.verdict, 'unknown');
  for (const text of [renderDispatchText(report), renderDispatchMarkdown(report)]) {
    assert.match(text, 'INLINE_COPY_BYTES_MAX');
    assert.match(text, 'noise');
    assert.match(text, '32 outstanding');
  }
  const svg = renderDispatchChart(report);
  assert.match(svg, /^<svg [\s\S]*<\/svg>\n$/);
  assert.match(svg, 'prefers-color-scheme: dark');
  assert.match(svg, 'test &lt;cpu&gt; &amp; co');
  // Self-contained: nothing is fetched and nothing runs.
  assert.not.match(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|<script|@import|href/);
  assert.not.match(svg, 'NaN');
});

test('each variant does the work, and a wrong answer is seen', async () => {
  const stage = new Stage(4);
  const variants = startVariants(stage, 1);
  try {
    for (const variant of variants) {
      for (const operation of operations) {
        for (const lengthBytes of operation.sizes) await checkBatch(variant, stage.lanes, { operation, lengthBytes });
      }
    }
    // Says that it is done, and did nothing.
    const idle: Variant = { name: 'inline', submit: (job) => job.onExecuted(), stop: async () => {} };
    for (const name of ['copy', 'crc32c']) {
      const failure = await failureOf(checkBatch(idle, stage.lanes, { operation: named(name), lengthBytes: 4096 }));
      assert.match(String(failure), 'gave a wrong answer', name);
    }
  } finally {
    for (const variant of variants) await variant.stop();
  }
});

test('a comparison that finds a difference ends the bench', async () => {
  const stage = new Stage(1);
  const variants = startVariants(stage, 1);
  const [inline] = variants;
  const lane = stage.lanes[0] as Stage['lanes'][number];
  assert.ok(inline !== undefined);
  try {
    await runBatch(inline, [lane], { operation: named('compare'), lengthBytes: 4096 });
    const at = lane.slot.dataOutOffset + 4095;
    stage.arena.bytes[at] = (stage.arena.bytes[at] as number) ^ 1;
    const failure = await failureOf(runBatch(inline, [lane], { operation: named('compare'), lengthBytes: 4096 }));
    assert.match(String(failure), 'ended with status 2');
  } finally {
    for (const variant of variants) await variant.stop();
  }
});

test('options: operations are chosen by name, a misspelt one is told', () => {
  assert.equal(parseDispatchPlan(['--only', 'copy']).settings.operations, ['copy']);
  assert.is(parseDispatchPlan([]).settings.operations.length, operations.length);
  assert.throws(() => parseDispatchPlan(['--only', 'copies']), codeIs('BENCH_USAGE'));
  assert.ok(parseDispatchPlan(['--quick']).settings.sliceMs < parseDispatchPlan([]).settings.sliceMs);
});

test.run();
