import { configurations } from './configurations.js';
import { passthroughKind, renderDifferences } from './passthrough.js';
import { type ConfigurationResult, runConfiguration } from './run-configuration.js';
import { renderShortcomings, renderTable } from './table.js';
import { lunloomKinds, type TargetKind, tgtKind } from './targets.js';

/**
 * `npm run conformance`: libiscsi's whole suite in four configurations against Lunloom, and against tgt unless `-- --no-tgt` is given. Ends with exit code 1
 * when a test of Lunloom was skipped or failed, or when a passthrough unit before a target made its results worse. The targets of one configuration run
 * side by side: most of the time the suite waits.
 */
const first = lunloomKinds[0] as TargetKind;
const passed: readonly TargetKind[] = process.argv.includes('--no-tgt') ? [first] : [first, tgtKind];
const kinds = [...lunloomKinds, ...passed.filter((kind) => kind !== first)];
const differences: string[] = [];
const results: ConfigurationResult[] = [];
for (const configuration of configurations) {
  process.stdout.write(`\n${configuration.name}: ${configuration.what}\n`);
  const ofConfiguration = await Promise.all(kinds.map((kind) => runConfiguration(kind, configuration)));
  for (const result of ofConfiguration) {
    const { target, passed, skipped, failed } = result;
    process.stdout.write(`  ${target}: ${passed.length} passed, ${skipped.length} skipped, ${failed.length} failed\n`);
    process.stdout.write(renderShortcomings(result));
  }
  const through = await Promise.all(passed.map((kind) => runConfiguration(passthroughKind(kind), configuration)));
  for (const [index, result] of through.entries()) {
    const direct = ofConfiguration.find(({ target }) => target === passed[index]?.name) as ConfigurationResult;
    const different = renderDifferences(direct, result);
    process.stdout.write(`  ${result.target}: ${different === '' ? 'the same results' : `other results\n${different}`}\n`);
    if (different !== '') differences.push(different);
  }
  results.push(...ofConfiguration, ...through);
}
process.stdout.write(`\npassed / skipped / failed of iscsi-test-cu -d -S -v\n\n${renderTable(results)}`);
const isOfTgt = (target: string): boolean => target.endsWith(tgtKind.name);
const isWhole = results.every(({ target, skipped, failed }) => isOfTgt(target) || (skipped.length === 0 && failed.length === 0));
process.exitCode = isWhole && differences.length === 0 ? 0 : 1;
