import { writeFileSync } from 'node:fs';
import { describeEnvironment } from '../compare/environment.js';
import { runProgram, saveResults, say } from '../shared/program.js';
import { QuietCheck } from '../shared/quiet-check.js';
import { renderDispatchChart } from './chart.js';
import { DispatchBench } from './measure.js';
import { type DispatchPlan, parseDispatchPlan } from './options.js';
import { buildDispatchReport, type DispatchReport, renderDispatchMarkdown, renderDispatchText } from './report.js';

/**
 * `npm run bench:dispatch`: inline, ring and Piscina-per-command across sizes and depths, and the crossover that engine/dispatch/policy.ts
 * is held against. Tables go to stdout, progress to stderr. Exit codes: 0, 1 when a command failed or answered wrong, 2 usage.
 * docs/microbenchmarks.md tells what is measured.
 */

const QUIET_MS = 500;

function write(plan: DispatchPlan, report: DispatchReport): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const markdown = renderDispatchMarkdown(report);
  const svg = renderDispatchChart(report);
  if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, json);
  if (plan.markdownFile !== null) writeFileSync(plan.markdownFile, markdown);
  if (plan.svgFile !== null) writeFileSync(plan.svgFile, svg);
  if (plan.save) saveResults('dispatch', report.environment, { json, md: markdown, svg });
}

async function main(argv: readonly string[]): Promise<void> {
  const plan = parseDispatchPlan(argv);
  const environment = describeEnvironment();
  const quiet = new QuietCheck();
  await quiet.begin(QUIET_MS);
  for (const warning of quiet.warnings) say(`warning: ${warning}`);
  const samples = await new DispatchBench(plan.settings, say).run();
  quiet.end();
  const report = buildDispatchReport(environment, plan.settings, samples, quiet.warnings);
  console.log(renderDispatchText(report));
  write(plan, report);
}

await runProgram('bench:dispatch', main);
