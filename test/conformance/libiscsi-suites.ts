import { TargetError } from '../../engine/errors.js';
import { peerOutput, runPeer } from '../support/run-peer.js';
import { type CunitTest, parseCunitReport, reportFaults } from './cunit-report.js';

/** The family that holds every suite. */
const FAMILY = 'ALL';
/** Some tests wait 3 s for an answer that must not come. */
const SUITE_MS_MAX = 90_000;
const LIST_MS_MAX = 10_000;

/** Names of the tests by suite, as the installed iscsi-test-cu lists them: versions differ. */
export async function listLibiscsiSuites(): Promise<Map<string, string[]>> {
  const suites = new Map<string, string[]>();
  for (const line of (await peerOutput('iscsi-test-cu', ['-l'], { timeMsMax: LIST_MS_MAX })).split('\n')) {
    const [family, suite, name] = line.trim().split('.') as [string, string?, string?];
    if (family !== FAMILY || suite === undefined || name === undefined) continue;
    const names = suites.get(suite) ?? [];
    names.push(name);
    suites.set(suite, names);
  }
  return suites;
}

/**
 * Runs one suite, which may overwrite the logical unit, and answers its tests. Throws `TargetError` `CONFORMANCE_UNRELIABLE`
 * when what the tool says cannot be believed: it crashed, could not log in, or ran other tests than `names`. A suite that it
 * does not know, for example, it passes with none.
 */
export async function runLibiscsiSuite(url: string, suite: string, names: readonly string[]): Promise<readonly CunitTest[]> {
  const args = ['--dataloss', '--verbose', `--test=${FAMILY}.${suite}`, url];
  const { exitCode, signal, stdout, stderr } = await runPeer('iscsi-test-cu', args, { timeMsMax: SUITE_MS_MAX });
  const report = parseCunitReport(stdout);
  const faults = reportFaults(report);
  const ran = report.tests.map((test) => `${test.suite}.${test.name}`);
  const listed = names.map((name) => `${suite}.${name}`);
  if (ran.join(' ') !== listed.join(' ')) faults.push(`it lists ${listed.join(' ') || 'nothing'} and ran ${ran.join(' ') || 'nothing'}`);
  const anyFailed = report.tests.some(({ verdict }) => verdict === 'failed');
  if (exitCode !== (anyFailed ? 1 : 0)) faults.push(`it ended with ${signal ?? `exit code ${exitCode}`}`);
  if (faults.length === 0) return report.tests;
  throw new TargetError('CONFORMANCE_UNRELIABLE', `iscsi-test-cu ${suite}: ${faults.join('; ')}\n${stderr}${stdout.slice(-4096)}`);
}

/** One line for a person: the verdict and, where there is something to say, why. Repeated remarks are said once. */
export function describeOutcome({ verdict, remarks, failedAssertions }: CunitTest): string {
  const texts = remarks.map(({ kind, text }) => (kind === '' ? text : `[${kind}] ${text}`));
  const said = [...new Set([...texts, ...failedAssertions])];
  return said.length === 0 ? verdict : `${verdict}: ${said.join('; ')}`;
}
