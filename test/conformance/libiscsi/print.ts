import { configurations } from './configurations.js';
import { type ConfigurationResult, runConfiguration } from './run-configuration.js';
import { renderShortcomings, renderTable } from './table.js';
import { lunloomKinds, tgtKind } from './targets.js';

/**
 * `npm run conformance`: libiscsi's whole suite in four configurations against Lunloom, and against tgt unless `-- --no-tgt` is given. Ends with exit code 1
 * when a test of Lunloom was skipped or failed.
 */
const kinds = process.argv.includes('--no-tgt') ? lunloomKinds : [...lunloomKinds, tgtKind];
const results: ConfigurationResult[] = [];
for (const kind of kinds) {
  for (const configuration of configurations) {
    const result = await runConfiguration(kind, configuration);
    results.push(result);
    const { passed, skipped, failed } = result;
    process.stdout.write(`${kind.name}, ${configuration.name}: ${passed.length} passed, ${skipped.length} skipped, ${failed.length} failed\n`);
    process.stdout.write(renderShortcomings(result));
  }
}
process.stdout.write(`\npassed / skipped / failed of iscsi-test-cu -d -S -v\n\n${renderTable(results)}`);
const isWhole = results.every(({ target, skipped, failed }) => target === tgtKind.name || (skipped.length === 0 && failed.length === 0));
process.exitCode = isWhole ? 0 : 1;
