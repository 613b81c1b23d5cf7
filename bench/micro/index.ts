import { writeFileSync } from 'node:fs';
import { describeEnvironment } from '../compare/environment.js';
import { runProgram, saveResults, say } from '../shared/program.js';
import { QuietCheck } from '../shared/quiet-check.js';
import { accountingShareOf } from './accounting-share.js';
import { type MicroPlan, parseMicroPlan } from './options.js';
import { type MicroReport, renderMicroMarkdown, renderMicroText } from './report.js';
import { measureCases } from './runner.js';

/**
 * `npm run bench:micro`: what the small parts of the engine cost. The table goes to stdout, progress to stderr. Exit codes: 0, 1 when a
 * case failed, 2 usage. docs/microbenchmarks.md tells what is measured.
 */

const QUIET_MS = 500;

function write(plan: MicroPlan, report: MicroReport): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const markdown = renderMicroMarkdown(report);
  if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, json);
  if (plan.markdownFile !== null) writeFileSync(plan.markdownFile, markdown);
  if (plan.save) saveResults('micro', report.environment, { json, md: markdown });
}

async function main(argv: readonly string[]): Promise<void> {
  const plan = parseMicroPlan(argv);
  if (plan.list) {
    for (const { name, title } of plan.cases) console.log(`${name.padEnd(34)} ${title}`);
    return;
  }
  const environment = describeEnvironment();
  const quiet = new QuietCheck();
  await quiet.begin(QUIET_MS);
  for (const warning of quiet.warnings) say(`warning: ${warning}`);
  const results = await measureCases(plan.cases, plan.settings, say);
  quiet.end();
  const report: MicroReport = {
    format: 1,
    environment,
    settings: plan.settings,
    results,
    accounting: accountingShareOf(results),
    warnings: quiet.warnings,
  };
  console.log(renderMicroText(report));
  write(plan, report);
}

await runProgram('bench:micro', main);
