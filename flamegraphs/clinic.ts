import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { killChildren } from '../bench/compare/child-process.js';
import { runProgram, say } from '../bench/shared/program.js';
import { TargetError } from '../engine/errors.js';
import { load } from './load.js';
import { scenarios } from './scenarios.js';
import { serveScenario } from './served-target.js';

/**
 * Runs a target under one of clinic's tools and loads it:
 *
 *     npm run clinic -- doctor|bubbleprof|flame [SCENARIO] [--seconds 5]
 *
 * clinic is installed apart: `npm install` in flamegraphs/. Writes HTML pages to `flamegraphs/out/clinic/`.
 */
const TOOLS = ['doctor', 'bubbleprof', 'flame'];
const CLINIC = 'flamegraphs/node_modules/clinic/bin.js';
const FOLDER = 'flamegraphs/out/clinic';
const USAGE = 'usage: npm run clinic -- doctor|bubbleprof|flame [SCENARIO] [--seconds N], in the root of the checkout';
/** clinic reads what it collected and makes a page of it after the target has ended. */
const ANALYSIS_MS_MAX = 180_000;

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: { seconds: { type: 'string', default: '5' } } });
  const [tool, scenarioName = 'read-4k-32'] = positionals;
  const scenario = scenarios.find(({ name }) => name === scenarioName);
  if (tool === undefined || !TOOLS.includes(tool) || scenario === undefined) throw new TargetError('BENCH_USAGE', USAGE);
  if (!existsSync(CLINIC)) throw new TargetError('BENCH_MISSING', 'clinic is not installed: npm install in flamegraphs/');
  mkdirSync(FOLDER, { recursive: true });
  // Without a terminal clinic does nothing at all unless it is told not to ask whether it may report to its makers.
  const env = { NO_INSIGHT: '1' };
  const target = await serveScenario(scenario, [process.execPath, CLINIC, tool, '--open=false', '--dest', FOLDER, '--', process.execPath], env);
  try {
    const { iops } = await load(scenario, target.url, Number(values.seconds), 'core');
    say(`${scenario.name} under clinic ${tool}: ${Math.round(iops).toLocaleString('en-US')} IOPS`);
    // clinic waits for it to end and then makes its page. `flame` does not pass a signal on, so the target gets it itself.
    for (const pid of childrenOf(target.child.pid)) process.kill(pid, 'SIGINT');
    const timer = setTimeout(() => target.child.kill('SIGKILL'), ANALYSIS_MS_MAX);
    const { exitCode } = await target.child.ended;
    clearTimeout(timer);
    if (exitCode !== 0) throw new TargetError('BENCH_RUN', `clinic ${tool} ended with ${exitCode}: ${target.child.lastWords()}`);
    const page = /Generated HTML file is (?:file:\/\/)?(\S+)/.exec(target.child.stdout)?.[1];
    if (page === undefined) throw new TargetError('BENCH_RUN', `clinic ${tool} made no page: ${target.child.lastWords()}`);
    process.stdout.write(`${page}\n`);
  } finally {
    await target.stop('SIGKILL');
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killChildren();
    process.exit(1);
  });
}
await runProgram('clinic', main);
