import { Command } from 'commander';
import leven from 'leven';
import { TargetError } from '../../engine/errors.js';
import { nameList, wholeNumber } from '../shared/program.js';
import { contenders, urlContender } from './contenders.js';
import type { Contender, Workload } from './model.js';
import { workloads } from './workloads.js';

/** What is to be compared, all choices made. */
export interface Plan {
  readonly contenders: readonly Contender[];
  readonly workloads: readonly Workload[];
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them that do not. */
  readonly warmUpRounds: 0 | 1;
  readonly seconds: number;
  readonly seed: number;
  /** Contender that the others are divided by. */
  readonly baseline: string;
  readonly allowMissing: boolean;
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  readonly svgFile: string | null;
  /** Names that were asked for: what is optional is not optional then. */
  readonly named: ReadonlySet<string>;
  readonly save: boolean;
}

interface RawOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly seed: number;
  readonly only: readonly string[];
  readonly contenders: readonly string[];
  readonly url: readonly string[];
  readonly overwriteUrls?: boolean;
  readonly baseline: string;
  readonly warmUp: boolean;
  readonly allowMissing?: boolean;
  readonly json?: string;
  readonly markdown?: string;
  readonly svg?: string;
  readonly save?: boolean;
}

const QUICK = { rounds: 2, seconds: 1 } as const;
const USUAL = { rounds: 5, seconds: 2 } as const;
const ROUNDS_MAX = 1000;
const SECONDS_MAX = 3600;
const SEED_MAX = 0xffffffff;
const TYPO_DISTANCE_MAX = 3;

/** Parses the command line. Throws commander's `CommanderError` (help, misspelt options) and `TargetError` `BENCH_USAGE`. */
export function parsePlan(argv: readonly string[]): Plan {
  const raw = buildCommand()
    .parse([...argv], { from: 'user' })
    .opts<RawOptions>();
  const known = [...contenders, ...raw.url.map((text) => urlContender(text, raw.overwriteUrls === true))];
  const names = known.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TargetError('BENCH_USAGE', `there are two contenders named ${twice}`);
  const chosen = choose(known, [...raw.only, ...raw.contenders.map((name) => knownName(name, names))], raw.quick === true);
  const usual = raw.quick === true ? QUICK : USUAL;
  return {
    ...chosen,
    rounds: raw.rounds ?? usual.rounds,
    warmUpRounds: raw.warmUp ? 1 : 0,
    seconds: raw.seconds ?? usual.seconds,
    seed: raw.seed,
    baseline: knownName(raw.baseline, names),
    allowMissing: raw.allowMissing === true,
    jsonFile: raw.json ?? null,
    markdownFile: raw.markdown ?? null,
    svgFile: raw.svg ?? null,
    save: raw.save === true,
  };
}

/**
 * `--only` names contenders and workloads alike; a kind of which it names none is not narrowed. A contender over memory stands for those
 * over files too, and of all of them only those run for which there is a workload.
 */
function choose(known: readonly Contender[], only: readonly string[], isQuick: boolean): Pick<Plan, 'contenders' | 'workloads' | 'named'> {
  const named = new Set(only.map((name) => knownName(name, [...known.map((row) => row.name), ...workloads.map((row) => row.name)])));
  const isUsual = ({ runs }: { readonly runs: Workload['runs'] }): boolean => runs === 'always' || (runs === 'at-leisure' && !isQuick);
  const isNamed = ({ name, mediumKind }: Contender): boolean => named.has(name) || named.has(name.replace(new RegExp(`-${mediumKind}$`), ''));
  const chosenContenders = known.filter(isNamed);
  const namedWorkloads = workloads.filter(({ name }) => named.has(name));
  const chosenWorkloads = namedWorkloads.length > 0 ? namedWorkloads : workloads.filter(isUsual);
  const kinds = new Set(chosenWorkloads.map(({ mediumKind = 'memory' }) => mediumKind));
  return {
    contenders: (chosenContenders.length > 0 ? chosenContenders : known.filter(isUsual)).filter(({ mediumKind }) => kinds.has(mediumKind)),
    workloads: chosenWorkloads,
    named,
  };
}

function knownName(name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  const nearest = [...names].sort((a, b) => leven(name, a) - leven(name, b))[0];
  const hint = nearest !== undefined && leven(name, nearest) <= TYPO_DISTANCE_MAX ? `; did you mean ${nearest}?` : `; there are ${names.join(', ')}`;
  throw new TargetError('BENCH_USAGE', `nothing is named ${name}${hint}`);
}

function buildCommand(): Command {
  const repeated = (text: string, previous: readonly string[]): readonly string[] => [...previous, text];
  return new Command('bench:compare')
    .description('Measures Lunloom beside other iSCSI targets: interleaved rounds, ratios round by round.')
    .option('--quick', `${QUICK.rounds} rounds of ${QUICK.seconds} s instead of ${USUAL.rounds} of ${USUAL.seconds} s, fewer rows: three minutes`)
    .option('--rounds <n>', 'rounds that count', wholeNumber(1, ROUNDS_MAX))
    .option('--seconds <s>', 'length of one run', wholeNumber(1, SECONDS_MAX))
    .option('--seed <n>', 'of addresses and data', wholeNumber(0, SEED_MAX), 1)
    .option('--only <names>', 'contenders and workloads, with commas between them; repeatable', nameList, [])
    .option('--contenders <names>', 'contenders only, with commas between them; repeatable', nameList, [])
    .option('--url <name=iscsi://…>', 'one more contender, which runs already; repeatable', repeated, [])
    .option('--overwrite-urls', 'let the workloads write to the contenders of --url, whose data is lost')
    .option('--baseline <name>', 'contender to divide by', 'tgt')
    .option('--no-warm-up', 'count the first round too')
    .option('--allow-missing', 'leave out what needs a program that this machine lacks')
    .option('--json <file>', 'write all runs and their summary')
    .option('--markdown <file>', 'write the tables')
    .option('--svg <file>', 'write a chart of the ratios')
    .option('--save', 'write all three to bench/results/')
    .addHelpText('after', helpOfRows())
    .allowExcessArguments(false)
    .exitOverride();
}

function helpOfRows(): string {
  const line = (name: string, title: string): string => `  ${name.padEnd(20)} ${title}`;
  const when = { always: '', 'at-leisure': ' (not with --quick)', 'when-named': ' (with --only)' };
  const contenderLines = contenders.map(({ name, title, runs }) => line(name, `${title}${when[runs]}`));
  const workloadLines = workloads.map(({ name, title, initiator, runs }) => line(name, `${title}, asked by ${initiator}${when[runs]}`));
  return `\nContenders:\n${contenderLines.join('\n')}\n\nWorkloads:\n${workloadLines.join('\n')}\n\ndocs/benchmarking.md tells what is measured.`;
}
