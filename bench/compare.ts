import { writeFileSync } from 'node:fs';
import { TargetError } from '../engine/errors.js';
import { killChildren } from './compare/child-process.js';
import { describeEnvironment } from './compare/environment.js';
import { initiators } from './compare/initiators.js';
import { Matrix } from './compare/matrix.js';
import type { Initiator } from './compare/model.js';
import { type Plan, parsePlan } from './compare/options.js';
import { describeMissing, findProgram } from './compare/programs.js';
import { renderRatioChart } from './compare/ratio-chart.js';
import { buildReport, type Report } from './compare/report.js';
import { renderMarkdown, renderText } from './compare/report-text.js';
import { runProgram, saveResults, say } from './shared/program.js';

/**
 * `npm run bench:compare`: Lunloom beside other targets in one interleaved run. Tables go to stdout, progress to stderr. Exit codes: 0, 1
 * when a run failed, data was wrong or a program is missing, 2 usage. docs/benchmarking.md tells what is measured.
 */

const EXIT_INTERRUPTED = 130;

interface Lacking {
  readonly plan: Plan;
  readonly missing: readonly string[];
  /** True when all that is missing may be. */
  readonly isBearable: boolean;
}

/** Drops the rows whose programs are not there; tells what was dropped and why. */
function withoutMissing(plan: Plan): Lacking {
  const missing: string[] = [];
  let isBearable = true;
  const isRunnable = (name: string, needs: Pick<Initiator, 'programs' | 'isOptional' | 'missing'>): boolean => {
    const lacking = needs.programs.filter((program) => findProgram(program) === null);
    const reason = lacking.length > 0 ? describeMissing(lacking) : (needs.missing?.() ?? null);
    if (reason === null) return true;
    missing.push(`${name}: ${reason}`);
    if (needs.isOptional !== true || plan.named.has(name)) isBearable = false;
    return false;
  };
  const contenders = plan.contenders.filter((contender) => isRunnable(contender.name, contender));
  const workloads = plan.workloads.filter(({ name, initiator }) => isRunnable(name, initiators[initiator]));
  return { plan: { ...plan, contenders, workloads }, missing, isBearable };
}

function writeReport(plan: Plan, report: Report): void {
  const texts = { json: `${JSON.stringify(report, null, 2)}\n`, md: renderMarkdown(report), svg: renderRatioChart(report) };
  if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, texts.json);
  if (plan.markdownFile !== null) writeFileSync(plan.markdownFile, texts.md);
  if (plan.svgFile !== null) writeFileSync(plan.svgFile, texts.svg);
  if (plan.save) saveResults('compare', report.environment, texts);
}

async function compare(argv: readonly string[]): Promise<void> {
  const { plan, missing, isBearable } = withoutMissing(parsePlan(argv));
  for (const line of missing) say(`missing: ${line}`);
  if (!isBearable && !plan.allowMissing) {
    throw new TargetError('BENCH_MISSING', 'nothing was measured: install what is missing, or leave it out with --allow-missing');
  }
  if (plan.contenders.length === 0 || plan.workloads.length === 0) throw new TargetError('BENCH_MISSING', 'nothing is left to measure');
  const environment = describeEnvironment();
  const report = buildReport(plan, environment, await new Matrix(plan, say).run(), missing);
  process.stdout.write(`${renderText(report)}\n`);
  writeReport(plan, report);
  if (report.failures.length > 0) throw new TargetError('BENCH_RUN', `${report.failures.length} failures, told above`);
}

process.once('exit', killChildren);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(EXIT_INTERRUPTED));
}
await runProgram('bench:compare', compare);
