import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CunitTest } from '../conformance/cunit-report.js';
import { describeOutcome, listLibiscsiSuites, runLibiscsiSuite } from '../conformance/libiscsi-suites.js';
import { type LunloomOptions, withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { COULD_NOT_RUN } from '../support/uvu-output.js';
import { DigestGateway } from './digest-gateway.js';
import { expectations, iscsiSuitesExpected, isIscsiSuite, suitesExpected, suitesOfNewerVersions, suitesOfReadOnlyUnits } from './iscsi-test-cu-expectations.js';
import { credentials, matrixOptions, urlOf } from './iscsi-test-cu-matrix.js';

// libiscsi's conformance suite against the whole engine, with medium commands on the main thread and on the workers.
// Two of its tests wait 3 s each for an answer that must not come: what differs in digests or CHAP runs side by side.
// test-timeout: 240 s

/** By test: its verdict and what the tool said to it. */
type Outcomes = Readonly<Record<string, string>>;

const EXECUTIONS = ['inline', 'pool'] as const;
const nameOf = ({ suite, name }: CunitTest) => `${suite}.${name}`;

async function runSuites(options: LunloomOptions, suites: readonly string[]): Promise<Outcomes> {
  const listed = await listLibiscsiSuites();
  const tests = await withLunloom(options, async (lunloom) => {
    const tests: CunitTest[] = [];
    for (const suite of suites) tests.push(...(await runLibiscsiSuite(lunloom.url(), suite, listed.get(suite) ?? [])));
    return tests;
  });
  return Object.fromEntries(tests.map((each) => [nameOf(each), describeOutcome(each)]));
}

function expectedOutcome(name: string): string {
  const expectation = expectations[name];
  return expectation === undefined ? 'passed' : `${expectation.verdict}: ${expectation.says.join('; ')}`;
}

function checkOutcomes(outcomes: Outcomes): void {
  const differing = Object.keys(outcomes).filter((name) => outcomes[name] !== expectedOutcome(name));
  assert.equal(
    differing.map((name) => `${name} ${outcomes[name]}`),
    differing.map((name) => `${name} ${expectedOutcome(name)}`),
  );
}

/** What each execution policy led to, for the comparison at the end. */
const outcomesByExecution = new Map<string, Outcomes>();

for (const execution of EXECUTIONS) {
  peerTest(`libiscsi's suites pass with --execution ${execution}`, ['iscsi-test-cu'], async () => {
    const outcomes = await runSuites({ args: ['--execution', execution, '--lun', '0=ram:64MiB'] }, suitesExpected);
    outcomesByExecution.set(execution, outcomes);
    checkOutcomes(outcomes);
  });
}

peerTest('where commands run makes no difference to libiscsi', ['iscsi-test-cu'], () => {
  const [inline, pool] = EXECUTIONS.map((execution) => outcomesByExecution.get(execution));
  assert.ok(inline !== undefined && pool !== undefined && Object.keys(inline).length > 0, 'both have run');
  assert.equal(pool, inline);
});

/** The suites of the protocol that the installed tool has. */
async function listIscsiSuites(): Promise<Map<string, string[]>> {
  return new Map([...(await listLibiscsiSuites())].filter(([suite]) => isIscsiSuite(suite)));
}

/** Every suite of the protocol with all credentials at once, each on a target of its own. None may skip a thing. */
async function runIscsiSuites(portal: string): Promise<void> {
  const listed = await listIscsiSuites();
  await Promise.all(
    credentials.map(async (each) => {
      const tests: CunitTest[] = [];
      for (const [suite, names] of listed) tests.push(...(await runLibiscsiSuite(urlOf(each, portal), suite, names)));
      checkOutcomes(Object.fromEntries(tests.map((each) => [nameOf(each), describeOutcome(each)])));
      const others = tests.filter(({ verdict }) => verdict !== 'passed').map(nameOf);
      assert.equal(others, [], `${each.name}: passed without a skip`);
    }),
  );
}

for (const execution of EXECUTIONS) {
  for (const digests of ['None', 'CRC32C'] as const) {
    peerTest(`the iSCSI suites pass without a skip, with digests ${digests}, with and without CHAP, --execution ${execution}`, ['iscsi-test-cu'], async () => {
      const { options, remove } = matrixOptions(execution);
      try {
        await withLunloom(options, (lunloom) => (digests === 'None' ? runIscsiSuites(lunloom.portals[0] as string) : runWithDigests(lunloom.port)));
      } finally {
        remove();
      }
    });
  }
}

async function runWithDigests(port: number): Promise<void> {
  const gateway = await DigestGateway.start(port);
  try {
    await runIscsiSuites(gateway.portal);
  } finally {
    await gateway.close();
  }
  const up = gateway.connections.filter(({ isUp }) => isUp);
  assert.ok(up.length >= credentials.length * iscsiSuitesExpected.length, `${up.length} connections`);
  assert.ok(
    up.every(({ header, data }) => header && data),
    'each of them has both digests',
  );
  assert.ok(gateway.dataDigestsCheckedCount > up.length, `${gateway.dataDigestsCheckedCount} data digests of the target were checked`);
  assert.equal(gateway.faults, []);
}

peerTest('without the right secrets, of the initiator and of the target, no suite runs', ['iscsi-test-cu'], async () => {
  const { options, remove } = matrixOptions('inline');
  try {
    await withLunloom(options, async (lunloom) => {
      const names = (await listLibiscsiSuites()).get('TestUnitReady') ?? [];
      for (const each of credentials.filter(({ user }) => user !== undefined)) {
        const url = urlOf(each, lunloom.portals[0] as string);
        await assertRunsNothing(url.replace('secret-of-the-user', 'secret-of-a-thief'), names, /Authentication failure/);
        await assertRunsNothing(url.replace(`${each.user}%`, 'mallory%'), names, /Authentication failure/);
        if (each.targetUser === undefined) continue;
        await assertRunsNothing(url.replace('secret-of-the-target', 'secret-of-a-liar'), names, /Invalid CHAP_R response from the target/);
        await assertRunsNothing(url.replace('target_user=', 'target_user=x'), names, /Wrong CHAP targetname received/);
      }
    });
  } finally {
    remove();
  }
});

async function assertRunsNothing(url: string, names: readonly string[], why: RegExp): Promise<void> {
  let message = 'it ran';
  try {
    await runLibiscsiSuite(url, 'TestUnitReady', names);
  } catch (error) {
    message = (error as Error).message;
  }
  assert.match(message, why);
}

/** Suites of commands that are of later work: what is not there must be skipped, not fail. */
peerTest('no test of any other suite fails', ['iscsi-test-cu'], async () => {
  const suites = [...(await listLibiscsiSuites()).keys()];
  const others = suites.filter((suite) => !isIscsiSuite(suite) && !(suitesExpected as readonly string[]).includes(suite));
  assert.ok(others.length > 0);
  const outcomes = await runSuites({ args: ['--lun', '0=ram:64MiB'] }, others);
  assert.equal(
    Object.entries(outcomes).filter(([, outcome]) => !/^(passed|skipped)\b/.test(outcome)),
    [],
  );
});

peerTest('a read-only unit refuses every command that writes', ['iscsi-test-cu'], async () => {
  checkOutcomes(await runSuites({ args: ['--lun', '0=ram:64MiB,readonly'] }, suitesOfReadOnlyUnits));
});

peerTest('what is expected is expected of suites that run', ['iscsi-test-cu'], async () => {
  const listed = await listLibiscsiSuites();
  const names = [...suitesExpected, ...iscsiSuitesExpected, ...suitesOfReadOnlyUnits].flatMap((suite) =>
    (listed.get(suite) ?? []).map((name) => `${suite}.${name}`),
  );
  assert.equal(
    Object.keys(expectations).filter((name) => !names.includes(name)),
    [],
  );
  assert.equal(
    iscsiSuitesExpected.filter((suite) => !listed.has(suite)),
    [],
  );
  const absent = suitesOfNewerVersions.filter((suite) => !listed.has(suite));
  if (absent.length > 0) process.stdout.write(`\n${COULD_NOT_RUN} iscsi-test-cu ${absent.join(' and ')}: this version of libiscsi-bin does not have them\n`);
});

peerTest('a suite that the tool does not have is not taken for one that passed', ['iscsi-test-cu'], async () => {
  await withLunloom({ args: ['--lun', '0=ram:1MiB'] }, async (lunloom) => {
    let message = '';
    try {
      await runLibiscsiSuite(lunloom.url(), 'Raed10', ['Simple']);
    } catch (error) {
      message = (error as Error).message;
    }
    assert.match(message, 'it lists Raed10.Simple and ran nothing');
  });
});

test.run();
