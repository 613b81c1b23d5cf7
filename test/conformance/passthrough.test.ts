import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { peerTest } from '../support/peer-test.js';
import type { Configuration } from './libiscsi/configurations.js';
import { passthroughKind, renderDifferences } from './libiscsi/passthrough.js';
import { runConfiguration } from './libiscsi/run-configuration.js';
import { lunloomKind, tgtKind } from './libiscsi/targets.js';

// The same suites with and without a passthrough unit in between. The whole of them is compared by `npm run conformance`.
// test-timeout: 240 s

/** One of each kind: data of every length, sense data, mode pages, reservations, task management, the protocol itself. */
const SUITES = [
  'TestUnitReady',
  'Inquiry',
  'Read6',
  'Read10',
  'Read16',
  'Write10',
  'WriteVerify16',
  'Verify16',
  'CompareAndWrite',
  'Unmap',
  'GetLBAStatus',
  'ReadCapacity16',
  'ModeSense6',
  'NoMedia',
  'StartStopUnit',
  'Prefetch10',
  'PreventAllow',
  'PrinReadKeys',
  'ProutRegister',
  'ProutReserve',
  'ProutClear',
  'ProutPreempt',
  'Reserve6',
  'ReportSupportedOpcodes',
  'ExtendedCopy',
  'iSCSITMF',
  'iSCSIResiduals',
] as const;

const configuration: Configuration = {
  name: 'subset',
  what: 'suites of every kind',
  readOnly: false,
  user: 'alice',
  hasTwoPaths: false,
  unitBytes: 64 * 1024 * 1024,
  is512e: false,
  runs: (suite) => (SUITES as readonly string[]).includes(suite),
};

peerTest('through a passthrough unit, to Lunloom and to tgtd, iscsi-test-cu has the same results as without it', ['iscsi-test-cu', 'tgtd'], async () => {
  // Most of the time the tool waits, so all four run side by side.
  const pairs = [lunloomKind('inline', 'ram'), tgtKind].map((behind) =>
    Promise.all([runConfiguration(behind, configuration), runConfiguration(passthroughKind(behind), configuration)]),
  );
  for (const [direct, through] of await Promise.all(pairs)) {
    assert.is(renderDifferences(direct, through), '');
    assert.ok(through.passed.length > 50, `${through.passed.length} tests passed`);
  }
});

test.run();
