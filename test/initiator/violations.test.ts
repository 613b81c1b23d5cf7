import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTextData } from '../../engine/pdu/index.js';
import { testUnitReadyCdb } from '../../initiator/cdb.js';
import { type CheckName, checkClauses } from '../../initiator/checks.js';
import type { TargetViolation } from '../../initiator/errors.js';
import { dataViolations } from './data-violations.js';
import { closeAll, errorOf, openPair } from './session-harness.js';
import { sessionViolations } from './session-violations.js';

test.after.each(closeAll);

const violations = [...dataViolations, ...sessionViolations];

for (const { name, check, options, keys, script } of violations) {
  test(`${check}: ${name}`, async () => {
    const pair = await openPair(options, keys);
    await script(pair);
    const witness = pair.session.isClosed ? null : errorOf(pair.session.command({ lun: 0, cdb: testUnitReadyCdb(), timeoutMs: 2_000 }));
    const error = ((await witness) ?? pair.session.closeCause) as TargetViolation | null;
    assert.is(error?.code, 'TARGET_VIOLATION', error?.message);
    assert.is(error?.check, check, error?.message);
    assert.ok(pair.session.isClosed, 'a violation ends the session');
  });
}

test('every check has a case here, in the login or in the negotiation', () => {
  const elsewhere: readonly CheckName[] = ['loginAnswer', 'keyAnswer', 'keyUnanswered', 'chap'];
  const covered = new Set<string>([...violations.map(({ check }) => check), ...elsewhere]);
  assert.equal(
    Object.keys(checkClauses).filter((name) => !covered.has(name)),
    [],
  );
});

test('SendTargets that begins with an address', async () => {
  const { session, connection } = await openPair();
  const pending = errorOf(session.sendTargets());
  connection.textResponse(await connection.next(), encodeTextData([['TargetAddress', 'x:1,1']]));
  assert.is(((await pending) as TargetViolation).check, 'textFormat');
});

test('what is tolerated is noted and the session goes on', async () => {
  const { session, connection } = await openPair({ tolerate: ['maxCmdSNRegressed', 'expDataSN'] });
  for (let i = 0; i < 2; i++) {
    const pending = session.command({ lun: 0, cdb: testUnitReadyCdb() });
    connection.scsiResponse(await connection.next(), { maxCmdSN: 20, expDataSN: 3 });
    assert.is((await pending).status, 0);
  }
  assert.equal([...session.toleratedViolations.keys()].sort(), ['expDataSN', 'maxCmdSNRegressed']);
  assert.is(session.window.maxCmdSN, 32, 'what was withdrawn still counts');
});

test.run();
