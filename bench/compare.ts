import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { TargetError } from '../engine/errors.js';
import { InitiatorError } from '../initiator/index.js';
import { killChildren } from './compare/child-process.js';
import { describeEnvironment } from './compare/environment.js';
import { initiators } from './compare/initiators.js';
import { Matrix } from './compare/matrix.js';
import type { ProgramName } from './compare/model.js';
import { type Plan, parsePlan } from './compare/options.js';
import { describeMissing, findProgram } from './compare/programs.js';
import { buildReport, type Report, renderMarkdown, renderText } from './compare/report.js';

/**
 * `npm run bench:compare`: Lunloom beside other targets in one interleaved run. Tables go to stdout, progress to stderr. Exit codes: 0, 1
 * when a run failed, data was wrong or a program is missing, 2 usage. docs/benchmarking.md tells what is measured.
 */

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
const RESULTS_FOLDER = 'bench/results';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Drops the rows whose programs are not there; answers what was dropped and why. */
function withoutMissing(plan: Plan): { readonly plan: Plan; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const isRunnable = ({ name }: { readonly name: string }, programs: readonly ProgramName[]): boolean => {
    const lacking = programs.filter((program) => findProgram(program) === null);
    if (lacking.length > 0) missing.push(`${name}: ${describeMissing(lacking)}`);
    return lacking.length === 0;
  };
  return {
    plan: {
      ...plan,
      contenders: plan.contenders.filter((contender) => isRunnable(contender, contender.programs)),
      workloads: plan.workloads.filter((workload) => isRunnable(workload, initiators[workload.initiator].programs)),
    },
    missing,
  };
}

function writeReport(plan: Plan, report: Report): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  const markdown = renderMarkdown(report);
  if (plan.jsonFile !== null) writeFileSync(plan.jsonFile, json);
  if (plan.markdownFile !== null) writeFileSync(plan.markdownFile, markdown);
  if (!plan.save) return;
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const { date, commit } = report.environment;
  const name = join(RESULTS_FOLDER, `compare-${date.slice(0, 19).replaceAll(':', '')}-${commit ?? 'uncommitted'}`);
  writeFileSync(`${name}.json`, json);
  writeFileSync(`${name}.md`, markdown);
  say(`saved ${name}.json and .md`);
}

async function compare(argv: readonly string[]): Promise<number> {
  const wanted = parsePlan(argv);
  const { plan, missing } = withoutMissing(wanted);
  for (const line of missing) say(`missing: ${line}`);
  if (missing.length > 0 && !plan.allowMissing) {
    say('nothing was measured: install what is missing, or leave it out with --allow-missing');
    return EXIT_FAILED;
  }
  if (plan.contenders.length === 0 || plan.workloads.length === 0) {
    say('nothing is left to measure');
    return EXIT_FAILED;
  }
  const environment = describeEnvironment();
  const report = buildReport(plan, environment, await new Matrix(plan, say).run(), missing);
  process.stdout.write(`${renderText(report)}\n`);
  writeReport(plan, report);
  return report.failures.length > 0 ? EXIT_FAILED : 0;
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  say(`bench:compare: ${error instanceof Error ? error.message : String(error)}`);
  const isUsage = (error instanceof TargetError && error.code === 'BENCH_USAGE') || error instanceof InitiatorError;
  return isUsage ? EXIT_USAGE : EXIT_FAILED;
}

process.once('exit', killChildren);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(EXIT_INTERRUPTED));
}
try {
  process.exitCode = await compare(process.argv.slice(2));
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
