import { TargetError } from '../../../engine/errors.js';
import { runPeer } from '../../support/run-peer.js';
import { type CunitRemark, type CunitTest, parseCunitReport, reportFaults } from '../cunit-report.js';
import type { Configuration } from './configurations.js';
import type { TargetKind } from './targets.js';

/** All suites: half a minute, and more on a loaded machine. */
const RUN_MS_MAX = 300_000;

/** What became of the tests of one configuration. */
export interface ConfigurationResult {
  readonly target: string;
  readonly configuration: string;
  readonly passed: readonly CunitTest[];
  /** The tool counts them as passed. */
  readonly skipped: readonly CunitTest[];
  readonly failed: readonly CunitTest[];
  /** Said about skips while suites are set up and torn down: no test was left out for it, but something was. */
  readonly skipsOutside: readonly CunitRemark[];
}

/**
 * Runs the suites of a configuration, all in one run of the tool as a person would start it: `iscsi-test-cu -d -S -v -t ALL URL [URL]`. Tests of suites that
 * belong to other configurations run too, and are not counted. Throws `TargetError` `CONFORMANCE_UNRELIABLE` when what the tool says cannot be believed.
 */
export async function runConfiguration(kind: TargetKind, configuration: Configuration): Promise<ConfigurationResult> {
  const target = await kind.start(configuration);
  try {
    const { stdout, stderr } = await runPeer('iscsi-test-cu', ['-d', '-S', '-v', '-t', 'ALL', ...target.urls], { timeMsMax: RUN_MS_MAX });
    const report = parseCunitReport(stdout);
    const faults = reportFaults(report);
    if (faults.length > 0) throw new TargetError('CONFORMANCE_UNRELIABLE', `${kind.name}, ${configuration.name}: ${faults.join('; ')}\n${stderr.slice(-2048)}`);
    const tests = report.tests.filter(({ suite, name }) => configuration.runs(suite, name));
    const of = (verdict: CunitTest['verdict']) => tests.filter((each) => each.verdict === verdict);
    const skipsOutside = report.remarksOutside.filter((remark) => remark.kind === 'SKIPPED');
    return { target: kind.name, configuration: configuration.name, passed: of('passed'), skipped: of('skipped'), failed: of('failed'), skipsOutside };
  } finally {
    await target.stop();
  }
}
