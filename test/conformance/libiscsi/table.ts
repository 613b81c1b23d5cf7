import { describeOutcome } from '../libiscsi-suites.js';
import type { ConfigurationResult } from './run-configuration.js';

/** A Markdown table: one row a configuration, one column a target, `passed / skipped / failed`. */
export function renderTable(results: readonly ConfigurationResult[]): string {
  const targets = [...new Set(results.map(({ target }) => target))];
  const configurations = [...new Set(results.map(({ configuration }) => configuration))];
  const cellOf = (target: string, configuration: string): string => {
    const result = results.find((each) => each.target === target && each.configuration === configuration);
    return result === undefined ? '' : `${result.passed.length} / ${result.skipped.length} / ${result.failed.length}`;
  };
  const rows = [
    ['configuration', ...targets],
    ['---', ...targets.map(() => '---')],
    ...configurations.map((configuration) => [configuration, ...targets.map((target) => cellOf(target, configuration))]),
  ];
  return `${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

/** Every test that was skipped or failed, with what the tool says to it. */
export function renderShortcomings({ target, configuration, skipped, failed }: ConfigurationResult): string {
  const lines = [...failed, ...skipped].map((test) => `  ${test.suite}.${test.name} ${describeOutcome(test)}`);
  return lines.length === 0 ? '' : `${target}, ${configuration}:\n${lines.join('\n')}\n`;
}
