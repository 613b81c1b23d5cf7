import { writeFileSync } from 'node:fs';
import { killChildren } from '../compare/child-process.js';
import { describeEnvironment } from '../compare/environment.js';
import { runProgram, saveResults, say } from '../shared/program.js';
import { QuietCheck } from '../shared/quiet-check.js';
import { renderScaleChart } from './chart.js';
import { measureParts } from './measure.js';
import type { ScaleReport } from './model.js';
import { parseScalePlan, type ScalePlan } from './options.js';
import { buildScaleReport, renderScaleMarkdown, renderScaleText } from './report.js';

/**
 * `npm run bench:scale`: how cost grows with sessions, LUNs, sizes and outstanding commands. Tables go to stdout, progress to stderr. Exit
 * codes: 0, 1 when something failed, leaked or exceeded its bound, 2 usage. docs/scaling.md tells what is measured.
 */

const QUIET_MS = 500;
const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

function write(plan: ScalePlan, report: ScaleReport): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const markdown = renderScaleMarkdown(report);
  const svg = renderScaleChart(report);
  if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, json);
  if (plan.markdownFile !== null) writeFileSync(plan.markdownFile, markdown);
  if (plan.svgFile !== null) writeFileSync(plan.svgFile, svg);
  if (plan.save) saveResults('scale', report.environment, { json, md: markdown, svg });
}

async function main(argv: readonly string[]): Promise<void> {
  const plan = parseScalePlan(argv);
  const environment = describeEnvironment();
  const quiet = new QuietCheck();
  await quiet.begin(QUIET_MS);
  for (const warning of quiet.warnings) say(`warning: ${warning}`);
  const { figures, failures } = await measureParts(plan.settings, plan.parts, say);
  quiet.end();
  const report = buildScaleReport(environment, plan.settings, figures, quiet.warnings, failures);
  console.log(renderScaleText(report));
  write(plan, report);
  if (failures.length > 0 || report.verdicts.some(({ isKept }) => !isKept)) process.exitCode = EXIT_FAILED;
}

process.once('exit', killChildren);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_INTERRUPTED));
await runProgram('bench:scale', main);
