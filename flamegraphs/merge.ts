import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runProgram, say } from '../bench/shared/program.js';
import { TargetError } from '../engine/errors.js';
import { laneHeading, renderFlameGraph } from './graph/flame-graph.js';
import { lanesOf, readProfiles } from './graph/profile-files.js';
import { makeLocate } from './graph/source-places.js';

/**
 * Draws `.cpuprofile` files, whoever wrote them, as one flame graph with a lane a thread:
 *
 *     node dist/flamegraphs/merge.js [--out flame.svg] [--title TEXT] [--with-idle] FILE|FOLDER …
 */
async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { out: { type: 'string', default: 'flame.svg' }, title: { type: 'string' }, 'with-idle': { type: 'boolean', default: false } },
  });
  if (positionals.length === 0) throw new TargetError('BENCH_USAGE', 'which .cpuprofile files? node dist/flamegraphs/merge.js [--out FILE.svg] FILE|FOLDER …');
  const lanes = lanesOf(readProfiles(positionals), { withIdle: values['with-idle'], locate: makeLocate() });
  writeFileSync(values.out, renderFlameGraph(lanes, { title: values.title ?? positionals.join(' ') }));
  for (const lane of lanes) say(laneHeading(lane));
  say(`wrote ${values.out}`);
}

await runProgram('flamegraphs/merge', main);
