/**
 * The suites of libiscsi's iscsi-test-cu that Lunloom passes, and what of them is left out for now. A test without a row below
 * must pass in silence; one with a row must say exactly this: when a command comes to work, its part of the row goes.
 */

/** Run against a writable disk in memory. */
export const suitesExpected = [
  'Inquiry',
  'Mandatory',
  'ModeSense6',
  'Read6',
  'Read10',
  'Read12',
  'Read16',
  'ReadCapacity10',
  'ReadCapacity16',
  'ReportSupportedOpcodes',
  'StartStopUnit',
  'TestUnitReady',
  'Verify10',
  'Verify12',
  'Verify16',
  'Write10',
  'Write12',
  'Write16',
  'WriteVerify10',
  'WriteVerify12',
  'WriteVerify16',
] as const;

/** The suites of the protocol itself, which run with and without digests and CHAP. Newer versions of libiscsi have more of them. */
export const isIscsiSuite = (suite: string): boolean => suite.startsWith('iSCSI');
export const iscsiSuitesExpected = ['iSCSIResiduals', 'iSCSITMF', 'iSCSIcmdsn', 'iSCSIdatasn'] as const;

/** Run against a write-protected one. */
export const suitesOfReadOnlyUnits = ['ReadOnly'] as const;

/** Not in every version of libiscsi: run where they are. */
export const suitesOfNewerVersions = ['iSCSINop', 'iSCSISendTargets'] as const;

interface Expectation {
  readonly verdict: 'passed' | 'skipped';
  /** What the tool says, each once. */
  readonly says: readonly string[];
  /** Why that is so here, and what would change it. */
  readonly why: string;
}

const lacks = (commands: readonly string[]) => commands.map((command) => `[SKIPPED] ${command} is not implemented.`);

export const expectations: Readonly<Record<string, Expectation>> = {
  'Inquiry.BlockLimits': {
    verdict: 'skipped',
    says: ['[SKIPPED] Logical unit is fully provisioned. Skipping test'],
    why: 'the test is of the limits of UNMAP; there are no thin provisioned units yet',
  },
  'ModeSense6.Control-SWP': {
    verdict: 'passed',
    says: ['SWP is not changeable'],
    why: 'there is no MODE SELECT yet, so the Control page has nothing to change; the test ends there',
  },
  'StartStopUnit.Simple': {
    verdict: 'skipped',
    says: ['[SKIPPED] Media is not removable.'],
    why: 'a disk is not; a test of optical units would be',
  },
  'iSCSIdatasn.iSCSIDataSnInvalid': {
    verdict: 'passed',
    says: ['[FAILED] WRITE10 command failed with status 2 / sense key COMMAND ABORTED(0x0b) / ASCQ (null)(0x4b00)'],
    why: 'the test wants its broken Data-Out sequences refused, and the tool calls each refusal a failure of the command',
  },
  'ReadOnly.ReadOnlySBC': {
    verdict: 'skipped',
    says: lacks(['COMPAREANDWRITE', 'ORWRITE', 'UNMAP', 'WRITESAME10', 'WRITESAME16']),
    why: 'it passes for WRITE and WRITE AND VERIFY (10), (12) and (16); the other commands that write are of later work',
  },
};
