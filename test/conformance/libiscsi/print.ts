import { configurations } from './configurations.js';
import { type ConfigurationResult, runConfiguration } from './run-configuration.js';
import { renderShortcomings, renderTable } from './table.js';
import { lunloomKinds, tgtKind } from './targets.js';

/**
 * `npm run conformance`: libiscsi's whole suite in four configurations against Lunloom, and against tgt unless `-- --no-tgt` is given. Ends with exit code 1
 * when a test of Lunloom was skipped or failed. The targets of one configuration run side by side: most of the time the suite waits.
 */
const kinds = process.argv.includes('--no-tgt') ? lunloomKinds : [...lunloomKinds, tgtKind];
const results: ConfigurationResult[] = [];
for (const configuration of configurations) {
  process.stdout.write(`\n${configuration.name}: ${configuration.what}\n`);
  const ofConfiguration = await Promise.all(kinds.map((kind) => runConfiguration(kind, configuration)));
  for (const result of ofConfiguration) {
    const { target, passed, skipped, failed } = result;
    process.stdout.write(`  ${target}: ${passed.length} passed, ${skipped.length} skipped, ${failed.length} failed\n`);
    process.stdout.write(renderShortcomings(result));
  }
  results.push(...ofConfiguration);
}
process.stdout.write(`\npassed / skipped / failed of iscsi-test-cu -d -S -v\n\n${renderTable(results)}`);
const isWhole = results.every(({ target, skipped, failed }) => target === tgtKind.name || (skipped.length === 0 && failed.length === 0));
process.exitCode = isWhole ? 0 : 1;
