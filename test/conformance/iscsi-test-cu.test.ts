import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DigestGateway } from '../e2e/digest-gateway.js';
import { withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import type { CunitTest } from './cunit-report.js';
import { configurations } from './libiscsi/configurations.js';
import { credentials, matrixOptions, urlOf } from './libiscsi/credentials-matrix.js';
import { runConfiguration } from './libiscsi/run-configuration.js';
import { renderShortcomings } from './libiscsi/table.js';
import { lunloomKinds } from './libiscsi/targets.js';
import { describeOutcome, listLibiscsiSuites, runLibiscsiSuite } from './libiscsi-suites.js';

// libiscsi's conformance suite against the whole engine, in its four configurations, with medium commands on the main thread and on the workers.
// Two of its tests wait 3 s each for an answer that must not come: what differs in digests or CHAP runs side by side.
// test-timeout: 900 s

const EXECUTIONS = ['inline', 'pool'] as const;

for (const configuration of configurations) {
  peerTest(
    `${configuration.name}: iscsi-test-cu passes every test and skips none, inline and on the pool, on ram and on a file`,
    ['iscsi-test-cu'],
    async () => {
      // Most of the time the tool waits: for answers that must not come, and a minute for a sanitize.
      const results = await Promise.all(lunloomKinds.map((kind) => runConfiguration(kind, configuration)));
      assert.is(results.map(renderShortcomings).join(''), '');
      for (const { passed, skipsOutside } of results) {
        assert.ok(passed.length > 0, 'tests ran');
        assert.equal(skipsOutside, [], 'nothing is left out between tests');
      }
    },
  );
}

/** The suites of the protocol that the installed tool has. */
async function listIscsiSuites(): Promise<Map<string, string[]>> {
  return new Map([...(await listLibiscsiSuites())].filter(([suite]) => suite.startsWith('iSCSI')));
}

/** Every suite of the protocol with all credentials at once, each on a target of its own. None may skip a thing. */
async function runIscsiSuites(portal: string): Promise<void> {
  const listed = await listIscsiSuites();
  await Promise.all(
    credentials.map(async (each) => {
      const tests: CunitTest[] = [];
      for (const [suite, names] of listed) tests.push(...(await runLibiscsiSuite(urlOf(each, portal), suite, names)));
      const others = tests.filter(({ verdict }) => verdict !== 'passed').map((test) => `${test.suite}.${test.name} ${describeOutcome(test)}`);
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
  assert.ok(up.length >= credentials.length * (await listIscsiSuites()).size, `${up.length} connections`);
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

peerTest('together the configurations run every test that the tool has', ['iscsi-test-cu'], async () => {
  const listed = [...(await listLibiscsiSuites())].flatMap(([suite, names]) => names.map((name) => [suite, name] as const));
  assert.ok(listed.length > 200);
  assert.equal(
    listed.filter(([suite, name]) => !configurations.some(({ runs }) => runs(suite, name))),
    [],
  );
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
