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
  'iSCSIcmdsn',
  'iSCSIdatasn',
  'iSCSIResiduals',
  'iSCSITMF',
] as const;

/** Run against a write-protected one. */
export const suitesOfReadOnlyUnits = ['ReadOnly'] as const;

/** Not in every version of libiscsi: run where they are. */
export const suitesOfNewerVersions = ['iSCSINop', 'iSCSISendTargets'] as const;

interface Expectation {
  readonly verdict: 'passed' | 'skipped' | 'failed';
  /** What the tool says, each once. */
  readonly says: readonly string[];
  /** Why that is so here, and what would change it. */
  readonly why: string;
}

const lacks = (commands: readonly string[]) => commands.map((command) => `[SKIPPED] ${command} is not implemented.`);

const lacksOne = (command: string): Expectation => ({
  verdict: 'skipped',
  says: lacks([command]),
  why: 'WRITE AND VERIFY is a command of later work',
});

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
  'ReportSupportedOpcodes.OneCommand': {
    verdict: 'failed',
    says: [
      '[FAILED] CDB[0] Usage Data was 0x00, expected 0x7f for opcode 0x7f',
      'test_report_supported_opcodes_one_command.c:126 - CU_ASSERT_EQUAL(rsoc_one->cdb_usage_data[0],rsoc->descriptors[i].opcode)',
    ],
    why: 'the tool keeps 16 bytes of usage data and takes those of a longer CDB, as READ (32) has, for zeros; all other opcodes pass',
  },
  'StartStopUnit.Simple': {
    verdict: 'skipped',
    says: ['[SKIPPED] Media is not removable.'],
    why: 'a disk is not; a test of optical units would be',
  },
  'iSCSIResiduals.WriteVerify10Residuals': lacksOne('WRITEVERIFY10'),
  'iSCSIResiduals.WriteVerify12Residuals': lacksOne('WRITEVERIFY12'),
  'iSCSIResiduals.WriteVerify16Residuals': lacksOne('WRITEVERIFY16'),
  'iSCSIdatasn.iSCSIDataSnInvalid': {
    verdict: 'passed',
    says: ['[FAILED] WRITE10 command failed with status 2 / sense key COMMAND ABORTED(0x0b) / ASCQ (null)(0x4b00)'],
    why: 'the test wants its broken Data-Out sequences refused, and the tool calls each refusal a failure of the command',
  },
  'ReadOnly.ReadOnlySBC': {
    verdict: 'skipped',
    says: lacks(['COMPAREANDWRITE', 'ORWRITE', 'UNMAP', 'WRITESAME10', 'WRITESAME16', 'WRITEVERIFY10', 'WRITEVERIFY12', 'WRITEVERIFY16']),
    why: 'it passes for WRITE (10), (12) and (16); the other commands that write are of later work',
  },
};
