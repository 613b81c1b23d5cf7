import { TargetError } from '../../../engine/errors.js';
import { runPeer } from '../../support/run-peer.js';
import { type CunitRemark, type CunitTest, parseCunitReport, reportFaults } from '../cunit-report.js';
import { listLibiscsiSuites } from '../libiscsi-suites.js';
import type { Configuration } from './configurations.js';
import type { TargetKind } from './targets.js';

/** All suites: half a minute, a minute more for Sanitize, which waits that long by itself; and longer on a loaded machine. */
const RUN_MS_MAX = 400_000;
/**
 * With two paths, Sanitize.Reservations leaves the reservation of the second path behind, and Sanitize.Reset, which follows, must then fail: this suite
 * runs with one path, by itself.
 */
const SUITE_OF_ONE_PATH = 'Sanitize';
/** Its tests want to find a sanitize at work, and have all of it rewritten many times. */
const SANITIZED_BYTES = 512 * 1024 * 1024;

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
 * Runs the suites of a configuration, all in one run of the tool: `iscsi-test-cu -d -S -v -t ALL.Suite,… URL [URL]`. Throws `TargetError`
 * `CONFORMANCE_UNRELIABLE` when what the tool says cannot be believed.
 */
export async function runConfiguration(kind: TargetKind, configuration: Configuration): Promise<ConfigurationResult> {
  const listed = await listLibiscsiSuites();
  const suites = [...listed].filter(([suite, names]) => names.some((name) => configuration.runs(suite, name))).map(([suite]) => suite);
  const together = suites.filter((suite) => !configuration.hasTwoPaths || suite !== SUITE_OF_ONE_PATH);
  const apart = suites.filter((suite) => !together.includes(suite));
  const runs = [runSuites(kind, configuration, together)];
  if (apart.length > 0) runs.push(runSuites(kind, { ...configuration, hasTwoPaths: false, unitBytes: SANITIZED_BYTES }, apart));
  const parts = await Promise.all(runs);
  const tests = parts.flatMap((part) => part.tests).filter(({ suite, name }) => configuration.runs(suite, name));
  const of = (verdict: CunitTest['verdict']) => tests.filter((each) => each.verdict === verdict);
  const skipsOutside = parts.flatMap((part) => part.remarksOutside).filter((remark) => remark.kind === 'SKIPPED');
  return { target: kind.name, configuration: configuration.name, passed: of('passed'), skipped: of('skipped'), failed: of('failed'), skipsOutside };
}

interface SuiteResults {
  readonly tests: readonly CunitTest[];
  readonly remarksOutside: readonly CunitRemark[];
}

async function runSuites(kind: TargetKind, configuration: Configuration, suites: readonly string[]): Promise<SuiteResults> {
  const target = await kind.start(configuration);
  try {
    const selection = suites.map((suite) => `ALL.${suite}`).join(',');
    const { stdout, stderr } = await runPeer('iscsi-test-cu', ['-d', '-S', '-v', '-t', selection, ...target.urls], { timeMsMax: RUN_MS_MAX });
    const report = parseCunitReport(stdout);
    const faults = reportFaults(report);
    for (const suite of suites) if (!report.tests.some((test) => test.suite === suite)) faults.push(`${suite} did not run`);
    if (faults.length === 0) return report;
    throw new TargetError('CONFORMANCE_UNRELIABLE', `${kind.name}, ${configuration.name}: ${faults.join('; ')}\n${stderr.slice(-2048)}`);
  } finally {
    await target.stop();
  }
}
