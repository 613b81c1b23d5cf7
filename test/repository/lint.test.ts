import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from './source-files.js';

/** Runs a program of node_modules/.bin in the root; answers what it printed when it found fault, else the empty string. */
function faultsOf(program: string, ...args: string[]): string {
  const run = spawnSync(join(root, 'node_modules/.bin', program), args, { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
  assert.is(run.error, undefined, run.error?.message);
  return run.status === 0 ? '' : `${run.stdout}${run.stderr}`;
}

function mustBeClean(faults: string): void {
  if (faults !== '') throw new assert.Assertion({ message: 'faults were found', details: faults, operator: 'lint', expects: '', actual: faults });
}

test('biome: format, import order and lint', () => mustBeClean(faultsOf('biome', 'check', '--colors=off', '--max-diagnostics=50', '.')));

test('oxlint', () => mustBeClean(faultsOf('oxlint', '--quiet', '--format=unix', '.')));

test('no promise is left floating', () => {
  // Biome infers types across files for this rule; oxlint would need a type-aware companion that is no dependency of ours.
  // The rule is young and informs only, so that its findings must be looked for in the report instead of the exit code.
  const args = ['lint', '--colors=off', '--only=nursery/noFloatingPromises', '--diagnostic-level=info', '--reporter=json', '.'];
  const run = spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd: root, encoding: 'utf8' });
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { location: { path: unknown; start?: { line: number } } }[] };
  assert.equal(
    diagnostics.map(({ location }) => location),
    [],
  );
});

test.run();
