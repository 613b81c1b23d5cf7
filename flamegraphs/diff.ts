import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runProgram, say } from '../bench/shared/program.js';
import { TargetError } from '../engine/errors.js';
import { type DiffSide, renderChanges, renderDiff } from './graph/diff.js';
import { commandCountOf, lanesOf, readProfiles } from './graph/profile-files.js';
import { makeLocate } from './graph/source-places.js';
import { keyWithoutLine } from './graph/stack-tree.js';

/**
 * Compares two profiles, each a file or a folder with one file a thread: a differential flame graph, and on stdout the functions whose
 * self time changed most.
 *
 *     npm run flame:diff -- BEFORE AFTER [--out diff.svg] [--rows 25] [--commands BEFORE,AFTER]
 *
 * Times are divided by the commands that each side ended where the profiles say so or `--commands` does, else by the busy time.
 */
const USAGE = 'usage: npm run flame:diff -- BEFORE AFTER [--out diff.svg] [--rows N] [--commands BEFORE,AFTER]';

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { out: { type: 'string', default: 'diff.svg' }, rows: { type: 'string', default: '25' }, commands: { type: 'string' } },
  });
  const [beforePath, afterPath] = positionals;
  if (beforePath === undefined || afterPath === undefined || positionals.length > 2) throw new TargetError('BENCH_USAGE', USAGE);
  const counts = values.commands === undefined ? [null, null] : values.commands.split(',').map(Number);
  const rowCountMax = Number(values.rows);
  const areNumbers = counts.length === 2 && counts.every((count) => count === null || count > 0) && rowCountMax > 0;
  if (!areNumbers) throw new TargetError('BENCH_USAGE', USAGE);
  const before = readSide(beforePath, counts[0] ?? null);
  const after = readSide(afterPath, counts[1] ?? null);
  writeFileSync(values.out, renderDiff(before, after));
  process.stdout.write(renderChanges(before, after, rowCountMax));
  say(`wrote ${values.out}`);
}

function readSide(path: string, commandCount: number | null): DiffSide {
  const profiles = readProfiles([path]);
  return { label: path, lanes: lanesOf(profiles, { keyOf: keyWithoutLine, locate: makeLocate() }), commandCount: commandCount ?? commandCountOf(profiles) };
}

await runProgram('flamegraphs/diff', main);
