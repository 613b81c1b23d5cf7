import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { Deferral, UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError, SenseKey } from '../sense.js';
import { LateAnswer } from './background-work.js';
import { SelfTest, type SelfTestExtent } from './self-test.js';

/*
 * SEND DIAGNOSTIC, SPC-4 "SEND DIAGNOSTIC command".
 *
 *     0| 0x1d | SELF-TEST CODE (3) . PF . Reserved . SELFTEST DEVOFFL UNITOFFL | Reserved | Parameter List Length | Control |
 */
const SELF_TEST_CODE_SHIFT = 5;
const SELF_TEST_CODE_BIT = 7;
const PF_BIT = 0x10;
const PF_BIT_NUMBER = 4;
const SELFTEST_BIT = 0x04;
const PARAMETER_LIST_LENGTH_AT = 3;

/** Diagnostic pages, SPC-4 "Diagnostic parameters". */
const SUPPORTED_PAGES = 0x00;
const PAGE_LENGTH_AT = 2;
const PAGE_HEADER_LENGTH = 4;

/** SELF-TEST CODE field; 0 is no self-test. */
const BACKGROUND_SHORT = 0b001;
const BACKGROUND_EXTENDED = 0b010;
const ABORT_BACKGROUND = 0b100;
const FOREGROUND_SHORT = 0b101;
const FOREGROUND_EXTENDED = 0b110;

const HOURS_SECONDS = 3600;

const sendDiagnosticRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  accessState: 'standby',
  opcode: 0x1d,
  name: 'SEND DIAGNOSTIC',
  clause: 'SPC-4 "SEND DIAGNOSTIC command"',
  cdbLength: 6,
  // DEVOFFL and UNITOFFL say what a test may do to the data and the state of others: ours only reads, so that they make no difference.
  cdbUsage: [0x1d, 0xf7, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  timeoutSeconds: { nominal: HOURS_SECONDS, recommended: 24 * HOURS_SECONDS },
  plan(command) {
    const flags = command.cdb[1] as number;
    const code = flags >> SELF_TEST_CODE_SHIFT;
    const isDefaultTest = (flags & SELFTEST_BIT) !== 0;
    const lengthBytes = command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT);
    if (isDefaultTest && code !== 0) return invalidFieldInCdb(command, 1, SELF_TEST_CODE_BIT);
    // PF says which format pages have: with a self-test there are none, and without it they are the vendor's own, of which we have none.
    if ((flags & PF_BIT) !== 0 && (isDefaultTest || code !== 0)) return invalidFieldInCdb(command, 1, PF_BIT_NUMBER);
    if ((flags & PF_BIT) === 0 && lengthBytes !== 0) return invalidFieldInCdb(command, PARAMETER_LIST_LENGTH_AT);
    planParameterList(command, lengthBytes, PARAMETER_LIST_LENGTH_AT);
  },
  execute(command, unit, _nexus, deferral) {
    const flags = command.cdb[1] as number;
    const code = flags >> SELF_TEST_CODE_SHIFT;
    if ((flags & SELFTEST_BIT) !== 0) testInForeground(command, unit, deferral, 'short');
    else if (code !== 0) runSelfTest(command, unit, deferral, code);
    else if (command.plannedDataOutLength !== 0) checkPage(command);
  },
};

/**
 * The one page that can be sent asks for the list of pages, which RECEIVE DIAGNOSTIC RESULTS gives anyway: `sg_senddiag --list` does so.
 *
 *     0| Page Code 0x00 | Reserved | Page Length 0 (2) |
 */
function checkPage(command: CommandSlot): void {
  const page = parameterListOf(command);
  if (page.length < PAGE_HEADER_LENGTH) parameterListLengthError(command);
  else if (page[0] !== SUPPORTED_PAGES) invalidFieldInParameterList(command, 0);
  else if (page[PAGE_LENGTH_AT] !== 0 || page[PAGE_LENGTH_AT + 1] !== 0) invalidFieldInParameterList(command, PAGE_LENGTH_AT);
  else if (page.length !== PAGE_HEADER_LENGTH) parameterListLengthError(command);
}

function runSelfTest(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, code: number): void {
  const selfTest = unit.part(SelfTest);
  // SPC-4 "SEND DIAGNOSTIC command", SELF-TEST CODE 100b: with none that runs it is an error.
  if (code === ABORT_BACKGROUND && selfTest.isRunning) selfTest.abort();
  else if (selfTest.isRunning) checkCondition(command, SenseKey.notReady, Asc.selfTestInProgress);
  else if (code === BACKGROUND_SHORT) void selfTest.runInBackground('short');
  else if (code === BACKGROUND_EXTENDED) void selfTest.runInBackground('extended');
  else if (code === FOREGROUND_SHORT) testInForeground(command, unit, deferral, 'short');
  else if (code === FOREGROUND_EXTENDED) testInForeground(command, unit, deferral, 'extended');
  else invalidFieldInCdb(command, 1, SELF_TEST_CODE_BIT);
}

/** The command ends with the test. */
function testInForeground(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, extent: SelfTestExtent): void {
  let isAborted = false;
  const answer = new LateAnswer(deferral, () => {
    isAborted = true;
  });
  void unit
    .part(SelfTest)
    .run(extent, () => isAborted)
    .then((outcome) =>
      answer.give(() => {
        if (outcome !== 'passed') checkCondition(command, SenseKey.hardwareError, Asc.logicalUnitFailedSelfTest);
      }),
    );
}

/*
 * RECEIVE DIAGNOSTIC RESULTS, SPC-4 "RECEIVE DIAGNOSTIC RESULTS command".
 *
 *     0| 0x1c | Reserved . PCV | Page Code | Allocation Length | Control |
 */
const PCV_BIT = 0x01;
const PAGE_CODE_AT = 2;
const ALLOCATION_LENGTH_AT = 3;

/** Supported Diagnostic Pages: this one. SPC-4 "Supported Diagnostic Pages diagnostic page". */
const supportedPages = Uint8Array.of(SUPPORTED_PAGES, 0x00, 0x00, 0x01, SUPPORTED_PAGES);

const receiveDiagnosticResultsRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  accessState: 'standby',
  opcode: 0x1c,
  name: 'RECEIVE DIAGNOSTIC RESULTS',
  clause: 'SPC-4 "RECEIVE DIAGNOSTIC RESULTS command"',
  cdbLength: 6,
  cdbUsage: [0x1c, PCV_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
  passesNotReady: true,
  execute(command) {
    // Without PCV the answer is that to the last SEND DIAGNOSTIC, which had no page: so it is the list, too.
    const isPageNamed = ((command.cdb[1] as number) & PCV_BIT) !== 0;
    if (isPageNamed && command.cdb[PAGE_CODE_AT] !== SUPPORTED_PAGES) return invalidFieldInCdb(command, PAGE_CODE_AT);
    returnData(command, supportedPages.slice(), command.cdbView.getUint16(ALLOCATION_LENGTH_AT));
  },
};

export const diagnosticRows: readonly UnitCommandRow[] = [receiveDiagnosticResultsRow, sendDiagnosticRow];
